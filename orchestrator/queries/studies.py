"""Studies: how far each is, and when it may be done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from agent.wire.codec import decode
from agent.wire.spec import Protocol
from orchestrator.db.session import Database
from orchestrator.db.tables import BuildRow, DeviceRow, RunRow, StudyRow, VariantRow
from orchestrator.lifecycle import RunState, StudyState
from orchestrator.protocols import shortest_s
from orchestrator.queries.naming import require_known, variant_text
from orchestrator.queries.rows import StudyView

_OPEN = (RunState.QUEUED, RunState.STAGING, RunState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """A study's runs of one state on one device; `seconds` is what its ended runs took in all, `timed` their number."""

    device: str
    machine: str
    simulated: bool
    state: RunState
    count: int
    timed: int
    seconds: float


def list_studies(database: Database, limit: int = 100) -> tuple[StudyView, ...]:
    """The newest studies, newest first."""
    with database.read() as session:
        newest = session.scalars(select(StudyRow.id).order_by(StudyRow.id.desc()).limit(limit)).all()
        return _studies(session, newest)


def get_study(database: Database, study_id: int) -> StudyView:
    """One study; raises `NotFoundError`."""
    with database.read() as session:
        require_known(session, StudyRow.id, study_id, "study")
        return _studies(session, [study_id])[0]


def _studies(session: Session, ids: Sequence[int]) -> tuple[StudyView, ...]:
    query = select(StudyRow).options(joinedload(StudyRow.model)).where(StudyRow.id.in_(ids))
    rows = session.scalars(query.order_by(StudyRow.id.desc())).all()
    shares, variants = _shares(session, ids), _variants(session, ids)
    return tuple(_study_view(row, shares.get(row.id, []), variants.get(row.id, ())) for row in rows)


def _shares(session: Session, ids: Sequence[int]) -> Mapping[int, list[_Share]]:
    took_s = RunRow.ended_at_s - RunRow.started_at_s
    query = (
        select(
            RunRow.study_id,
            DeviceRow.name,
            DeviceRow.machine_key,
            DeviceRow.simulated,
            RunRow.state,
            func.count(),
            func.count(took_s),
            func.sum(took_s),
        )
        .join(DeviceRow, DeviceRow.id == RunRow.device_id)
        .where(RunRow.study_id.in_(ids))
        .group_by(RunRow.study_id, DeviceRow.id, RunRow.state)
        .order_by(DeviceRow.name)
    )
    shares: dict[int, list[_Share]] = {}
    for study, device, machine, simulated, state, count, timed, seconds in session.execute(query):
        share = _Share(
            device=device,
            machine=machine,
            simulated=simulated,
            state=state,
            count=count,
            timed=timed if state is RunState.DONE else 0,
            seconds=(seconds or 0.0) if state is RunState.DONE else 0.0,
        )
        shares.setdefault(study, []).append(share)
    return shares


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


def _study_view(row: StudyRow, shares: Sequence[_Share], variants: tuple[str, ...]) -> StudyView:
    protocol = decode(Protocol, row.protocol)
    is_active = row.state is StudyState.ACTIVE
    return StudyView(
        study=row.id,
        model=row.model.name,
        protocol=row.protocol_name,
        regime=protocol.regime.value,
        blocks=row.blocks,
        seed=row.seed,
        priority=row.priority,
        state=row.state,
        created_at_s=row.created_at_s,
        ended_at_s=row.ended_at_s,
        devices=tuple(dict.fromkeys(share.device for share in shares)),
        variants=variants,
        counts={state.value: sum(s.count for s in shares if s.state is state) for state in RunState},
        eta_s=_eta_s(shares, protocol) if is_active else None,
        simulated=any(share.simulated for share in shares),
    )


def _eta_s(shares: Sequence[_Share], protocol: Protocol) -> float:
    """How long the busiest machine still takes: its own runs' mean, else the study's, else the protocol's minima."""
    expected_s = _mean_s(shares, shortest_s(protocol) + protocol.gate.hold_s)
    by_machine: dict[str, list[_Share]] = {}
    for share in shares:
        by_machine.setdefault(share.machine, []).append(share)
    return max(
        (
            _mean_s(own, expected_s) * sum(share.count for share in own if share.state in _OPEN)
            for own in by_machine.values()
        ),
        default=0.0,
    )


def _mean_s(shares: Sequence[_Share], otherwise_s: float) -> float:
    timed = sum(share.timed for share in shares)
    return sum(share.seconds for share in shares) / timed if timed else otherwise_s
