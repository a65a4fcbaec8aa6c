"""What a soak foretells of its board, and how a held-out soak compares with that. Opens the raw data of the runs.

A figure that never comes, or has no bound, is null: JSON knows no infinity. Each names the limits of validity that it
leaves; docs/thermal.md says how often intervals of this kind covered what came.
"""

import math
from dataclasses import dataclass

from agent.wire.codec import WireError
from agent.wire.spec import Regime
from orchestrator.analysis.facts import RunFacts
from orchestrator.analysis.thermal.curve import Soak, soak_of
from orchestrator.analysis.thermal.frame import Refusal
from orchestrator.analysis.thermal.predicting import compare_soak, predictor_of, settled_latency_s, start_c
from orchestrator.analysis.thermal.prediction import STANDARD_ROOM_C, Forecast, Predictor
from orchestrator.db.session import Database
from orchestrator.errors import CannotTellError
from orchestrator.queries.account import read_facts
from orchestrator.queries.rows import RunView
from orchestrator.queries.runs import get_run


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastView:
    """A forecast with its 95 % interval; null is never, or no bound. `outside`: why it is not to be relied on."""

    value: float | None
    low: float | None
    high: float | None
    outside: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionView:
    """What a soak foretells of the same board and variant in a room of `room_c`, begun at `start_c`.

    `load` is that of the soak: continuous, or a pace; what a pace cannot tell is null. `margin_c` is how far the
    unthrottled die would settle above the firmware's limit. `normalised_ms` is the soak's own settled latency as it
    would be at 25 C. `highest_rate_per_s` is held without throttling; for `rate_per_s`, where asked, the warmest room
    in which it is held so, and the one in which a continuous load is still as fast as that, throttled or not.
    """

    run: str
    device: str
    variant: str
    simulated: bool
    load: str
    is_reliable: bool
    flaws: tuple[str, ...]
    fitted_room_c: float | None
    room_c: float
    start_c: float | None
    cold_ms: float
    measured_settled_ms: float | None
    margin_c: ForecastView
    seconds_to_throttle: ForecastView | None
    settled_ms: ForecastView | None
    normalised_ms: ForecastView | None
    highest_rate_per_s: ForecastView
    rate_per_s: float | None
    highest_room_for_rate_c: ForecastView | None
    highest_room_continuous_c: ForecastView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFigure:
    """A forecast beside what a held-out soak showed; a null `measured` had not come by its end."""

    figure: str
    forecast: ForecastView
    measured: float | None
    relative_error: float | None
    is_covered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """Forecasts of one soak against another one. Not `is_same`: they differ in board or variant, so nothing follows."""

    run: str
    held_out: str
    is_same: bool
    is_reliable: bool
    held_out_room_c: float | None
    figures: tuple[CheckedFigure, ...]

    @property
    def is_covered(self) -> bool:
        """Whether every figure lies within its interval."""
        return all(figure.is_covered for figure in self.figures)


def predict(
    database: Database, run_id: str, room_c: float | None = None, rate_per_s: float | None = None
) -> PredictionView:
    """What a soak foretells, by its id or a beginning of it; without `room_c` for 25 C.

    Raises `NotFoundError`, `SpecError`, and `CannotTellError` that says why nothing is foretold.
    """
    run = get_run(database, run_id)
    facts, soak = _soak(database, run)
    made = _predictor(facts, soak)
    room = STANDARD_ROOM_C if room_c is None else room_c
    own_start, own_room, is_paced = start_c(soak), made.fit.room_c or room, facts.protocol.pace is not None
    start = None if own_start is None else own_start + room - own_room
    measured_s = None if is_paced else settled_latency_s(soak)
    return PredictionView(
        run=run.run,
        device=run.device,
        variant=run.variant,
        simulated=run.simulated,
        load="continuous" if facts.protocol.pace is None else f"{facts.protocol.pace.rate_per_s:.4g}/s",
        is_reliable=made.fit.is_reliable,
        flaws=tuple(flaw.value for flaw in made.fit.flaws),
        fitted_room_c=made.fit.room_c,
        room_c=room,
        start_c=start,
        cold_ms=made.latency_s * 1e3,
        measured_settled_ms=None if measured_s is None else measured_s * 1e3,
        margin_c=view_of(made.margin_c(room)),
        seconds_to_throttle=None if start is None else view_of(made.seconds_to_throttle(start, room)),
        settled_ms=None if is_paced else view_of(made.settled_latency_s(room), 1e3),
        normalised_ms=None if measured_s is None else view_of(made.normalised_s(measured_s, own_room), 1e3),
        highest_rate_per_s=view_of(made.highest_rate_per_s(room)),
        rate_per_s=rate_per_s,
        highest_room_for_rate_c=None if rate_per_s is None else view_of(made.highest_room_for_rate_c(rate_per_s)),
        highest_room_continuous_c=(
            None if rate_per_s is None or is_paced else view_of(made.highest_room_c(1 / rate_per_s))
        ),
    )


def check_prediction(database: Database, run_id: str, held_out_id: str) -> CheckView:
    """The forecasts of one soak beside another soak of the same board and variant; raises as `predict` does."""
    run, other = get_run(database, run_id), get_run(database, held_out_id)
    made = _predictor(*_soak(database, run))
    held_out = _soak(database, other)[1]
    try:
        found = compare_soak(made, held_out)
    except Refusal as refused:
        raise CannotTellError(f"run {other.run}: {refused}") from refused
    return CheckView(
        run=run.run,
        held_out=other.run,
        is_same=(run.device, run.model, run.variant) == (other.device, other.model, other.variant),
        is_reliable=made.fit.is_reliable,
        held_out_room_c=held_out.room_c,
        figures=tuple(
            CheckedFigure(
                figure=each.figure,
                forecast=view_of(each.forecast),
                measured=_finite(each.measured),
                relative_error=each.relative_error,
                is_covered=each.is_covered,
            )
            for each in found
        ),
    )


def predictor_for(database: Database, run_id: str) -> Predictor:
    """What predicts from a sustained run; raises `NotFoundError`, and `CannotTellError` that says why nothing does."""
    return _predictor(*_soak(database, get_run(database, run_id)))


def view_of(forecast: Forecast, scale: float = 1.0) -> ForecastView:
    """A forecast for people and programs, its figures times `scale`."""
    return ForecastView(
        value=_finite(forecast.value * scale),
        low=_finite(forecast.low * scale),
        high=_finite(forecast.high * scale),
        outside=forecast.outside,
    )


def _soak(database: Database, run: RunView) -> tuple[RunFacts, Soak]:
    if run.regime != Regime.SUSTAINED.value:
        raise CannotTellError(f"run {run.run}: expected a sustained run, got a {run.regime} one; pifarm thermal soak")
    facts = read_facts(database, run.run)
    if facts is None:
        raise CannotTellError(f"run {run.run}: it has no inference yet")
    try:
        return facts, soak_of(facts)
    except WireError as error:
        raise CannotTellError(f"run {run.run}: {error}") from error


def _predictor(facts: RunFacts, soak: Soak) -> Predictor:
    lowest = facts.environment.get("clock_min_hz")
    try:
        return predictor_of(soak, float(lowest) if isinstance(lowest, (int, float)) else None)
    except Refusal as refused:
        raise CannotTellError(f"no forecast: {refused}") from refused


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
