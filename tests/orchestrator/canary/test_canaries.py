"""When canaries come, and what they do to their device."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from agent.wire.records import Fault, Record
from orchestrator import studies
from orchestrator.attending import links, picking, results
from orchestrator.attending.ingest import ingest
from orchestrator.attending.lifecycle import DeviceState, RunState, StudyKind
from orchestrator.attending.picking import Assignment
from orchestrator.boards import fleet
from orchestrator.canary import workload
from orchestrator.canary.judging import judge_canary
from orchestrator.canary.planting import plant_if_due
from orchestrator.config import Settings
from orchestrator.db.session import Database
from orchestrator.db.stored import Base
from orchestrator.db.tables import AttemptRow, DeviceRow, RunRow, StudyRow
from orchestrator.farm import Farm
from orchestrator.queries.canary import CanaryChart, list_charts
from orchestrator.queries.farm import recent_events
from orchestrator.queries.leaderboard import leaderboard
from orchestrator.queries.models import list_models
from orchestrator.queries.studies import list_studies
from tests.journals import UNDER_VOLTAGE, completed_records, encode_journal, failed_records
from tests.small_farm import add_device, add_model, make_submission, mark_started

MS = 1_000_000
HOUR_S = 3600.0
RUNTIMES = {"runtimes": {"onnxruntime": "1.32.0"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """A farm with one device, the canary's model and another one."""

    farm: Farm
    device_id: int

    @property
    def database(self) -> Database:
        return self.farm.database

    def change(self, **columns: object) -> None:
        """Set columns of the device."""
        with self.database.write() as session:
            device = session.get_one(DeviceRow, self.device_id)
            for name, value in columns.items():
                setattr(device, name, value)

    @property
    def device(self) -> DeviceRow:
        """The device as it is now."""
        with self.database.read() as session:
            return session.get_one(DeviceRow, self.device_id)

    @property
    def states(self) -> tuple[DeviceState, bool]:
        """Whether it works, and whether it needs a canary."""
        return self.device.state, self.device.needs_canary

    @property
    def chart(self) -> CanaryChart:
        """Its control chart."""
        return list_charts(self.database)[0]

    def open_next(self) -> Assignment | picking.Idle | picking.NotMyTurn:
        """What the attendant does when the device is free."""
        plant_if_due(self.farm, self.device_id)
        return picking.open_next(self.database, self.device_id)

    def opened(self) -> Assignment:
        """The same, where there is something to do."""
        found = self.open_next()
        assert isinstance(found, Assignment), found
        return found

    def end(self, opened: Assignment, records: Sequence[Record]) -> None:
        """The journal of an attempt arrives whole."""
        mark_started(self.database, opened.attempt_id)
        with self.database.write() as session:
            attempt = session.get_one(AttemptRow, opened.attempt_id)
            taken = ingest(session, attempt, encode_journal(records), 0)
            assert taken.ended is not None
            results.settle(session, attempt, taken.ended)
            judge_canary(session, attempt.run)

    def measure(self, median_ms: float, **changes: object) -> Assignment:
        """The next run, a canary or not, with that median."""
        opened = self.opened()
        durations = [round(median_ms * MS) + 1000 * (index % 7) for index in range(60)]
        self.end(opened, completed_records(opened.run_id, opened.number, durations_ns=durations, **changes))
        return opened

    def canaries(self, *medians_ms: float) -> None:
        """Canaries that somebody asked for."""
        for median_ms in medians_ms:
            self.change(needs_canary=True)
            assert is_canary(self.measure(median_ms))

    def settle(self, canaries: int, *, slower_by: float = 0.0, before_s: float = 0.0) -> None:
        """So many more canaries like the first, measured before it, the last of them `before_s` earlier."""
        with self.database.write() as session:
            run = session.scalars(select(RunRow).order_by(RunRow.ended_at_s.desc())).first()
            assert run is not None
            attempt = session.scalars(select(AttemptRow).where(AttemptRow.run_id == run.id)).one()
            ids = [f"{before_s:05.0f}-{number}" for number in range(canaries)]
            ends_s = [(run.ended_at_s or 0.0) - before_s - 60.0 * (number + 1) for number in range(canaries)]
            changes = {"median_ns": (run.median_ns or 0.0) * (1 + slower_by)}
            runs = [
                _copied(RunRow, run, id=own, ended_at_s=at_s, **changes) for own, at_s in zip(ids, ends_s, strict=True)
            ]
            session.execute(insert(RunRow), runs)
            session.execute(insert(AttemptRow), [_copied(AttemptRow, attempt, run_id=own) for own in ids])

    def age_canaries(self, seconds: float) -> None:
        """Let all canaries have ended so much earlier."""
        with self.database.write() as session:
            for run in session.scalars(select(RunRow).where(RunRow.ended_at_s.is_not(None))):
                run.ended_at_s = (run.ended_at_s or 0.0) - seconds


