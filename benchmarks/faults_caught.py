"""Whether every fault is caught by its own code: done to simulated boards that the real agent measures on.

Inference is scripted, so that boards can measure side by side; all else is the agent's own: gate, warm-up, window,
sensors, journal. Swap cannot be done to a simulated board, and is done to the facts of a run of it. The faults that
show only beside other runs are set beside a run without a fault.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from agent.wire.records import Ended, Environment, GatePassed, Inferences, Loaded, Record, Telemetry
from agent.wire.spec import Gate, Protocol, Regime, Scalar, WarmUp, Window
from benchmarks.command import run_command, tell
from benchmarks.figure import Estimate, Figure, Target, share_of
from benchmarks.lone_board import LoneBoard, Started
from orchestrator.analysis.facts import Declared, Reference, RunFacts
from orchestrator.analysis.rules.rule import Severity
from orchestrator.analysis.validity import Judgement, judge
from orchestrator.db.columns import (
    join_inferences,
    join_telemetry,
    pack_inferences,
    pack_telemetry,
    unpack_inferences,
    unpack_telemetry,
)
from orchestrator.simulator.conditions import Conditions
from orchestrator.simulator.farm import SimulatedBoard, simulated_boards

KIND, KIND_3B_PLUS = "pi5-active-cooler", "pi3b-plus"
ROOM_C, OTHER_ROOM_C = 21.0, 24.0
CALM = Conditions(room_c=ROOM_C, has_thermometer=True)
WARM_UP_S, WINDOW_S, INTO_WINDOW_S = 1.0, 10.0, 2.0
SETTLE_S = 1.0
AT_ONCE = 4
PROTOCOL = Protocol(
    name="faults",
    regime=Regime.BURST,
    gate=Gate(timeout_s=2.0),
    warm_up=WarmUp(min_inferences=3, min_s=WARM_UP_S),
    window=Window(min_inferences=20, min_s=WINDOW_S, max_s=WINDOW_S),
)
STEADY: Mapping[str, Scalar] = {"median_ms": 50.0, "sigma": 0.005}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A board in the middle of a run, for whoever does something to it."""

    board: SimulatedBoard
    lone: LoneBoard
    started: Started

    @property
    def agent(self) -> psutil.Process:
        """The supervising agent."""
        return self.started.agent


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong, and the code that has to say so: none for what is no fault.

    `before` is done ahead of the run, `during` in its window. `beside` makes the earlier runs out of one without fault.
    """

    name: str
    code: str | None
    kind: str = KIND
    protocol: Protocol = PROTOCOL
    options: Mapping[str, Scalar] = field(default_factory=dict)
    before: Callable[[SimulatedBoard], None] = lambda board: None
    during: Callable[[Scene], None] = lambda scene: None
    beside: Callable[[RunFacts], Reference] = lambda clean: Reference()
    tamper: Callable[[RunFacts], RunFacts] = lambda facts: facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """What the rules found where a fault was done."""

    fault: Fault
    judgement: Judgement

    @property
    def codes(self) -> list[str]:
        """Codes, the gravest first; notes are none."""
        reasons = self.judgement.reasons
        return list(dict.fromkeys(reason.code for reason in reasons if reason.severity is not Severity.NOTE))

    @property
    def is_as_expected(self) -> bool:
        """Whether the fault's own code was found; what is no fault must have no grave one."""
        if self.fault.code is not None:
            return self.fault.code in self.codes
        return not any(reason.severity is Severity.INVALID for reason in self.judgement.reasons)


def _heat(celsius: float) -> Callable[[Scene], None]:
    def heat(scene: Scene) -> None:
        scene.board.put_under(replace(CALM, room_c=celsius))
        scene.board.heat_to(celsius)

    return heat


def _heat_for_a_moment(scene: Scene) -> None:
    _heat(79.0)(scene)
    time.sleep(1.0)
    scene.board.put_under(CALM)
    scene.board.heat_to(50.0)


def _put_under(conditions: Conditions) -> Callable[[Scene], None]:
    return lambda scene: scene.board.put_under(conditions)


def _silence(seconds: float) -> Callable[[Scene], None]:
    def silence(scene: Scene) -> None:
        scene.agent.suspend()
        time.sleep(seconds)
        scene.agent.resume()

    return silence


def _write(name: str, text: str) -> Callable[[SimulatedBoard], None]:
    def write(board: SimulatedBoard) -> None:
        (board.home / "board" / name).write_text(text)

    return write


def _spin_the_fan(board: SimulatedBoard) -> None:
    board.put_under(replace(CALM, room_c=50.0))
    board.heat_to(69.0)


