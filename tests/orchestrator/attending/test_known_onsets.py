"""What a burst is told of earlier soaks before it begins, and what it is not told."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from agent.wire.spec import Protocol
from orchestrator.attending import picking
from orchestrator.attending.lifecycle import Verdict
from orchestrator.attending.picking import Assignment
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, DeviceRow, StudyDeviceRow
from orchestrator.protocols import paced, preset
from tests import factories
from tests.soaks import START_C, soak

STANDARD = preset("standard").protocol


@pytest.fixture
def farm(database: Database) -> Database:
    """A Pi 5 and a model of two builds."""
    factories.add_device(database)
    factories.add_model(database)
    return database


def open_burst(
    database: Database, protocol: Protocol = STANDARD, *, start_c: float | None = START_C, label: str = "int8"
) -> Assignment:
    """The next attempt of a burst study whose start temperature is known, None: is not."""
    study = factories.add_study(database, protocol=protocol, labels=(label,), blocks=1)
    with database.write() as session:
        device = session.scalars(select(DeviceRow)).one()
        session.get_one(StudyDeviceRow, (study, device.id)).start_c = start_c
        device_id = device.id
    opened = picking.open_next(database, device_id)
    assert isinstance(opened, Assignment)
    return opened


def onset_of(database: Database, **options: object) -> float | None:
    return open_burst(database, **options).protocol.window.onset_s  # type: ignore[arg-type]  # named like its own


def test_a_burst_window_is_bound_to_the_shortest_onset_of_the_newest_soaks(farm: Database) -> None:
    soak(farm, {"int8": 140.0}, {"int8": 90.0})
    newest = soak(farm, {"int8": 140.0}, {"int8": 210.0})
    factories.change_run(farm, factories.run_ids(farm, newest)[1], onset_s=180.0)
    opened = open_burst(farm)
    assert opened.protocol.window == replace(STANDARD.window, onset_s=180.0)
    assert opened.protocol.window.longest_load_s == 144.0
    assert opened.protocol.name == "standard", "nothing else of the protocol changes"


def test_what_a_board_is_sent_again_is_the_same_whatever_was_learnt_meanwhile(farm: Database) -> None:
    study = soak(farm, {"int8": 140.0}, {"int8": 210.0})
    opened = open_burst(farm)
    for run in factories.run_ids(farm, study):
        factories.change_run(farm, run, onset_s=100.0)
    assert picking.current(farm, opened.device_id) == opened
    with farm.read() as session:
        assert session.get_one(AttemptRow, opened.attempt_id).known_onset_s == 210.0


def test_soaks_that_never_throttled_give_nothing(farm: Database) -> None:
    soak(farm, {"int8": 140.0}, {"int8": 90.0})
    soak(farm, {"int8": 140.0}, {"int8": None})
    assert onset_of(farm) is None


@pytest.mark.parametrize("cause", ["power", "cap", "they disagree"])
def test_only_heat_counts(farm: Database, cause: str) -> None:
    for run in factories.run_ids(farm, soak(farm, {"int8": 140.0}, {"int8": 90.0})):
        factories.change_run(farm, run, onset_cause=cause)
    assert onset_of(farm) is None


@pytest.mark.parametrize("verdict", [Verdict.SUSPECT, Verdict.INVALID])
def test_only_valid_soaks_count(farm: Database, verdict: Verdict) -> None:
    for run in factories.run_ids(farm, soak(farm, {"int8": 140.0}, {"int8": 90.0})):
        factories.change_run(farm, run, verdict=verdict)
    assert onset_of(farm) is None


@pytest.mark.parametrize(("start_c", "onset_s"), [(START_C - 3, 90.0), (START_C + 3, 90.0), (START_C + 3.5, None)])
def test_a_soak_counts_where_it_began_about_as_warm(farm: Database, start_c: float, onset_s: float | None) -> None:
    soak(farm, {"int8": 140.0}, {"int8": 90.0})
    assert onset_of(farm, start_c=start_c) == onset_s


def test_before_the_start_temperature_is_known_nothing_is(farm: Database) -> None:
    soak(farm, {"int8": 140.0}, {"int8": 90.0})
    assert onset_of(farm, start_c=None) is None


def test_another_cooling_is_another_board(farm: Database) -> None:
    soak(farm, {"int8": 140.0}, {"int8": 90.0})
    with farm.write() as session:
        session.scalars(select(DeviceRow)).one().labels = {"cooling": "bare"}
    assert onset_of(farm) is None


def test_a_label_that_has_nothing_to_do_with_heat_changes_nothing(farm: Database) -> None:
    soak(farm, {"int8": 140.0}, {"int8": 90.0})
    with farm.write() as session:
        session.scalars(select(DeviceRow)).one().labels = {"cooling": "fan", "shelf": "top"}
    assert onset_of(farm) == 90.0


def test_another_variant_is_another_load(farm: Database) -> None:
    soak(farm, {"int8": 140.0}, {"int8": 90.0})
    assert onset_of(farm, label="fp32") is None


def test_an_onset_that_the_study_itself_gives_stays(farm: Database) -> None:
    soak(farm, {"int8": 140.0}, {"int8": 90.0})
    own = replace(STANDARD, name="standard-own", window=replace(STANDARD.window, onset_s=33.0))
    assert onset_of(farm, protocol=own) == 33.0


@pytest.mark.parametrize("protocol", [preset("sustained").protocol, paced(STANDARD, 2.0, None)])
def test_a_soak_itself_and_a_paced_burst_are_told_nothing(farm: Database, protocol: Protocol) -> None:
    soak(farm, {"int8": 140.0}, {"int8": 90.0})
    assert onset_of(farm, protocol=protocol) is None


def test_a_paced_soak_is_another_load(farm: Database) -> None:
    soak(farm, {"int8": 140.0}, {"int8": 90.0}, protocol=paced(preset("sustained").protocol, 2.0, None))
    assert onset_of(farm) is None
