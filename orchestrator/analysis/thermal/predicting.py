"""The predictor that a soak gives, closed loop or paced, or why it gives none; how a held-out soak is set beside it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.thermal.curve import Soak
from orchestrator.analysis.thermal.elasticity import elasticity_of
from orchestrator.analysis.thermal.fit import fit
from orchestrator.analysis.thermal.frame import LAST_S, Refusal
from orchestrator.analysis.thermal.onset import onset_of
from orchestrator.analysis.thermal.power_law import VOLTAGES, Points
from orchestrator.analysis.thermal.prediction import Forecast, Predictor, check, soft_limit_c

COLD_S = 60.0
BEFORE_S = 30.0
LEAST_START = 5
THROTTLES, SETTLED = "throttles_after_s", "settled_latency_s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A figure of a held-out soak beside its forecast; infinite: never. `is_covered`: within the interval."""

    figure: str
    forecast: Forecast
    measured: float
    relative_error: float | None
    is_covered: bool


def predictor_of(soak: Soak, min_hz: float | None, voltages: Mapping[str, Points] = VOLTAGES) -> Predictor:
    """What foretells other soaks of the same board and variant; raises `Refusal`.

    `min_hz` is the board's lowest clock. An unreliable fit gives a predictor too: its forecasts say so.
    """
    points = voltages.get(soak.board_type)
    if points is None:
        raise Refusal(f"voltages: those of a {soak.board_type} are not known, so nothing is foretold of it")
    if soak.top_hz is None or min_hz is None:
        raise Refusal("clock: expected the true and the lowest one, so that throttling can be foretold")
    if soak.room_c is None:
        raise Refusal("room: nobody recorded or stated it, and a forecast is for a room")
    fitted = fit(soak)
    if fitted.gains is None:
        raise Refusal("gains: the load did not change enough; expected 90 s of recorded idle or cooling")
    follows = elasticity_of(soak)
    return Predictor(
        fit=fitted,
        top_hz=soak.top_hz,
        min_hz=min_hz,
        latency_s=cold_latency_s(soak),
        voltages=points,
        elasticity=follows.to_clock,
        elasticity_at_hz=follows.at_hz,
        limit_c=soft_limit_c(soak.board_type),
    )


def cold_latency_s(soak: Soak) -> float:
    """The median latency of the first minute, before any throttling; the first inference's where none ended by then."""
    onset_s = onset_of(soak).at_s
    until_s = min(COLD_S, onset_s if onset_s is not None else math.inf)
    early = soak.durations_s[soak.ends_s <= until_s]
    return float(np.median(early if len(early) else soak.durations_s[:1]))


def start_c(soak: Soak) -> float | None:
    """The mean die temperature of the last 30 s before the load; None where too little was read."""
    before = soak.die_c[(soak.at_s > -BEFORE_S) & (soak.at_s < 0.0) & np.isfinite(soak.die_c)]
    return float(before.mean()) if len(before) >= LEAST_START else None


def settled_latency_s(soak: Soak) -> float | None:
    """The median latency of the last 300 s; None for a load that was shorter than twice that."""
    if soak.end_s < 2 * LAST_S:
        return None
    return float(np.median(soak.durations_s[soak.starts_s >= soak.end_s - LAST_S]))


def compare_soak(predictor: Predictor, held_out: Soak) -> tuple[Comparison, ...]:
    """What was foretold of a soak that the fit has not seen, beside what came; raises `Refusal` without its room.

    An onset that had not come by the end of the load counts as foretold where the forecast's interval reaches beyond.
    """
    room, start = held_out.room_c, start_c(held_out)
    if room is None:
        raise Refusal("room: that of the held-out soak is not known")
    found = []
    if start is not None:
        found.append(_onset(predictor.seconds_to_throttle(start, room), held_out))
    settled_s = settled_latency_s(held_out)
    if settled_s is not None:
        found.append(_comparison(SETTLED, predictor.settled_latency_s(room), settled_s))
    if not found:
        raise Refusal("held-out soak: expected a recorded start, or a load of 10 minutes")
    return tuple(found)


def _onset(forecast: Forecast, held_out: Soak) -> Comparison:
    seen_s = onset_of(held_out).at_s
    if seen_s is not None:
        return _comparison(THROTTLES, forecast, seen_s)
    return Comparison(
        figure=THROTTLES,
        forecast=forecast,
        measured=math.inf,
        relative_error=None,
        is_covered=forecast.high > held_out.end_s,
    )


def _comparison(figure: str, forecast: Forecast, measured: float) -> Comparison:
    checked = check(forecast, measured)
    return Comparison(
        figure=figure,
        forecast=forecast,
        measured=measured,
        relative_error=checked.relative_error,
        is_covered=checked.is_covered,
    )
