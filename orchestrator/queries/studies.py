"""Studies: how far each is, and when it may be done."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session, joinedload

from agent.wire.codec import decode
from agent.wire.spec import Protocol
from orchestrator.analysis.forecast import add_up, expected_run_s
from orchestrator.attending.lifecycle import ENDED_RUN_STATES, USERS_KINDS, RunState, StudyKind, StudyState
from orchestrator.db.model_tables import BuildRow, VariantRow
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow, RunRow, StudyRow
from orchestrator.queries.cool_down import known_taus_s
from orchestrator.queries.naming import require_known, variant_text
from orchestrator.queries.narrowing import read_until_narrow
from orchestrator.queries.rows import Answering, StudyView, UntilNarrow
from orchestrator.queries.scores import studies_answering
from orchestrator.studies.planting import SCRIPTED

_OPEN = (RunState.QUEUED, RunState.STAGING, RunState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """A variant's runs of one state on one device; `seconds` is what its ended runs took in all, `timed` their number.

    Runs of one `lane` wait for each other: a machine does one at a time, but scripted ones take no turns.
    """

    device: str
    device_id: int
    variant_id: int
    lane: str
    simulated: bool
    state: RunState
    count: int
    timed: int
    seconds: float


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


def seconds_left(session: Session) -> Mapping[str, float]:
    """What active studies still ask of each lane: a machine by its key, or a device by its name for scripted runs."""
    rows = session.scalars(select(StudyRow).where(StudyRow.state == StudyState.ACTIVE)).all()
    shares = _shares(session, [row.id for row in rows])
    taus_s = _taus_s(session, shares)
    lefts = (_left_s(shares.get(row.id, []), decode(Protocol, row.protocol), taus_s) for row in rows)
    return add_up(load for left_s in lefts for load in left_s.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What was read of several studies, by study; time constants of cooling by device."""

    variants: Mapping[int, tuple[str, ...]]
    blocks: Mapping[int, tuple[int, int]]
    until_ci: Mapping[int, UntilNarrow]
    answering: Mapping[int, Answering]
    taus_s: Mapping[int, float]


def _studies(session: Session, ids: Sequence[int]) -> tuple[StudyView, ...]:
    query = select(StudyRow).options(joinedload(StudyRow.model)).where(StudyRow.id.in_(ids))
    rows = session.scalars(query.order_by(StudyRow.id.desc())).all()
    shares = _shares(session, ids)
    known = _Known(
        variants=_variants(session, ids),
        blocks=_blocks(session, ids),
        until_ci=read_until_narrow(session, rows),
        answering=studies_answering(session, [row.id for row in rows if row.kind is StudyKind.ACCURACY]),
        taus_s=_taus_s(session, shares),
    )
    return tuple(_study_view(row, shares.get(row.id, []), known) for row in rows)


def _shares(session: Session, ids: Sequence[int]) -> Mapping[int, list[_Share]]:
    took_s = RunRow.ended_at_s - RunRow.started_at_s
    is_scripted = VariantRow.runtime == SCRIPTED
    query = (
        select(
            RunRow.study_id,
            DeviceRow.name,
            DeviceRow.id,
            RunRow.variant_id,
            DeviceRow.machine_key,
            is_scripted,
            DeviceRow.simulated,
            RunRow.state,
            func.count(),
            func.count(took_s),
            func.sum(took_s),
        )
        .join(DeviceRow, DeviceRow.id == RunRow.device_id)
        .join(VariantRow, VariantRow.id == RunRow.variant_id)
        .where(RunRow.study_id.in_(ids))
        .group_by(RunRow.study_id, DeviceRow.id, RunRow.variant_id, RunRow.state, is_scripted)
        .order_by(DeviceRow.name)
    )
    shares: dict[int, list[_Share]] = {}
    for study, device, device_id, variant_id, machine, scripted, simulated, *tally in session.execute(query):
        state, count, timed, seconds = tally
        share = _Share(
            device=device,
            device_id=device_id,
            variant_id=variant_id,
            lane=device if scripted else machine,
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


def _study_view(row: StudyRow, shares: Sequence[_Share], known: _Known) -> StudyView:
    protocol = decode(Protocol, row.protocol)
    left_s = _left_s(shares, protocol, known.taus_s) if row.state is StudyState.ACTIVE else {}
    done, planned = known.blocks.get(row.id, (0, 0))
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


def _taus_s(session: Session, shares: Mapping[int, Sequence[_Share]]) -> Mapping[int, float]:
    return known_taus_s(session, {share.device_id for each in shares.values() for share in each})


def _left_s(shares: Sequence[_Share], protocol: Protocol, taus_s: Mapping[int, float]) -> Mapping[str, float]:
    """What each lane still has to do. A run takes what its variant's took on its device, else on its machine, else
    what others took on its device, else in its study, else what is expected.

    What is expected goes by how the device cools, where its gates or soaks have told.
    """
    taken_s = _Taken(shares)

    def run_s(share: _Share) -> float:
        known_s = taken_s.by(share)
        return expected_run_s(protocol, taus_s.get(share.device_id)) if known_s is None else known_s

    return add_up((share.lane, run_s(share) * share.count) for share in shares if share.state in _OPEN)


class _Taken:
    """What ended runs took on average, by what a run to come may have in common with them."""

    def __init__(self, shares: Sequence[_Share]) -> None:
        self._tallies: dict[tuple[object, ...], tuple[int, float]] = {}
        for share in shares:
            for key in self._keys(share):
                timed, seconds = self._tallies.get(key, (0, 0.0))
                self._tallies[key] = (timed + share.timed, seconds + share.seconds)

    def by(self, share: _Share) -> float | None:
        """Of the closest runs that have ended; None where none has."""
        tallies = (self._tallies[key] for key in self._keys(share))
        return next((seconds / timed for timed, seconds in tallies if timed), None)

    @staticmethod
    def _keys(share: _Share) -> tuple[tuple[object, ...], ...]:
        """The closest first."""
        device, variant = share.device_id, share.variant_id
        return ("device", device, variant), ("machine", share.lane, variant), ("device", device), ()
