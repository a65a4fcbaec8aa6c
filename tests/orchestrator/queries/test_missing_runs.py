"""Runs that are missing keep the pairing right: from the submission to the answer only common blocks count."""

import pytest

from orchestrator import studies
from orchestrator.attending.lifecycle import RunState, Verdict
from orchestrator.db.session import Database
from orchestrator.protocols import preset
from orchestrator.queries.leaderboard import leaderboard
from orchestrator.queries.leaderboard_rows import LeaderboardRow
from tests import factories
from tests.small_farm import make_submission, runs_of

LOST, ALONE = 1, 3


@pytest.fixture
def study(database: Database) -> int:
    """Six blocks of two variants, in an order that the study's seed has drawn; int8 takes exactly half as long."""
    factories.add_device(database, "pi5-1")
    factories.add_model(database)
    submission = make_submission(protocol=preset("standard").protocol, blocks=6, threads=(4,))
    study_id = studies.submit(database, submission)
    factories.measure(database, study_id, {"fp32": 100.0, "int8": 50.0})
    for run in runs_of(database, study_id):
        drift = 1 + run.block / 10
        factories.change_run(database, run.id, median_ns=(1e8 if is_baseline(run.variant_id) else 5e7) * drift)
    return study_id


def is_baseline(variant_id: int) -> bool:
    """Whether a variant is the first that was submitted."""
    return variant_id == 1


def int8(database: Database, study_id: int) -> LeaderboardRow:
    """The row of the faster variant."""
    (row,) = [row for row in leaderboard(database, study=study_id).rows if "int8" in row.variant]
    return row


def test_drift_between_blocks_cancels_out_of_the_ratio(database: Database, study: int) -> None:
    row = int8(database, study)
    assert row.speedup == pytest.approx(2.0)
    assert row.speedup_ci == pytest.approx((2.0, 2.0))


@pytest.mark.parametrize("fate", ["failed", "cancelled", "invalid"])
def test_a_partner_whose_run_is_missing_does_not_count(database: Database, study: int, fate: str) -> None:
    for run in runs_of(database, study):
        if run.block == LOST and not is_baseline(run.variant_id):
            gone = (
                {"verdict": Verdict.INVALID}
                if fate == "invalid"
                else {"state": RunState(fate), "median_ns": None, "counted_attempt": None, "verdict": None}
            )
            factories.change_run(database, run.id, **gone)
        elif run.block == LOST:
            factories.change_run(database, run.id, median_ns=9e9)
    row = int8(database, study)
    assert row.runs == 5
    assert row.speedup == pytest.approx(2.0)
    assert row.speedup_ci == pytest.approx((2.0, 2.0))


def test_without_common_blocks_nothing_is_told_apart(database: Database, study: int) -> None:
    for run in runs_of(database, study):
        if is_baseline(run.variant_id) == (run.block < ALONE):
            factories.change_run(
                database, run.id, state=RunState.FAILED, median_ns=None, counted_attempt=None, verdict=None
            )
    rows = leaderboard(database, study=study).rows
    assert [row.rank for row in rows] == [1, 1]
    assert all(row.tied_with for row in rows)


def test_blocks_that_are_added_pair_like_the_first_ones(database: Database, study: int) -> None:
    assert studies.extend(database, study, 2) == 4
    factories.measure(database, study, {"fp32": 100.0, "int8": 50.0}, cv=0.0001)
    row = int8(database, study)
    assert row.runs == 8
    assert row.speedup == pytest.approx(2.0, rel=0.01)
