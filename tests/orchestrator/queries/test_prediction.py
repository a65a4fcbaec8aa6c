"""What a stored soak foretells, and how another soak of the same board compares with that."""

import functools
import json

import pytest

from benchmarks.thermal_truth.soaks import Plan, Truth, simulate, specimen
from orchestrator.analysis.rate_search import Search
from orchestrator.cli.console import as_json
from orchestrator.db.session import Database
from orchestrator.errors import CannotTellError
from orchestrator.queries.first_rates import first_rates
from orchestrator.queries.prediction import check_prediction, predict
from orchestrator.text import pace_text
from tests import factories
from tests.orchestrator.studies.stepping import wish
from tests.small_farm import make_submission
from tests.stored_soaks import store_soak

BARE = specimen("pi4-bare", 1)
# What is foretold of the same rows is the same on either; the first test reads them from both.
on_sqlite = pytest.mark.parametrize("each_database", ["sqlite"], indirect=True)


@functools.cache
def soaked(room_c: float = 25.0, has_ambient: bool = True) -> Truth:
    """A soak of a bare Pi 4."""
    return simulate(BARE, Plan(room_c=room_c, latency_s=0.5, has_ambient=has_ambient), 1 + int(room_c))


def stored(database: Database, *soaks: Truth, protocol: str = "sustained") -> list[str]:
    """Runs of one variant on one board with these soaks."""
    factories.add_device(database, "pi4-1", board_type="pi4")
    factories.add_model(database, labels=["fp32"])
    study = factories.add_study(database, devices=("pi4-1",), protocol=protocol, blocks=len(soaks))
    runs = factories.run_ids(database, study)
    for run, truth in zip(runs, soaks, strict=True):
        store_soak(database, run, truth.soak, BARE.silicon.min_hz)
    return runs


@pytest.mark.integration
def test_a_soak_foretells_onset_latency_rate_and_rooms_with_intervals(database: Database) -> None:
    (run,) = stored(database, soaked())
    found = predict(database, run, 28.0, 1.5)
    assert (found.device, found.load, found.is_reliable, found.room_c) == ("pi4-1", "continuous", True, 28.0)
    assert found.seconds_to_throttle is not None and found.settled_ms is not None and found.normalised_ms is not None
    for each in (found.margin_c, found.seconds_to_throttle, found.settled_ms, found.highest_rate_per_s):
        assert each.low is not None and each.value is not None and each.high is not None
        assert each.low <= each.value <= each.high
    assert found.measured_settled_ms == pytest.approx(found.normalised_ms.value, rel=0.02)
    assert found.highest_rate_per_s.value is not None and found.highest_rate_per_s.value < 1e3 / found.cold_ms
    cooler = predict(database, run, 22.0).highest_rate_per_s.value
    assert cooler is not None and cooler > found.highest_rate_per_s.value
    room = found.highest_room_for_rate_c
    assert room is not None and room.value is not None
    assert predict(database, run, room.value).highest_rate_per_s.value == pytest.approx(1.5)
    rows = dict(pace_text.prediction_rows(found))
    assert rows["warmest room for 1.50/s without throttling"].startswith(f"{room.value:.1f} °C [")


@on_sqlite
@pytest.mark.integration
def test_what_never_comes_is_null_and_said_in_words(database: Database) -> None:
    (run,) = stored(database, soaked())
    found = predict(database, run, 10.0, 100.0)
    assert found.seconds_to_throttle is not None and found.seconds_to_throttle.value is None
    assert found.highest_room_for_rate_c is not None and found.highest_room_for_rate_c.value is None
    json.dumps(as_json(found), allow_nan=False)
    rows = dict(pace_text.prediction_rows(found))
    assert rows["throttles after"].startswith("never [")
    assert rows["warmest room for 100/s without throttling"].startswith("no room [")


@on_sqlite
@pytest.mark.integration
def test_a_held_out_soak_is_set_beside_what_was_foretold(database: Database) -> None:
    run, held_out = stored(database, soaked(), soaked(28.0))
    found = check_prediction(database, run, held_out)
    assert (found.is_same, found.is_reliable, found.is_covered) == (True, True, True)
    assert found.held_out_room_c == pytest.approx(28.0, abs=0.1)
    assert [each.figure for each in found.figures] == ["throttles_after_s", "settled_latency_s"]
    for each in found.figures:
        assert each.relative_error is not None and abs(each.relative_error) < 0.15
        assert pace_text.check_row(each)[-1] == "yes"


@on_sqlite
@pytest.mark.integration
def test_a_search_begins_just_below_what_a_soak_foretells(database: Database) -> None:
    (run,) = stored(database, soaked())
    (start,) = first_rates(database, make_submission(**wish(Search(), threads=(4,)))).values()
    highest = predict(database, run).highest_rate_per_s.value
    assert highest is not None and 0.85 * highest < start.rate_per_s < highest
    assert start.why.startswith(f"by the fit of soak {run}")


def test_a_search_begins_at_half_of_the_speed_that_a_burst_showed(database: Database) -> None:
    example = factories.fill(database)
    starts = first_rates(database, make_submission(**wish(Search(), threads=(4,))))
    assert len(starts) == len(example.devices) * len(example.variants)
    assert {round(start.rate_per_s) for start in starts.values()} == {5, 7}
    assert all("half of its speed in run" in start.why for start in starts.values())


def test_nothing_is_known_of_a_variant_that_was_never_measured(database: Database) -> None:
    factories.add_device(database, "pi4-1", board_type="pi4")
    factories.add_model(database)
    assert first_rates(database, make_submission(**wish(Search(), threads=(4,)))) == {}


def test_a_burst_foretells_nothing(database: Database) -> None:
    example = factories.fill(database)
    run = factories.run_ids(database, example.study)[0]
    with pytest.raises(CannotTellError, match="expected a sustained run, got a burst one; pifarm thermal soak"):
        predict(database, run)


def test_a_soak_without_its_room_foretells_nothing_and_says_why(database: Database) -> None:
    (run,) = stored(database, soaked(25.0, has_ambient=False))
    with pytest.raises(CannotTellError, match="no forecast: room: nobody recorded or stated it"):
        predict(database, run)
