"""Searches for the highest rate that a board holds: each with its steps, what it came to, and the rate in other rooms.

A rate in another room is told by the thermal fit of the step that held for longest; it opens that run's raw data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from agent.wire.codec import decode
from orchestrator.analysis.rate_search import Bracket, Search, Step, StepAnswer, StepFound, Stop, bracket_of, next_step
from orchestrator.analysis.thermal.prediction import Forecast
from orchestrator.attending.lifecycle import ENDED_RUN_STATES, RunState, StudyState
from orchestrator.db.model_tables import VariantRow
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow, RunRow, StudyRow
from orchestrator.errors import CannotTellError
from orchestrator.protocols import of_run
from orchestrator.queries.naming import require_known
from orchestrator.queries.prediction import ForecastView, predictor_for, view_of
from orchestrator.studies.searching import as_step, variant_name

ROOMS_C = (25.0, 30.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceStep:
    """One step: its rate and length, and what it showed; `answer` is null until it has ended well.

    `settled_c` is what its temperature tends to by the fit, with a standard error. `unsure`: what was not checked.
    """

    run: str
    rate_per_s: float
    length_s: float
    is_long: bool
    state: RunState
    answer: str | None
    is_for_ever: bool
    deadlines: str | None
    offered: int | None
    missed: int | None
    settled_c: float | None
    settled_error_c: float | None
    max_c: float | None
    room_c: float | None
    unsure: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RateInRoom:
    """The highest rate in a room, by the fit of a step."""

    room_c: float
    rate_per_s: ForecastView


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceResult:
    """What a search on one device for one variant has come to.

    `held_per_s` was held and `not_held_per_s` was not, for the reason `why_not`; null where there is no such rate yet.
    Not `is_confirmed`: no long step has shown it. Not `is_for_ever`: it was held for `held_for_s`, and nobody can say
    that the temperature stays below the limit. `ended` is null while steps are still made. The rooms are those of the
    steps; `elsewhere` is told by the fit of `fitted_run`, and `no_elsewhere` says why there is none.
    """

    study: int
    device: str
    variant: str
    simulated: bool
    within: float
    held_per_s: float | None
    not_held_per_s: float | None
    why_not: str | None
    is_confirmed: bool
    is_for_ever: bool
    held_for_s: float | None
    deadlines: str | None
    ended: str | None
    room_low_c: float | None
    room_high_c: float | None
    steps: tuple[PaceStep, ...]
    fitted_run: str | None
    elsewhere: tuple[RateInRoom, ...]
    no_elsewhere: str


def read_searches(database: Database, study_id: int, rooms_c: Sequence[float] = ROOMS_C) -> tuple[PaceResult, ...]:
    """The searches of a study by device and variant; empty where it is none. Raises `NotFoundError`."""
    with database.read() as session:
        require_known(session, StudyRow.id, study_id, "study")
        study = session.get_one(StudyRow, study_id)
        if study.search is None:
            return ()
        search = decode(Search, study.search)
        found = [_Found(runs=runs, study=study, search=search) for runs in _by_search(session, study_id).values()]
        results = [_result(each) for each in found]
    return tuple(_with_rooms(database, result, rooms_c) for result in results)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A search in SQL: its runs in the order in which they were made."""

    runs: Sequence[RunRow]
    study: StudyRow
    search: Search

    @property
    def steps(self) -> list[Step]:
        """Those that have ended."""
        return [as_step(run, self.search) for run in self.runs if run.state in ENDED_RUN_STATES]

    @property
    def ended(self) -> str | None:
        """Why no further step is made, None while one is open."""
        if self.study.state is StudyState.CANCELLED:
            return StudyState.CANCELLED.value
        if any(run.state not in ENDED_RUN_STATES for run in self.runs):
            return None
        following = next_step(self.search, self.steps)
        return following.value if isinstance(following, Stop) else None


def _by_search(session: Session, study_id: int) -> Mapping[tuple[str, int], list[RunRow]]:
    query = (
        select(RunRow)
        .join(DeviceRow, DeviceRow.id == RunRow.device_id)
        .where(RunRow.study_id == study_id)
        .options(joinedload(RunRow.device), joinedload(RunRow.variant).joinedload(VariantRow.build))
        .order_by(DeviceRow.name, RunRow.block, RunRow.position)
    )
    found: dict[tuple[str, int], list[RunRow]] = {}
    for run in session.scalars(query):
        found.setdefault((run.device.name, run.variant_id), []).append(run)
    return found


