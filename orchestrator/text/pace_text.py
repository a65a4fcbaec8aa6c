"""Searches for the highest rate, and forecasts of soaks, in words and table rows. Pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields

from orchestrator.analysis.thermal.predicting import SETTLED, THROTTLES
from orchestrator.queries.pace import PaceResult, PaceStep
from orchestrator.queries.prediction import CheckedFigure, ForecastView, PredictionView
from orchestrator.text.numbers_text import ABSENT, celsius, duration, ms, percent, plain

STEP_COLUMNS = ["rate", "length", "held", "missed", "settles at", "warmest", "room", "run"]
Say = Callable[[float], str]
_FIGURES = {THROTTLES: "throttles after", SETTLED: "settled latency"}


def rate(rate_per_s: float | None) -> str:
    """`1.83/s`."""
    return ABSENT if rate_per_s is None else f"{plain(rate_per_s)}/s"


def forecast(found: ForecastView | None, say: Say, *, never: str = "never") -> str:
    """A figure with its interval; a star where `doubts` say why it is not to be relied on."""
    if found is None:
        return ABSENT
    value, low, high = (never if each is None else say(each) for each in (found.value, found.low, found.high))
    return f"{value} [{low}, {high}]{' *' if found.outside else ''}"


def doubts(forecasts: Iterable[ForecastView | None]) -> Iterator[str]:
    """What forecasts with a star are beyond, each thing once."""
    said = (words for each in forecasts if each is not None for words in each.outside)
    for words in dict.fromkeys(said):
        yield f"  * {words}"


def headline(found: PaceResult) -> str:
    """`int8@onnxruntime,t4 on pi4: holds 1.80/s for ever at 25.1 °C, not 1.88/s: throttled`."""
    name = f"{found.variant} on {found.device}{' (simulated)' if found.simulated else ''}"
    if found.held_per_s is None:
        least = "" if found.not_held_per_s is None else f", not even {rate(found.not_held_per_s)}: {found.why_not}"
        return f"{name}: no rate is known to be held{least}"
    time = "for ever" if found.is_for_ever else f"for {duration(found.held_for_s)}"
    beyond = "" if found.not_held_per_s is None else f", not {rate(found.not_held_per_s)}: {found.why_not}"
    return f"{name}: holds {rate(found.held_per_s)} {time} {_room(found)}{beyond}"


def search_lines(found: PaceResult) -> Iterator[str]:
    """What a search has come to, and how sure that is."""
    yield headline(found)
    if found.held_per_s is not None:
        if not found.is_confirmed:
            yield "  not confirmed by a long step yet"
        if not found.is_for_ever:
            yield "  'for ever' is not said: where its temperature settles is not known to be below the limit"
        if found.deadlines != "held":
            yield "  deadlines: too few inferences to show that at most 1 % are missed"
    for each in found.elsewhere:
        yield f"  at {celsius(each.room_c)}, by the fit: {forecast(each.rate_per_s, rate)}"
    yield from doubts(each.rate_per_s for each in found.elsewhere)
    if not found.elsewhere and found.no_elsewhere:
        yield f"  other rooms: {found.no_elsewhere}"
    yield f"  {'goes on' if found.ended is None else found.ended}"


def step_rows(found: PaceResult) -> list[list[str]]:
    """The steps of a search, in their order."""
    return [
        [
            rate(step.rate_per_s),
            duration(step.length_s),
            _answer(step),
            _missed(step),
            _settled(step),
            celsius(step.max_c),
            celsius(step.room_c),
            step.run,
        ]
        for step in found.steps
    ]


def prediction_rows(found: PredictionView) -> list[list[str]]:
    """What a soak foretells, a row a figure."""
    rows = [
        ["throttles after", forecast(found.seconds_to_throttle, duration)],
        ["settles above the limit by", forecast(found.margin_c, lambda kelvin: f"{kelvin:+.1f} K")],
        ["latency, cold", ms(found.cold_ms)],
        ["settled latency", forecast(found.settled_ms, ms)],
        ["settled latency measured", ms(found.measured_settled_ms)],
        ["the same in a room of 25 °C", forecast(found.normalised_ms, ms)],
        ["highest rate without throttling", forecast(found.highest_rate_per_s, rate)],
    ]
    if found.rate_per_s is not None:
        wanted = rate(found.rate_per_s)
        held = forecast(found.highest_room_for_rate_c, celsius, never="no room")
        rows.append([f"warmest room for {wanted} without throttling", held])
        fast = forecast(found.highest_room_continuous_c, celsius, never="no room")
        rows.append([f"warmest room in which continuous load settles at {wanted}", fast])
    return rows


def forecasts_of(found: PredictionView) -> Iterator[ForecastView]:
    """All forecasts of a prediction."""
    values = (getattr(found, field.name) for field in fields(found))
    return (value for value in values if isinstance(value, ForecastView))


def check_row(found: CheckedFigure) -> list[str]:
    """A figure: foretold, measured, error, covered."""
    say: Say = duration if found.figure == THROTTLES else lambda seconds: ms(seconds * 1e3)
    measured = "not by its end" if found.measured is None else say(found.measured)
    error = ABSENT if found.relative_error is None else percent(found.relative_error)
    return [_FIGURES[found.figure], forecast(found.forecast, say), measured, error, "yes" if found.is_covered else "NO"]


def _room(found: PaceResult) -> str:
    low_c, high_c = found.room_low_c, found.room_high_c
    if low_c is None or high_c is None:
        return "in a room that nobody recorded"
    return f"at {celsius(low_c)}" if high_c - low_c < 0.5 else f"at {low_c:.1f} to {celsius(high_c)}"


def _answer(step: PaceStep) -> str:
    if step.answer is None:
        return step.state.value
    return "for ever" if step.is_for_ever and step.answer == "held" else step.answer


def _missed(step: PaceStep) -> str:
    return ABSENT if step.missed is None else f"{step.missed} of {step.offered}"


def _settled(step: PaceStep) -> str:
    if step.settled_c is None or step.settled_error_c is None:
        return ABSENT
    return f"{step.settled_c:.1f} ± {celsius(step.settled_error_c)}"
