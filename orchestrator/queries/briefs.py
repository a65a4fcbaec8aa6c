"""Runs in brief, and where runs are: for lists to choose from and small curves. Opens no blob, reads no attempt."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session

from orchestrator.attending.lifecycle import ENDED_RUN_STATES, RANKED_KINDS, USERS_KINDS, RunState, StudyKind, Verdict
from orchestrator.db.model_tables import BuildRow, ModelRow, PublishedRow, VariantRow
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow, RunRow, StudyRow
from orchestrator.queries.groups import RANKED_VERDICTS
from orchestrator.queries.naming import only_given, variant_text

_REGIME = StudyRow.protocol["regime"].as_string()


@dataclass(frozen=True, slots=True, kw_only=True)
class Among:
    """Which runs to list; None is any. `is_ranked`: only those with a result that a ranking may use."""

    model: str | None = None
    study: int | None = None
    device: str | None = None
    board_type: str | None = None
    regime: str | None = None
    kind: StudyKind | None = None
    is_ranked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBrief:
    """A run as a list shows it; `is_baseline` says that its build is what the model's speedups refer to.

    `labels` are those of its device when it started, empty before that.
    """

    run: str
    study: int
    model: str
    variant: str
    device: str
    board: str
    board_type: str
    simulated: bool
    is_baseline: bool
    regime: str
    protocol: str
    block: int
    state: RunState
    verdict: Verdict | None
    samples: int | None
    median_ms: float | None
    started_at_s: float | None
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyBrief:
    """A study as a list shows it."""

    study: int
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A model on a type of board in a regime: how many ended runs it has, and when the last of them ended."""

    model: str
    board_type: str
    regime: str
    ended: int
    last_s: float


def list_briefs(database: Database, among: Among, limit: int = 500) -> tuple[RunBrief, ...]:
    """The newest runs, then those that wait."""
    started = _briefs(among).where(RunRow.started_at_s.is_not(None)).order_by(RunRow.started_at_s.desc(), RunRow.id)
    waiting = _briefs(among).where(RunRow.started_at_s.is_(None))
    order = (RunRow.study_id.desc(), RunRow.block, RunRow.position)
    with database.read() as session:
        rows = session.execute(started.limit(limit)).all()
        more = session.execute(waiting.order_by(*order).limit(limit - len(rows))).all() if len(rows) < limit else []
    return tuple(_brief(row) for row in (*rows, *more))


def list_study_briefs(database: Database, limit: int = 1000) -> tuple[StudyBrief, ...]:
    """The newest studies that somebody asked for, newest first."""
    query = (
        select(StudyRow.id, ModelRow.name)
        .join(ModelRow, ModelRow.id == StudyRow.model_id)
        .where(StudyRow.kind.in_(USERS_KINDS))
        .order_by(StudyRow.id.desc())
        .limit(limit)
    )
    with database.read() as session:
        return tuple(StudyBrief(study=study, model=model) for study, model in session.execute(query))


def list_places(database: Database) -> tuple[Place, ...]:
    """Every place that has ended runs or published figures, the one with the newest run first."""
    ended, last_s = func.count().label("ended"), func.max(RunRow.ended_at_s).label("last_s")
    counted = (
        select(RunRow.study_id, RunRow.device_id, ended, last_s)
        .where(RunRow.state.in_(ENDED_RUN_STATES))
        .group_by(RunRow.study_id, RunRow.device_id)
        .subquery()
    )
    query = (
        select(ModelRow.name, DeviceRow.board_type, _REGIME, func.sum(counted.c.ended), func.max(counted.c.last_s))
        .select_from(counted)
        .join(StudyRow, StudyRow.id == counted.c.study_id)
        .join(ModelRow, ModelRow.id == StudyRow.model_id)
        .join(DeviceRow, DeviceRow.id == counted.c.device_id)
        .where(StudyRow.kind.in_(RANKED_KINDS))
        .group_by(ModelRow.name, DeviceRow.board_type, _REGIME)
    )
    with database.read() as session:
        rows = session.execute(query).all()
        published = _published(session)
    found = [
        Place(model=model, board_type=board_type, regime=regime, ended=int(ended), last_s=last_s or 0.0)
        for model, board_type, regime, ended, last_s in rows
    ]
    known = {(place.model, place.board_type, place.regime) for place in found}
    found += [place for place in published if (place.model, place.board_type, place.regime) not in known]
    return tuple(sorted(found, key=lambda place: (-place.last_s, place.model, place.board_type, place.regime)))


def _published(session: Session) -> list[Place]:
    query = select(PublishedRow.model, PublishedRow.board_type, PublishedRow.regime).distinct()
    return [
        Place(model=model, board_type=board_type, regime=regime, ended=0, last_s=0.0)
        for model, board_type, regime in session.execute(query)
    ]


def _briefs(among: Among) -> Select[*tuple[object, ...]]:
    ranked = (
        RunRow.state == RunState.DONE,
        RunRow.verdict.in_(RANKED_VERDICTS),
        RunRow.counted_attempt.is_not(None),
        RunRow.rate_per_s.is_(None),
    )
    return (
        select(
            RunRow.id,
            RunRow.study_id,
            ModelRow.name.label("model"),
            BuildRow.label,
            VariantRow.runtime,
            VariantRow.threads,
            VariantRow.options,
            DeviceRow.name.label("device"),
            DeviceRow.board,
            DeviceRow.board_type,
            DeviceRow.simulated,
            BuildRow.is_baseline,
            _REGIME.label("regime"),
            StudyRow.protocol_name,
            RunRow.block,
            RunRow.state,
            RunRow.verdict,
            RunRow.samples,
            RunRow.median_ns,
            RunRow.started_at_s,
            RunRow.labels,
        )
        .join(StudyRow, StudyRow.id == RunRow.study_id)
        .join(ModelRow, ModelRow.id == StudyRow.model_id)
        .join(DeviceRow, DeviceRow.id == RunRow.device_id)
        .join(VariantRow, VariantRow.id == RunRow.variant_id)
        .join(BuildRow, BuildRow.id == VariantRow.build_id)
        .where(
            *only_given(
                (ModelRow.name, among.model),
                (RunRow.study_id, among.study),
                (DeviceRow.name, among.device),
                (DeviceRow.board_type, among.board_type),
                (StudyRow.kind, among.kind),
            ),
            *((among.regime == _REGIME,) if among.regime is not None else ()),
            *(ranked if among.is_ranked else ()),
        )
    )


def _brief(row: Row[*tuple[object, ...]]) -> RunBrief:
    return RunBrief(
        run=row.id,
        study=row.study_id,
        model=row.model,
        variant=variant_text(row.label, row.runtime, row.threads, row.options),
        device=row.device,
        board=row.board,
        board_type=row.board_type,
        simulated=row.simulated,
        is_baseline=row.is_baseline,
        regime=row.regime,
        protocol=row.protocol_name,
        block=row.block,
        state=row.state,
        verdict=row.verdict,
        samples=row.samples,
        median_ms=None if row.median_ns is None else row.median_ns / 1e6,
        started_at_s=row.started_at_s,
        labels=row.labels or {},
    )