def _copied(table: type[Base], row: Base, **changes: object) -> dict[str, object]:
    names = [column.key for column in table.__mapper__.column_attrs if column.key != "id" or "id" in changes]
    return {name: getattr(row, name) for name in names} | changes


def is_canary(opened: Assignment) -> bool:
    """Whether what was opened is a canary."""
    return opened.protocol == workload.PROTOCOL


@pytest.fixture
def shelf(each_database: Database, tmp_path: Path) -> Shelf:
    """A device that has had its health check, on each kind of database."""
    database = each_database
    add_model(database, workload.MODEL, labels=(workload.LABEL,))
    add_model(database)
    device_id = add_device(database, "pi5", probe=RUNTIMES)
    settings = Settings(home=tmp_path, canary_every_s=HOUR_S)
    shelf = Shelf(farm=Farm(settings=settings, database=database, farm_id="farm-1"), device_id=device_id)
    shelf.canaries(10.0)
    return shelf


def submit(shelf: Shelf, **changes: object) -> int:
    """A study of two variants."""
    return studies.submit(shelf.database, make_submission(**changes))


def test_a_device_at_rest_gets_none_and_one_that_works_gets_one_an_hour_between_blocks(shelf: Shelf) -> None:
    shelf.age_canaries(2 * HOUR_S)
    assert shelf.open_next() is picking.Idle.NOTHING_QUEUED
    submit(shelf, blocks=2)
    assert is_canary(shelf.measure(10.0))
    assert not is_canary(shelf.measure(50.0))
    shelf.age_canaries(2 * HOUR_S)
    assert not is_canary(shelf.measure(50.0)), "never inside a block"
    assert is_canary(shelf.measure(10.0))
    assert not is_canary(shelf.measure(50.0)), "once an hour is enough"


def test_without_the_setting_there_are_none(shelf: Shelf) -> None:
    off = Farm(settings=Settings(home=shelf.farm.settings.home), database=shelf.database, farm_id="farm-1")
    shelf.change(needs_canary=True)
    assert not plant_if_due(off, shelf.device_id)
    submit(shelf)
    assert isinstance(picking.open_next(shelf.database, shelf.device_id), Assignment)


def test_a_board_that_was_away_is_looked_at_before_it_goes_on_even_inside_a_block(shelf: Shelf) -> None:
    submit(shelf)
    assert not is_canary(shelf.measure(50.0))
    with shelf.database.write() as session:
        for _ in range(links.OUTAGE_TRIES):
            links.note_unreachable(session, shelf.device_id, "no route to host", 300.0)
        links.note_reachable(session, shelf.device_id)
    assert is_canary(shelf.measure(10.0))
    assert not is_canary(shelf.measure(50.0))


def test_a_short_break_of_the_link_is_no_outage(shelf: Shelf) -> None:
    with shelf.database.write() as session:
        links.note_unreachable(session, shelf.device_id, "connection reset", 300.0)
        links.note_reachable(session, shelf.device_id)
    assert not shelf.device.needs_canary


def test_a_board_without_the_runtime_works_unchecked_and_it_is_said(shelf: Shelf) -> None:
    shelf.change(needs_canary=True, probe={})
    submit(shelf)
    assert not is_canary(shelf.opened())
    assert "it has no onnxruntime" in recent_events(shelf.database)[0].message
    assert not shelf.device.needs_canary


def test_a_cancelled_canary_comes_again(shelf: Shelf) -> None:
    shelf.change(needs_canary=True)
    first = shelf.opened()
    studies.cancel(shelf.database, first.study_id)
    picking_state = picking.current(shelf.database, shelf.device_id)
    assert picking_state is not None and not picking_state.is_wanted
    with shelf.database.write() as session:
        session.delete(session.get_one(AttemptRow, first.attempt_id))
    assert is_canary(shelf.opened())


