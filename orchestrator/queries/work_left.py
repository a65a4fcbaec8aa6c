"""What active studies still ask of each lane, and when each of them may be done there.

Runs of one lane wait for each other: a machine, by its key, does one at a time; scripted ones take no turns, theirs is
the device's name.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from agent.wire.codec import decode
from agent.wire.spec import Protocol
from orchestrator.analysis.forecast import add_up, expected_run_s
from orchestrator.attending.lifecycle import RunState, StudyState
from orchestrator.attending.scheduler import Standing, runs_before
from orchestrator.db.clock import now_s
from orchestrator.db.model_tables import VariantRow
from orchestrator.db.tables import DeviceRow, RunRow, StudyRow
from orchestrator.queries.cool_down import known_taus_s
from orchestrator.studies.planting import SCRIPTED

_UNDER_WAY = (RunState.STAGING, RunState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A variant's runs of one state on one device: `count`, of which `begun` have been begun at least once.

    `seconds` is what its ended runs took in all, `timed` their number; `passed_s` is since those that run were started.
    """

    device: str
    device_id: int
    variant_id: int
    lane: str
    simulated: bool
    state: RunState
    count: int
    begun: int
    timed: int
    seconds: float
    passed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Load:
    """What a study still asks of a lane, in seconds: of runs that wait, and the rest of the one that is under way."""

    standing: Standing
    waiting_s: float
    under_way_s: float

    @property
    def seconds(self) -> float:
        """Of all of them."""
        return self.waiting_s + self.under_way_s


def active_studies(session: Session) -> Sequence[StudyRow]:
    """The studies whose runs are being measured or wait."""
    return session.scalars(select(StudyRow).where(StudyRow.state == StudyState.ACTIVE)).all()


def seconds_left(session: Session) -> Mapping[str, float]:
    """What active studies still ask of each lane."""
    active = active_studies(session)
    loads = _loads(session, active, read_shares(session, [row.id for row in active]))
    return add_up((lane, load.seconds) for each in loads.values() for lane, load in each.items())


def seconds_before(session: Session, runs: Mapping[str, int], priority: int) -> Mapping[str, float]:
    """What would be measured on each lane before the end of a study that is submitted now with so many runs there."""
    active = active_studies(session)
    loads = _loads(session, active, read_shares(session, [row.id for row in active]))
    newest = max(loads, default=0) + 1
    standings = {
        lane: Standing(study_id=newest, priority=priority, measured=0, waiting=count) for lane, count in runs.items()
    }
    return {lane: _before_s(standing, lane, loads) for lane, standing in standings.items()}


def left_by_study_s(
    session: Session, active: Sequence[StudyRow], shares: Mapping[int, Sequence[Share]]
) -> Mapping[int, Mapping[str, float]]:
    """For each active study and lane when its last run there may have ended, in seconds from now.

    Runs of other studies that the scheduler takes before that one are part of it.
    """
    loads = _loads(session, active, shares)
    return {
        study: {lane: load.seconds + _before_s(load.standing, lane, loads) for lane, load in own.items()}
        for study, own in loads.items()
    }


def read_shares(session: Session, ids: Collection[int]) -> Mapping[int, list[Share]]:
    """The runs of these studies, counted; in order of the devices' names."""
    took_s, passed_s = RunRow.ended_at_s - RunRow.started_at_s, now_s() - RunRow.started_at_s
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
            func.sum(case((RunRow.attempts_made > 0, 1), else_=0)),
            func.count(took_s),
            func.sum(took_s),
            func.sum(passed_s),
        )
        .join(DeviceRow, DeviceRow.id == RunRow.device_id)
        .join(VariantRow, VariantRow.id == RunRow.variant_id)
        .where(RunRow.study_id.in_(ids))
        .group_by(RunRow.study_id, DeviceRow.id, RunRow.variant_id, RunRow.state, is_scripted)
        .order_by(DeviceRow.name)
    )
    shares: dict[int, list[Share]] = {}
    for study, device, device_id, variant_id, machine, scripted, simulated, *tally in session.execute(query):
        state, count, begun, timed, seconds, passed = tally
        share = Share(
            device=device,
            device_id=device_id,
            variant_id=variant_id,
            lane=device if scripted else machine,
            simulated=simulated,
            state=state,
            count=count,
            begun=int(begun),
            timed=timed if state is RunState.DONE else 0,
            seconds=(seconds or 0.0) if state is RunState.DONE else 0.0,
            passed_s=(passed or 0.0) if state is RunState.RUNNING else 0.0,
        )
        shares.setdefault(study, []).append(share)
    return shares