def _loses_vcgencmd(board: SimulatedBoard) -> None:
    (board.home / "board/usr/bin/vcgencmd").unlink()


def _speak(scene: Scene) -> None:
    scene.lone.board.status(scene.started.spec.run_id, scene.started.spec.attempt, 0)


def _outputs_of(clean: RunFacts) -> Reference:
    assert clean.loaded is not None
    return Reference(output_sha256=clean.loaded.output_sha256, output_runs=2)


def _room_of(clean: RunFacts) -> Reference:
    known = clean.telemetry.series("ambient_c")
    known = known[known == known]
    return Reference(ambient_low_c=float(known.min()), ambient_high_c=float(known.max()))


_CPUFREQ = "sys/devices/system/cpu/cpufreq/policy0"
SLOW = replace(PROTOCOL, window=replace(PROTOCOL.window, max_s=3.0, min_s=3.0))
HOT_STOP = replace(PROTOCOL, window=replace(PROTOCOL.window, stop_c=77.0))
SEGMENTS = replace(
    PROTOCOL,
    gate=Gate(max_c=70.0, timeout_s=20.0),
    window=Window(min_inferences=25, min_s=6.0, max_s=60.0, stop_c=77.0, segments=4),
)
FAULTS: tuple[Fault, ...] = (
    Fault(name="a 3B+ at its declared 1200 MHz", code=None, kind=KIND_3B_PLUS, during=_heat(63.0)),
    Fault(name="a burst completed by a further segment", code=None, protocol=SEGMENTS, options={"median_ms": 400.0},
          during=_heat_for_a_moment),
    Fault(name="throttled by heat", code="throttled", during=_heat(90.0)),
    Fault(name="soft limit of a Pi 5", code="throttled", during=_heat(82.0)),
    Fault(name="soft limit of a 3B+, below 1200 MHz", code="throttled", kind=KIND_3B_PLUS, during=_heat(83.5)),
    Fault(name="under-voltage, live", code="under-voltage", during=_put_under(replace(CALM, is_under_voltage=True))),
    Fault(name="under-voltage, unseen", code="under-voltage-seen", during=lambda scene: scene.board.brown_out()),
    Fault(name="clock capped by the firmware", code="clock-low", during=_put_under(replace(CALM, cap_hz=1.8e9))),
    Fault(
        name="clock limit lowered between runs",
        code="clock-low",
        before=_write(f"{_CPUFREQ}/scaling_max_freq", "1800000\n"),
        beside=lambda clean: Reference(clock_limit_hz=clean.clock_limit_hz),
    ),
    Fault(name="governor changed", code="governor", before=lambda board: board.set_governor("ondemand")),
    Fault(name="fan stopped", code="fan-changed", before=_spin_the_fan,
          during=_put_under(replace(CALM, room_c=50.0, is_fan_stopped=True))),
    Fault(name="agent silent for 6 s", code="telemetry-gap", during=_silence(6.0)),
    Fault(name="agent silent for 2 s", code="telemetry-coverage", during=_silence(2.0)),
    Fault(name="latency drifts by 10 %", code="drift", options={"growth": 0.0005}),
    Fault(name="latency scatters", code="dispersion", options={"sigma": 0.06}),
    Fault(name="too few inferences", code="too-few-inferences", protocol=SLOW, options={"median_ms": 400.0}),
    Fault(name="too hot for a burst", code="heat-limited", protocol=HOT_STOP, options={"median_ms": 400.0},
          during=_heat(79.0)),
    Fault(name="another output", code="output-differs", options={"output": "another"}, beside=_outputs_of),
    Fault(name="swap", code="swap-used", tamper=lambda facts: replace(facts, swapped_bytes=65536)),
    Fault(name="room 3 C warmer within the block", code="ambient-moved",
          before=lambda board: board.put_under(replace(CALM, room_c=OTHER_ROOM_C)), beside=_room_of),
    Fault(name="firmware updated within the study", code="firmware-changed", beside=lambda clean: Reference(
        firmware=str(clean.environment["firmware"])), before=_write("firmware/version", "Nov 11 2026\nversion new\n")),
    Fault(name="vcgencmd gone", code="sensor-missing", before=_loses_vcgencmd),
    Fault(name="gate that never opens", code="gate-timed-out",
          protocol=replace(PROTOCOL, gate=Gate(max_c=5.0, timeout_s=2.0))),
    Fault(name="somebody asks in the window", code="contact", during=_speak),
)  # fmt: skip
ALONE = (
    Fault(name="another process, one core", code="foreign-load", during=lambda scene: scene.board.make_busy(1, 6.0)),
    Fault(name="the same, as a burst", code="foreign-burst", during=lambda scene: scene.board.make_busy(1, 6.0)),
)