def test_one_canary_beyond_the_limits_is_asked_again_and_the_second_takes_the_device_out(shelf: Shelf) -> None:
    shelf.settle(7)
    submit(shelf)
    shelf.canaries(12.0)
    assert shelf.states == (DeviceState.READY, True)
    assert is_canary(shelf.measure(12.0)), "it gets no other work meanwhile"
    assert shelf.states == (DeviceState.SICK, True)
    assert shelf.device.state_reason == ("canary 12.0 ms, limits 9.35 to 10.70 ms (baseline of 8), the 2nd in a row")
    assert shelf.open_next() is picking.Idle.NOT_READY


def test_a_device_that_is_resumed_is_looked_at_first_and_stays_if_it_is_well_again(shelf: Shelf) -> None:
    shelf.settle(7)
    shelf.canaries(12.0, 12.0)
    fleet.resume(shelf.database, "pi5")
    submit(shelf)
    assert is_canary(shelf.measure(10.0))
    assert shelf.states == (DeviceState.READY, False)
    assert not is_canary(shelf.opened())


def test_a_meant_change_begins_a_baseline_of_its_own(shelf: Shelf) -> None:
    shelf.settle(7)
    shelf.canaries(12.0, 12.0)
    fleet.resume(shelf.database, "pi5")
    fleet.reset_canaries(shelf.database, "pi5")
    assert is_canary(shelf.measure(12.0))
    assert shelf.device.state is DeviceState.READY
    assert shelf.chart.baseline == 1
    assert shelf.chart.center_ms == pytest.approx(12.0, rel=1e-3)


def test_a_device_that_slows_down_by_and_by_is_held_against_its_first_canaries_for_ever(shelf: Shelf) -> None:
    shelf.settle(20, before_s=60_000.0)
    shelf.settle(600, slower_by=0.05)
    assert (shelf.chart.baseline, len(shelf.chart.points)) == (20, 500)
    shelf.canaries(10.8, 10.8)
    assert shelf.device.state is DeviceState.SICK, "8 % above its first canaries, 3 % above its latest"


def test_another_version_of_the_runtime_has_a_baseline_of_its_own(shelf: Shelf) -> None:
    shelf.settle(7)
    with shelf.database.write() as session:
        for run in session.scalars(select(RunRow)):
            run.runtime_version = "1.20.0"
    shelf.canaries(7.0)
    assert shelf.states == (DeviceState.READY, False)
    assert len(shelf.chart.points) == 1


def test_a_canary_that_fails_or_is_invalid_by_the_board_takes_it_out(shelf: Shelf) -> None:
    shelf.change(needs_canary=True)
    opened = shelf.opened()
    shelf.end(opened, failed_records(opened.run_id, opened.number, Fault.MODEL, "crashed", "ended by SIGILL"))
    assert shelf.device.state is DeviceState.SICK
    assert shelf.device.state_reason == "canary failed: crashed: ended by SIGILL"
    fleet.resume(shelf.database, "pi5")
    for _ in range(2):
        shelf.measure(10.0, throttled=UNDER_VOLTAGE)
    assert shelf.device.state_reason.startswith("canary invalid: under-voltage")


def test_a_drained_device_stays_drained_whatever_its_canary_says(shelf: Shelf) -> None:
    shelf.change(needs_canary=True)
    opened = shelf.opened()
    fleet.drain(shelf.database, "pi5", "on holiday")
    shelf.end(opened, failed_records(opened.run_id, opened.number, Fault.MODEL, "crashed", "ended by SIGILL"))
    assert (shelf.device.state, shelf.device.state_reason) == (DeviceState.DRAINED, "on holiday")


def test_canaries_are_nobodys_studies_models_or_results(shelf: Shelf) -> None:
    assert list_studies(shelf.database) == ()
    assert [study.kind for study in list_studies(shelf.database, kinds=tuple(StudyKind))] == [StudyKind.CANARY]
    assert workload.MODEL not in [model.model for model in list_models(shelf.database)]
    assert leaderboard(shelf.database).rows == ()
    with shelf.database.read() as session:
        assert session.scalars(select(StudyRow.kind)).all() == [StudyKind.CANARY]
        assert session.scalars(select(RunRow.state)).all() == [RunState.DONE]