def _before_s(standing: Standing, lane: str, loads: Mapping[int, Mapping[str, _Load]]) -> float:
    """What other studies do on a lane before the last run of this one."""
    if not standing.waiting:
        return 0.0
    others = [own[lane] for study, own in loads.items() if study != standing.study_id and lane in own]
    shares = [(each, runs_before(standing, each.standing) / max(1, each.standing.waiting)) for each in others]
    return sum(each.under_way_s + each.waiting_s * share for each, share in shares)


def _loads(
    session: Session, studies: Sequence[StudyRow], shares: Mapping[int, Sequence[Share]]
) -> Mapping[int, Mapping[str, _Load]]:
    taus_s = known_taus_s(session, {share.device_id for row in studies for share in shares.get(row.id, ())})
    return {row.id: _loads_of(row, shares.get(row.id, ()), taus_s) for row in studies}


def _loads_of(row: StudyRow, shares: Sequence[Share], taus_s: Mapping[int, float]) -> Mapping[str, _Load]:
    """By lane. A run takes what its variant's took on its device, else on its machine, else what others took on its
    device, else in its study, else what is expected.

    What is expected goes by how the device cools, where its gates or soaks have told. What has passed of a run under
    way is taken off; nothing is left of one that takes longer.
    """
    protocol = decode(Protocol, row.protocol)
    taken = _Taken(shares)

    def seconds_of(share: Share) -> float:
        known_s = taken.by(share)
        run_s = expected_run_s(protocol, taus_s.get(share.device_id)) if known_s is None else known_s
        return max(0.0, run_s * share.count - share.passed_s)  # a device has at most one that has been started

    waiting = [share for share in shares if share.state is RunState.QUEUED]
    under_way = [share for share in shares if share.state in _UNDER_WAY]
    waiting_s = add_up((share.lane, seconds_of(share)) for share in waiting)
    under_way_s = add_up((share.lane, seconds_of(share)) for share in under_way)
    return {
        lane: _Load(
            standing=Standing(
                study_id=row.id,
                priority=row.priority,
                measured=sum(share.begun for share in shares if share.lane == lane),
                waiting=sum(share.count for share in waiting if share.lane == lane),
            ),
            waiting_s=waiting_s.get(lane, 0.0),
            under_way_s=under_way_s.get(lane, 0.0),
        )
        for lane in {**waiting_s, **under_way_s}
    }


class _Taken:
    """What ended runs took on average, by what a run to come may have in common with them."""

    def __init__(self, shares: Sequence[Share]) -> None:
        self._tallies: dict[tuple[object, ...], tuple[int, float]] = {}
        for share in shares:
            for key in self._keys(share):
                timed, seconds = self._tallies.get(key, (0, 0.0))
                self._tallies[key] = (timed + share.timed, seconds + share.seconds)

    def by(self, share: Share) -> float | None:
        """Of the closest runs that have ended; None where none has."""
        tallies = (self._tallies[key] for key in self._keys(share) if key in self._tallies)
        return next((seconds / timed for timed, seconds in tallies if timed), None)

    @staticmethod
    def _keys(share: Share) -> tuple[tuple[object, ...], ...]:
        """The closest first."""
        device, variant = share.device_id, share.variant_id
        return ("device", device, variant), ("machine", share.lane, variant), ("device", device), ()
