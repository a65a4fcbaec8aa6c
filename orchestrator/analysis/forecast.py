"""What a study will take on each board, which room it tolerates, and what its blocks can find. Pure.

What is known of a board comes from its own earlier runs; for the rest a figure is assumed, and said to be. The
assumptions are those of a board without a fan, so they are rather too long than too short:

- its slow time constant is `ASSUMED_TAU_S` (bare Pi 4 and 5: 360 s);
- a second of load heats its slow part by `ASSUMED_HEATING_C_PER_S` (a bare Pi 5: 6.8 W into 60 J/K; the die itself
  follows within seconds and does not make anybody wait);
- runs scatter by `ASSUMED_CV`, and load, staging and collecting take `ASSUMED_OVERHEAD_S`.
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.wire.spec import Gate, Protocol
from orchestrator.protocols import shortest_s

ASSUMED_TAU_S = 360.0
ASSUMED_HEATING_C_PER_S = 0.1
ASSUMED_WARMING_S = 25.0
ASSUMED_OVERHEAD_S = 5.0
ASSUMED_CV = 0.01
TIMEOUT_TAUS = 4.0
LEAST_FREEDOM = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What earlier runs of a device say, None where they say nothing.

    `first_waits_s` and `waits_s` are what its gates waited under the same protocol, the first of a study apart;
    `median_s` is the mean latency of the model's inferences on such a board, `rest_s` what runs took after the gate.
    """

    has_temperature: bool = True
    idle_c: float | None = None
    tau_s: float | None = None
    first_waits_s: tuple[float, ...] = ()
    waits_s: tuple[float, ...] = ()
    median_s: float | None = None
    rest_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A device that a study is meant for. Devices of one `lane` wait for each other.

    `queued_s` of other studies' work is done there before the study ends.
    """

    device: str
    lane: str
    queued_s: float
    known: Known


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardForecast:
    """What a study takes on one board; `done_in_s` counts what goes before in its lane, and its neighbours' share.

    `gate_s` is the wait before a run, `first_gate_s` that before the first, `run_s` the rest of a run, `floor_s` what
    the protocol asks of it at least. The room may warm by `room_c` before the start temperature is out of reach; None
    where the gate asks for none, or for one that nothing is known of. `assumed` says what is not known.
    """

    device: str
    runs: int
    first_gate_s: float
    gate_s: float
    floor_s: float
    run_s: float
    own_s: float
    queued_s: float
    done_in_s: float
    room_c: float | None
    assumed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """How much runs of one variant scatter on one board: their CV, and how many degrees of freedom say so."""

    cv: float
    freedom: int

    @property
    def is_assumed(self) -> bool:
        """Whether no runs say it."""
        return self.freedom == 0


def forecast_boards(
    protocol: Protocol, variants: int, blocks: int, boards: Sequence[Board]
) -> tuple[BoardForecast, ...]:
    """What `blocks` passes over so many variants take on each board; devices of one lane add up, others do not."""
    alone = [_alone(protocol, variants * blocks, board) for board in boards]
    own_s = add_up((board.lane, each.own_s) for board, each in zip(boards, alone, strict=True))
    return tuple(
        replace(each, done_in_s=board.queued_s + own_s[board.lane]) for board, each in zip(boards, alone, strict=True)
    )


def expected_run_s(protocol: Protocol, tau_s: float | None = None) -> float:
    """What a run takes on a board that has not run its study yet, its gate included; `tau_s` is how it cools."""
    return _later_wait_s(protocol, Known(tau_s=tau_s)) + _floor_s(protocol, None) + ASSUMED_OVERHEAD_S


def add_up(loads: Iterable[tuple[str, float]]) -> Mapping[str, float]:
    """Seconds of work by lane."""
    sums: dict[str, float] = {}
    for lane, seconds in loads:
        sums[lane] = sums.get(lane, 0.0) + seconds
    return sums


def cooling_s(from_c: float, to_c: float, tau_s: float) -> float:
    """How long a board takes from `from_c` to `to_c`, both above the temperature that it tends to."""
    return tau_s * math.log(from_c / to_c) if from_c > to_c else 0.0


def tolerated_warming_c(protocol: Protocol, known: Known) -> float | None:
    """By how much the room may warm, and idle boards with it, before the gate's time-out comes first.

    The board cools towards idle + x, x being the room's warming, from `above` + what a run heats it. It must be in the
    band when the time-out less the holding is over: x (1 - e) + (above + heat) e <= above + band, e = exp(-t / tau).
    """
    gate = protocol.gate
    above_c = _start_above_idle_c(gate, known.idle_c)
    if above_c is None or not known.has_temperature:
        return None
    left = math.exp(-max(0.0, _timeout_s(gate, known) - gate.hold_s) / _tau_s(known))
    limit_c = above_c + _band_c(gate)
    return max(0.0, (limit_c - _after_run_c(protocol, known, above_c) * left) / (1 - left)) if left < 1 else 0.0


def pool_scatter(medians: Iterable[Sequence[float]]) -> Scatter:
    """How runs scatter, from the medians of runs that should be alike, one sequence per variant, study and device.

    `ASSUMED_CV` with no freedom where fewer than `LEAST_FREEDOM` degrees of freedom are there.
    """
    squares, freedom = 0.0, 0
    for values in medians:
        logs = [math.log(value) for value in values]
        if len(logs) > 1:
            squares += statistics.variance(logs) * (len(logs) - 1)
            freedom += len(logs) - 1
    if freedom < LEAST_FREEDOM:
        return Scatter(cv=ASSUMED_CV, freedom=0)
    return Scatter(cv=math.sqrt(squares / freedom), freedom=freedom)


def _alone(protocol: Protocol, runs: int, board: Board) -> BoardForecast:
    known, floor_s = board.known, _floor_s(protocol, board.known.median_s)
    gate_s = statistics.median(known.waits_s) if known.waits_s else _later_wait_s(protocol, known)
    first_s = statistics.median(known.first_waits_s) if known.first_waits_s else _first_wait_s(protocol, known)
    run_s = known.rest_s if known.rest_s is not None else floor_s + ASSUMED_OVERHEAD_S
    own_s = first_s + gate_s * (runs - 1) + run_s * runs
    return BoardForecast(
        device=board.device,
        runs=runs,
        first_gate_s=first_s,
        gate_s=gate_s,
        floor_s=floor_s,
        run_s=run_s,
        own_s=own_s,
        queued_s=board.queued_s,
        done_in_s=board.queued_s + own_s,
        room_c=tolerated_warming_c(protocol, known),
        assumed=tuple(_assumptions(protocol, known)),
    )


def _assumptions(protocol: Protocol, known: Known) -> Iterable[str]:
    waits_for_temperature = known.has_temperature and protocol.gate.above_idle_c is not None
    if waits_for_temperature and not known.waits_s:
        if known.tau_s is None:
            yield f"time constant {ASSUMED_TAU_S:.0f} s"
        yield f"a second of load heats the board by {ASSUMED_HEATING_C_PER_S:g} C"
    if known.median_s is None and known.rest_s is None:
        window = protocol.window
        yield (
            "inferences fit into the protocol's shortest times"
            if window.min_s > 0
            else f"the model's {window.min_inferences} inferences take no time, as no run has shown how long they take"
        )
    if known.rest_s is None:
        yield f"{ASSUMED_OVERHEAD_S:.0f} s to stage and load"


def _first_wait_s(protocol: Protocol, known: Known) -> float:
    """The gate of a study's first run on a device, which finds the idle temperature first."""
    gate = protocol.gate
    if gate.above_idle_c is None or not known.has_temperature:
        return _later_wait_s(protocol, known)
    return min(gate.timeout_s, gate.idle_s + ASSUMED_WARMING_S + gate.hold_s)