def _result(found: _Found) -> PaceResult:
    steps = found.steps
    bracket = bracket_of(steps)
    held = [step for step in steps if step.is_held and step.rate_per_s == bracket.low]
    best = max(held, key=lambda step: step.is_long, default=None)
    shown = tuple(_step(run, found) for run in found.runs)
    rooms_c = [step.room_c for step in shown if step.room_c is not None]
    at_best = [step for step in shown if step.rate_per_s == bracket.low and step.answer == StepAnswer.HELD.value]
    fitted = max(at_best, key=lambda step: step.length_s, default=None)
    run = found.runs[0]
    return PaceResult(
        study=found.study.id,
        device=run.device.name,
        variant=variant_name(run),
        simulated=run.device.simulated,
        within=found.search.within,
        held_per_s=bracket.low,
        not_held_per_s=None if bracket.high == float("inf") else bracket.high,
        why_not=_why_not(steps, bracket),
        is_confirmed=best is not None and best.is_long,
        is_for_ever=best is not None and best.found is not None and best.found.is_for_ever,
        held_for_s=None if fitted is None else fitted.length_s,
        deadlines=None if best is None or best.found is None else best.found.deadlines,
        ended=found.ended,
        room_low_c=min(rooms_c, default=None),
        room_high_c=max(rooms_c, default=None),
        steps=shown,
        fitted_run=None if fitted is None else fitted.run,
        elsewhere=(),
        no_elsewhere="no step was held yet" if fitted is None else "",
    )


def _why_not(steps: Sequence[Step], bracket: Bracket) -> str | None:
    """Why the next rate is not held."""
    if bracket.is_speed:
        return "an inference takes longer than its period"
    at_high = [step for step in steps if step.rate_per_s == bracket.high and step.found and not step.is_held]
    return at_high[-1].found.answer.value if at_high and at_high[-1].found else None


def _step(run: RunRow, found: _Found) -> PaceStep:
    step = as_step(run, found.search)
    shown: StepFound | None = step.found
    return PaceStep(
        run=run.id,
        rate_per_s=step.rate_per_s,
        length_s=of_run(found.study.protocol, run.rate_per_s, run.step_s).window.min_s,
        is_long=step.is_long,
        state=run.state,
        answer=None if shown is None else shown.answer.value,
        is_for_ever=shown is not None and shown.is_for_ever,
        deadlines=None if shown is None else shown.deadlines,
        offered=None if shown is None else shown.offered,
        missed=None if shown is None else shown.missed,
        settled_c=None if shown is None else shown.settled_c,
        settled_error_c=None if shown is None else shown.settled_error_c,
        max_c=run.max_c,
        room_c=None if shown is None else shown.room_c,
        unsure=() if shown is None else shown.unsure,
    )


def _with_rooms(database: Database, result: PaceResult, rooms_c: Sequence[float]) -> PaceResult:
    if result.fitted_run is None:
        return result
    try:
        made = predictor_for(database, result.fitted_run)
    except CannotTellError as why:
        return replace(result, no_elsewhere=str(why))
    rates = [
        RateInRoom(room_c=room_c, rate_per_s=view_of(_at_most(made.highest_rate_per_s(room_c), _fastest(result))))
        for room_c in rooms_c
    ]
    return replace(result, elsewhere=tuple(rates))


def _fastest(result: PaceResult) -> float:
    """What deadlines or the board's speed forbid in any room; infinite where heat was what a rate failed by."""
    is_heat = result.why_not in (StepAnswer.THROTTLED.value, StepAnswer.WOULD_THROTTLE.value)
    return float("inf") if is_heat or result.not_held_per_s is None else result.not_held_per_s


def _at_most(rate: Forecast, most_per_s: float) -> Forecast:
    return replace(
        rate, value=min(rate.value, most_per_s), low=min(rate.low, most_per_s), high=min(rate.high, most_per_s)
    )