def measure(options: argparse.Namespace) -> list[Figure]:
    """A run without a fault, then one with each; those that need the whole machine come last and alone."""
    chosen = [fault for fault in FAULTS if options.only in fault.name]
    alone = [fault for fault in ALONE if options.only in fault.name]
    nothing = Fault(name="nothing", code=None)
    with tempfile.TemporaryDirectory(prefix="pifarm-faults-") as name:
        (clean,) = run_batch(Path(name) / "clean", [nothing])
        caught = [Caught(fault=nothing, judgement=judge(clean))]
        batches = [chosen[first : first + AT_ONCE] for first in range(0, len(chosen), AT_ONCE)]
        for number, batch in enumerate([*batches, *([fault] for fault in alone)]):
            tell(f"faults: {', '.join(fault.name for fault in batch)}")
            for fault, facts in zip(batch, run_batch(Path(name) / f"batch{number}", batch), strict=True):
                beside = replace(fault.tamper(facts), reference=fault.beside(clean))
                caught.append(Caught(fault=fault, judgement=judge(beside)))
    return report(caught)


def report(caught: Sequence[Caught]) -> list[Figure]:
    """A line for each fault: its code, 1 where it was found, and all codes that were; then the share.

    The first of them is without a fault; a code that is found there too, because this machine is busy, proves nothing.
    """
    figures, everywhere = [], set(caught[0].codes)
    for each in caught:
        found = ", ".join(code + ("*" if code in everywhere else "") for code in each.codes) or "none"
        what = f"{each.fault.name} -> {each.fault.code or 'nothing grave'}; found: {found}"
        caught_so = Estimate(center=float(each.is_as_expected))
        figures.append(Figure(what=what, unit="caught", ours=caught_so, targets=(Target(at_least=1.0),)))
    faults = [each for each in caught if each.fault.code is not None]
    if not faults:
        return figures
    share = share_of(sum(each.is_as_expected for each in faults), len(faults))
    unsure = sum(each.fault.code in everywhere for each in faults)
    return [
        *figures,
        Figure(what="all", unit="of faults caught", ours=share, targets=(Target(at_least=1.0),)),
        Figure(what="* found without a fault too: proves nothing", unit="faults", ours=Estimate(center=float(unsure))),
    ]


def run_batch(folder: Path, faults: Sequence[Fault]) -> list[RunFacts]:
    """One run for each fault, side by side, each on a simulated board of its own."""
    with (
        simulated_boards(folder, [fault.kind for fault in faults], []) as boards,
        ThreadPoolExecutor(len(faults)) as threads,
    ):
        return list(threads.map(run_with, boards, faults))


def run_with(board: SimulatedBoard, fault: Fault) -> RunFacts:
    """The facts of one run on this board, with the fault."""
    lone = LoneBoard.in_folder(board.home / ".pifarm")
    board.put_under(CALM)
    board.set_governor("performance")
    fault.before(board)
    time.sleep(SETTLE_S)
    model = lone.folder / "nothing.onnx"
    model.touch()
    options = {**STEADY, **fault.options}
    started = lone.start(lone.spec(lone.stage(model), fault.protocol, runtime="scripted", options=options))
    time.sleep(WARM_UP_S + INTO_WINDOW_S + (fault.protocol.gate.timeout_s if fault.code == "gate-timed-out" else 0))
    fault.during(Scene(board=board, lone=lone, started=started))
    return facts_of(lone.finish(started), fault.protocol)


def facts_of(records: Sequence[Record], protocol: Protocol) -> RunFacts:
    """What the rules look at, from a journal's records."""
    environment = next(record for record in records if isinstance(record, Environment))
    inferences = [record for record in records if isinstance(record, Inferences)]
    telemetry = [record for record in records if isinstance(record, Telemetry)]
    ended = next(record for record in records if isinstance(record, Ended))
    return RunFacts(
        protocol=protocol,
        board_type=str(environment.facts["board_type"]),
        inferences=join_inferences(unpack_inferences(pack_inferences(record)) for record in inferences),
        telemetry=join_telemetry(unpack_telemetry(pack_telemetry(record)) for record in telemetry),
        declared=Declared(threads=1, runtime="scripted"),
        environment=environment.facts,
        gate=next((record for record in records if isinstance(record, GatePassed)), None),
        loaded=next(record for record in records if isinstance(record, Loaded)),
        ended=ended,
        swapped_bytes=ended.swapped_bytes,
    )


if __name__ == "__main__":
    run_command("faults_caught", "faults that are caught by their own code", measure, {"only": ""})