def _later_wait_s(protocol: Protocol, known: Known) -> float:
    """The gate after a run: cooling to the upper edge of the band, then holding."""
    gate = protocol.gate
    load_s = gate.load_window_s if gate.foreign_cpu_max is not None else 0.0
    above_c = _start_above_idle_c(gate, known.idle_c)
    if above_c is None or not known.has_temperature:
        return load_s
    from_c, to_c = _after_run_c(protocol, known, above_c), above_c + _band_c(gate)
    if to_c <= 0:
        return _timeout_s(gate, known)
    return min(_timeout_s(gate, known), max(load_s, cooling_s(from_c, to_c, _tau_s(known)) + gate.hold_s))


def _start_above_idle_c(gate: Gate, idle_c: float | None) -> float | None:
    """How far the wanted start is above idle, None where the gate asks for none or idle is not known."""
    if gate.above_idle_c is not None:
        return gate.above_idle_c
    wanted_c = gate.start_c if gate.start_c is not None else gate.max_c
    return None if wanted_c is None or idle_c is None else wanted_c - idle_c


def _band_c(gate: Gate) -> float:
    return gate.band_c if gate.above_idle_c is not None or gate.start_c is not None else 0.0


def _timeout_s(gate: Gate, known: Known) -> float:
    """A gate for a start temperature waits for `TIMEOUT_TAUS` of a known time constant, if that is the longer time."""
    asks_start = gate.start_c is not None or gate.above_idle_c is not None
    return max(gate.timeout_s, TIMEOUT_TAUS * known.tau_s) if asks_start and known.tau_s is not None else gate.timeout_s


def _after_run_c(protocol: Protocol, known: Known, above_c: float) -> float:
    """How far above idle a run leaves the board that began so far above it: heat levels off, and cooling is part of it.

    Heating at a steady rate towards its asymptote comes to at most the rate times the time constant.
    """
    tau_s, cooled_s = _tau_s(known), protocol.recorded_cooling_s
    load_s = _floor_s(protocol, known.median_s) - protocol.recorded_idle_s - cooled_s
    return (above_c + ASSUMED_HEATING_C_PER_S * min(load_s, tau_s)) * math.exp(-cooled_s / tau_s)


def _tau_s(known: Known) -> float:
    return ASSUMED_TAU_S if known.tau_s is None else known.tau_s


def _floor_s(protocol: Protocol, median_s: float | None) -> float:
    """What the protocol asks of a run at least: its shortest times, or its fewest inferences if they take longer."""
    if median_s is None:
        return shortest_s(protocol)
    warm_up, window = protocol.warm_up, protocol.window
    by_count_s = min(window.max_s, max(window.min_s, window.min_inferences * median_s))
    return max(shortest_s(protocol), max(warm_up.min_s, warm_up.min_inferences * median_s) + by_count_s)
