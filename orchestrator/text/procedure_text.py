"""What a protocol asks of each run, in sentences. Pure; settings that a protocol leaves out are not spoken of."""

from collections.abc import Iterator, Sequence

from agent.wire.ramp import Ramp
from agent.wire.spec import Gate, Pace, Protocol, WarmUp, Window
from orchestrator.text.numbers_text import celsius, duration, percent


def procedure(protocol: Protocol, rates_per_s: Sequence[float] = ()) -> Iterator[str]:
    """Gate, warm-up, window and telemetry, in the order in which they come; `rates_per_s` are runs' own."""
    if conditions := ", ".join(_conditions(protocol.gate)):
        yield (
            f"Each run waited at a gate until {conditions}; after {duration(protocol.gate.timeout_s)}, or longer where "
            "the board cools slowly, it went on all the same."
        )
    if protocol.recorded_idle_s:
        yield f"The idle board was then recorded for {duration(protocol.recorded_idle_s)}."
    yield _warm_up(protocol.warm_up)
    if protocol.pace is not None and rates_per_s:
        yield _search(protocol.pace, min(rates_per_s), max(rates_per_s))
    else:
        yield _window(protocol) if protocol.ramp is None else _ramp(protocol.ramp)
    if protocol.recorded_cooling_s:
        yield f"The cooling board was recorded for {duration(protocol.recorded_cooling_s)} afterwards."
    yield f"Sensors were read every {duration(protocol.telemetry_period_s)}."


def _conditions(gate: Gate) -> Iterator[str]:
    if gate.max_c is not None:
        yield f"its die was at {celsius(gate.max_c)} or below"
    band = f"its die was within {gate.band_c:g} K of"
    held = f" for {duration(gate.hold_s)}" if gate.hold_s else ""
    if gate.start_c is not None:
        yield f"{band} {celsius(gate.start_c)}{held}"
    elif gate.above_idle_c is not None:
        start = f"the idle temperature found at its first run plus {gate.above_idle_c:g} K"
        yield f"{band} one start temperature for all runs of a device ({start}){held}"
    if gate.foreign_cpu_max is not None:
        yield f"other processes used at most {percent(gate.foreign_cpu_max)} of its cores"
    if gate.live_bits_clear:
        yield "no live throttle bit was set"


def _warm_up(warm_up: WarmUp) -> str:
    if not warm_up.min_inferences and not warm_up.min_s:
        return "There was no warm-up: time counts from the first inference."
    least = f"{_inferences(warm_up.min_inferences)} and {duration(warm_up.min_s)}"
    steady = ""
    if warm_up.steady_within is not None:
        within, most = percent(warm_up.steady_within), duration(warm_up.max_s)
        steady = f", and on until latency was steady within {within} (at most {most})"
    return f"A warm-up of at least {least}{steady} was kept and not counted."


def _window(protocol: Protocol) -> str:
    window, pace = protocol.window, protocol.pace
    least = f"{_inferences(window.min_inferences)} and {duration(window.min_s)}"
    length = f"for at least {least}, at most {duration(window.max_s)}"
    if pace is None:
        loop = f"Inferences then ran back to back {length}"
    else:
        deadline = duration(pace.deadline_ns / 1e9)
        loop = (
            f"Inferences were then due at {pace.rate_per_s:g} a second {length}; latency counts from the time an "
            f"inference was due, and its deadline was {deadline} after that"
        )
    return f"{loop}{_heat(window)}."


def _ramp(ramp: Ramp) -> str:
    levels = f"; it was to be held at {', '.join(map(celsius, ramp.levels_c))} on the way up" if ramp.levels_c else ""
    return (
        f"The die was led up to {celsius(ramp.high_c)} by a burner and down to {celsius(ramp.low_c)} by cooling, at "
        f"most {ramp.rate_c_per_min:g} K a minute{levels}; inferences came in slots, {duration(ramp.every_s)} apart, "
        f"in which nothing burned, and none began at {celsius(ramp.limit_c)} or above."
    )


def _search(pace: Pace, low: float, high: float) -> str:
    deadline = "one period" if pace.deadline_s is None else duration(pace.deadline_s)
    return (
        "Each run was a step of a search for the highest rate that a board holds, and its rate followed from the steps "
        f"before it: inferences were due at {low:.3g} to {high:.3g} a second, latency counts from the time an "
        f"inference was due, and its deadline was {deadline} after that."
    )


def _heat(window: Window) -> str:
    if window.stop_c is None:
        return ""
    again = f", and was completed in up to {window.segments} gated segments" if window.segments > 1 else ""
    return f"; a window ended early at {celsius(window.stop_c)}{again}"


def _inferences(number: int) -> str:
    return f"{number} inference{'' if number == 1 else 's'}"
