"""Studies: how far each is, and when it may be done."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session, joinedload

from agent.wire.codec import decode
from agent.wire.spec import Protocol
from orchestrator.attending.lifecycle import ENDED_RUN_STATES, USERS_KINDS, RunState, StudyKind, StudyState
from orchestrator.db.model_tables import BuildRow, VariantRow
from orchestrator.db.session import Database
from orchestrator.db.tables import RunRow, StudyRow
from orchestrator.queries.naming import require_known, variant_text
from orchestrator.queries.narrowing import read_until_narrow
from orchestrator.queries.rows import Answering, StudyView, UntilNarrow
from orchestrator.queries.scores import studies_answering
from orchestrator.queries.work_left import Share, active_studies, left_by_study_s, read_shares


def list_studies(
    database: Database, limit: int = 100, kinds: Collection[StudyKind] = USERS_KINDS
) -> tuple[StudyView, ...]:
    """The newest studies of these kinds, newest first."""
    with database.read() as session:
        newest = select(StudyRow.id).where(StudyRow.kind.in_(kinds)).order_by(StudyRow.id.desc()).limit(limit)
        return _studies(session, session.scalars(newest).all())


def get_study(database: Database, study_id: int) -> StudyView:
    """One study; raises `NotFoundError`."""
    with database.read() as session:
        require_known(session, StudyRow.id, study_id, "study")
        return _studies(session, [study_id])[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What was read of several studies, by study; `left_s` of those under way, by machine."""

    variants: Mapping[int, tuple[str, ...]]
    blocks: Mapping[int, tuple[int, int]]
    until_ci: Mapping[int, UntilNarrow]
    answering: Mapping[int, Answering]
    left_s: Mapping[int, Mapping[str, float]]


def _studies(session: Session, ids: Sequence[int]) -> tuple[StudyView, ...]:
    query = select(StudyRow).options(joinedload(StudyRow.model)).where(StudyRow.id.in_(ids))
    rows = session.scalars(query.order_by(StudyRow.id.desc())).all()
    active = active_studies(session)
    shares = read_shares(session, {*ids, *(each.id for each in active)})
    known = _Known(
        variants=_variants(session, ids),
        blocks=_blocks(session, ids),
        until_ci=read_until_narrow(session, rows),
        answering=studies_answering(session, [row.id for row in rows if row.kind is StudyKind.ACCURACY]),
        left_s=left_by_study_s(session, active, shares),
    )
    return tuple(_study_view(row, shares.get(row.id, []), known) for row in rows)


def _variants(session: Session, ids: Sequence[int]) -> Mapping[int, tuple[str, ...]]:
    used = select(RunRow.study_id, RunRow.variant_id).where(RunRow.study_id.in_(ids)).distinct().subquery()
    query = (
        select(used.c.study_id, BuildRow.label, VariantRow)
        .join(VariantRow, VariantRow.id == used.c.variant_id)
        .join(BuildRow, BuildRow.id == VariantRow.build_id)
        .order_by(VariantRow.id)
    )
    texts: dict[int, tuple[str, ...]] = {}
    for study, label, variant in session.execute(query):
        text = variant_text(label, variant.runtime, variant.threads, variant.options)
        texts[study] = (*texts.get(study, ()), text)
    return texts


def _blocks(session: Session, ids: Sequence[int]) -> Mapping[int, tuple[int, int]]:
    """For each study how many blocks are done and how many there are, over all its devices."""
    is_ended = case((RunRow.state.in_(ENDED_RUN_STATES), 1), else_=0)
    each = (
        select(RunRow.study_id, func.min(is_ended).label("is_done"))
        .where(RunRow.study_id.in_(ids))
        .group_by(RunRow.study_id, RunRow.device_id, RunRow.block)
        .subquery()
    )
    query = select(each.c.study_id, func.sum(each.c.is_done), func.count()).group_by(each.c.study_id)
    return {study: (int(done), planned) for study, done, planned in session.execute(query)}


def _study_view(row: StudyRow, shares: Sequence[Share], known: _Known) -> StudyView:
    left_s = known.left_s.get(row.id, {})
    done, planned = known.blocks.get(row.id, (0, 0))
    return StudyView(
        study=row.id,
        model=row.model.name,
        protocol=row.protocol_name,
        regime=decode(Protocol, row.protocol).regime.value,
        blocks=row.blocks,
        seed=row.seed,
        priority=row.priority,
        state=row.state,
        created_at_s=row.created_at_s,
        ended_at_s=row.ended_at_s,
        devices=tuple(dict.fromkeys(share.device for share in shares)),
        variants=known.variants.get(row.id, ()),
        counts={state.value: sum(s.count for s in shares if s.state is state) for state in RunState},
        eta_s=max(left_s.values(), default=0.0) if row.state is StudyState.ACTIVE else None,
        simulated=any(share.simulated for share in shares),
        kind=row.kind,
        blocks_done=done,
        blocks_planned=planned,
        left_s={share.device: left_s[share.lane] for share in shares if share.lane in left_s},
        until_ci=known.until_ci.get(row.id),
        answering=known.answering.get(row.id),
    )
