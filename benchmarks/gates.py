"""Gates on simulated boards: do they open, are their forecasts kept, does the burner hold, is the equilibrium right?

Everything is computed, on a clock that is turned: the gate's own rules against the simulator's thermal model, in a room
that moves by +-2.5 C (sines of 2.5 to 6 hours, ramps of 1 to 2.5 C an hour), readings with 0.4 C of noise in steps of
0.49 C. A study is one first gate, after an idle time or other people's load, and gates after runs of 75 to 200 s.
"""

import argparse
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from agent.cooling import NOTHING, Prior
from agent.gatekeeper import MEAN_S, Decision, GateKeeper, GateStep
from agent.protocol import Reading
from agent.wire.spec import Gate
from benchmarks.command import run_command, tell
from benchmarks.figure import Estimate, Figure, Target, share_of
from orchestrator.protocols import PRESETS
from orchestrator.simulator import thermal
from orchestrator.simulator.boards import board_kind
from orchestrator.simulator.thermal import Die, Silicon

PERIOD_S = 0.5
CORES = 4
NOISE_C, STEP_C = 0.4, 0.49
ROOM_C, ROOM_SWING_C = 25.0, 2.5
FORECAST_WITHIN = 0.2
HELD_WITHIN_C = 1.0
STATED_WITHIN = 2.0  # standard errors
LATER_GATES = 6
_PI4 = board_kind("pi4-bare").silicon
# bare, in a heatsink case and with a fan: the two-node models of a Pi 4
BOARDS = {
    "bare": _PI4,
    "cased": replace(_PI4, junction_k_per_w=1.8, junction_j_per_k=10.0, sink_k_per_w=(4.5,), board_j_per_k=150.0),
    "cooled": replace(_PI4, junction_k_per_w=2.0, junction_j_per_k=6.0, sink_k_per_w=(3.0,), board_j_per_k=40.0),
}
Room = Callable[[float], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """One gate: how it ended, and what was true while it did. `held` are the true 10 s means less the target."""

    is_first: bool
    is_open: bool
    reason: str
    waited_s: float
    hold_s: float
    forecast_s: float | None
    told_at_s: float | None
    held: tuple[float, ...] = ()
    asymptote_miss_c: float | None = None
    stated_c: float | None = None

    @property
    def is_told_before_holding(self) -> bool:
        """Whether the forecast was more than counting the holding down."""
        return self.told_at_s is not None and self.told_at_s < self.waited_s - self.hold_s - PERIOD_S

    @property
    def is_kept(self) -> bool | None:
        """Whether the wait was within 20 % of its forecast; None where there was none."""
        if self.forecast_s is None:
            return None
        return abs(self.waited_s - self.forecast_s) <= FORECAST_WITHIN * self.forecast_s


@dataclass(slots=True)
class Bench:
    """A simulated board in a room that moves, on a clock that only `step` turns."""

    silicon: Silicon
    room: Room
    rng: random.Random
    now_s: float = 0.0
    die: Die = field(init=False)

    def __post_init__(self) -> None:
        self.die = replace(thermal.at_rest(self.silicon, ambient_c=self.room(0.0)), clock_hz=self.silicon.max_hz)

    def step(self, utilisation: float, dt_s: float = PERIOD_S) -> None:
        """Let time pass with so much of all cores busy; boards are gated under the performance governor."""
        self.now_s += dt_s
        self.die = thermal.advance(
            self.silicon,
            self.die,
            utilisation=utilisation,
            requested_hz=self.silicon.max_hz,
            ambient_c=self.room(self.now_s),
            dt_s=dt_s,
        )

    def load(self, seconds: float) -> None:
        """A run, or somebody else's."""
        for _ in range(int(seconds)):
            self.step(1.0, 1.0)

    def read(self) -> Reading:
        """What its sensor says."""
        noisy_c = self.die.junction_c + self.rng.gauss(0.0, NOISE_C)
        return Reading(at_s=self.now_s, temperature_c=round(noisy_c / STEP_C) * STEP_C, throttled=0, foreign_cpu=0.0)

    @property
    def equilibrium_c(self) -> float:
        """What the die would come to in the room as it is now, idle."""
        silicon, die = self.silicon, self.die
        here_c = die.junction_c
        for _ in range(4):  # leakage depends on it
            watts = silicon.idle_w + silicon.leakage_w(here_c)
            here_c = self.room(self.now_s) + watts * (silicon.junction_k_per_w + silicon.sink_k_per_w[die.fan_level])
        return here_c


def measure(options: argparse.Namespace) -> list[Figure]:
    """Figures of each board."""
    figures = []
    for name in BOARDS:
        tell(f"gates: {options.studies} studies on a {name} board")
        figures += judge(name, [gate for seed in range(options.studies) for gate in study(name, options.seed + seed)])
    return figures


def study(name: str, seed: int, later: int = LATER_GATES) -> list[Passed]:
    """The gates of one study on a board, the first one first."""
    rng = random.Random(f"{name}-{seed}")
    bench = Bench(silicon=BOARDS[name], room=_room(rng), rng=rng)
    bench.load(rng.choice((0.0, 0.0, 60.0, 300.0)))
    gate, known = PRESETS["standard"].protocol.gate, NOTHING
    passed, keeper = pass_gate(bench, gate, known)
    gates = [passed]
    for _ in range(later):
        known = keeper.outlook.learnt()
        bench.load(rng.uniform(75.0, 200.0))
        gate = replace(gate, start_c=gate.start_c if gate.start_c is not None else keeper.start_c, above_idle_c=None)
        passed, keeper = pass_gate(bench, gate, known)
        gates.append(passed)
    return gates


def pass_gate(bench: Bench, gate: Gate, known: Prior) -> tuple[Passed, GateKeeper]:
    """Stand at a gate until its decision is final."""
    keeper, began_s = GateKeeper(gate, known=known), bench.now_s
    told_at_s, carry = None, 0.0
    true_c: list[float] = []
    held: list[float] = []
    while True:
        was_warmed, decision = keeper.has_warmed, keeper.decide(bench.read())
        if decision.is_final:
            break
        if keeper.forecast_s is not None and told_at_s is None:
            told_at_s = bench.now_s - began_s
        true_c = [*true_c, bench.die.junction_c][-int(MEAN_S / PERIOD_S) :]
        if decision.step is GateStep.HOLD and was_warmed and keeper.start_c is not None:
            held.append(math.fsum(true_c) / len(true_c) - keeper.start_c)
        carry += decision.duty * CORES
        busy = min(CORES, int(carry + 0.5))
        carry -= busy
        bench.step(busy / CORES)
    return _passed(bench, keeper, decision, told_at_s, held, gate), keeper


def judge(name: str, gates: Sequence[Passed]) -> list[Figure]:
    """The figures of a board's gates."""
    whole = (Target(at_least=1.0),)
    figures = [
        _share(f"{name}: gates that opened", [gate.is_open for gate in gates], "of gates"),
        _share(f"{name}: opened, or timed out with a reason", [bool(gate.reason) for gate in gates], "of gates", whole),
    ]
    for words, own in (
        ("first gates", [gate for gate in gates if gate.is_first]),
        ("later gates", [gate for gate in gates if not gate.is_first]),
    ):
        kept = [gate.is_kept for gate in own if gate.is_kept is not None]
        early = [gate.told_at_s / gate.waited_s for gate in own if gate.told_at_s is not None and gate.waited_s > 0]
        figures += [
            _share(f"{name}: {words}, wait within 20 % of the forecast", kept, "of forecasts", (Target(at_least=0.9),)),
            _share(f"{name}: {words}, with a forecast", [gate.forecast_s is not None for gate in own], "of gates"),
            _share(
                f"{name}: {words}, the same, told before the holding",
                [bool(gate.is_kept) for gate in own if gate.is_told_before_holding],
                "of forecasts",
            ),
            _share(f"{name}: {words}, told in the first half of the wait", [at <= 0.5 for at in early], "of forecasts"),
        ]
    warmed = [gate for gate in gates if gate.held]
    found = [
        abs(gate.asymptote_miss_c) <= STATED_WITHIN * gate.stated_c
        for gate in gates
        if gate.asymptote_miss_c is not None and gate.stated_c is not None
    ]
    misses = [gate.asymptote_miss_c for gate in gates if gate.asymptote_miss_c is not None]
    return [
        *figures,
        _share(
            f"{name}: burner within 1 C while holding",
            [max(map(abs, gate.held)) <= HELD_WITHIN_C for gate in warmed],
            "of warmed gates",
            (Target(at_least=0.95),),
        ),
        _share(f"{name}: equilibrium within 2 stated errors", found, "of estimates", (Target(at_least=0.9),)),
        Figure(what=f"{name}: equilibrium, rms error", unit="C", ours=_rms(misses)),
    ]


def _passed(
    bench: Bench,
    keeper: GateKeeper,
    decision: Decision,
    told_at_s: float | None,
    held: Sequence[float],
    gate: Gate,
) -> Passed:
    is_found = keeper.idle_c is not None
    return Passed(
        is_first=gate.start_c is None,
        is_open=decision.step is GateStep.OPEN,
        reason=decision.reason,
        waited_s=keeper.waited_s,
        hold_s=gate.hold_s,
        forecast_s=keeper.forecast_s,
        told_at_s=told_at_s,
        held=tuple(held),
        asymptote_miss_c=bench.equilibrium_c - keeper.idle_c if is_found and keeper.idle_c is not None else None,
        stated_c=keeper.idle_error_c,
    )


def _room(rng: random.Random) -> Room:
    """A room that moves within +-`ROOM_SWING_C`."""
    phase, period_s = rng.uniform(0.0, math.tau), rng.uniform(2.5, 6.0) * 3600.0
    if rng.random() < 0.5:
        return lambda at_s: ROOM_C + ROOM_SWING_C * math.sin(math.tau * at_s / period_s + phase)
    slope, from_c = rng.choice((-1.0, 1.0)) * rng.uniform(1.0, 2.5) / 3600.0, rng.uniform(-1.0, 1.0)
    return lambda at_s: ROOM_C + min(max(from_c + slope * at_s, -ROOM_SWING_C), ROOM_SWING_C)


def _share(what: str, answers: Sequence[bool], unit: str, targets: tuple[Target, ...] = ()) -> Figure:
    return Figure(what=what, unit=unit, ours=share_of(sum(answers), len(answers)), targets=targets)


def _rms(values: Sequence[float]) -> Estimate:
    return Estimate(center=math.sqrt(math.fsum(value**2 for value in values) / len(values)), count=len(values))


if __name__ == "__main__":
    run_command("gates", "gates on simulated boards", measure, {"studies": 60, "seed": 1})
