"""What each row of the leaderboard is told of the other regime, and what it may not be told."""

import pytest

from orchestrator.attending.lifecycle import Verdict
from orchestrator.db.session import Database
from orchestrator.protocols import paced, preset, with_overrides
from orchestrator.queries.leaderboard import leaderboard
from orchestrator.queries.leaderboard_rows import LeaderboardRow, OtherRegime
from tests import factories
from tests.orchestrator.queries.conftest import CountStatements
from tests.soaks import WATCHED_S, soak, two_regimes

FP32, INT8 = "fp32@onnxruntime,t4", "int8@onnxruntime,t4"
STANDARD, SUSTAINED = preset("standard").protocol, preset("sustained").protocol


def rows(database: Database, **options: object) -> dict[tuple[str, str], LeaderboardRow]:
    board = leaderboard(database, **options)  # type: ignore[arg-type]  # named like its parameters
    return {(row.regime, row.variant): row for row in board.rows}


def other(row: LeaderboardRow) -> OtherRegime:
    assert row.other_regime is not None
    return row.other_regime


def test_each_row_has_its_place_in_the_other_regime(database: Database) -> None:
    two_regimes(database)
    found = rows(database)
    cold, hot = found["burst", INT8], found["sustained", INT8]
    assert (cold.rank, other(cold).regime, other(cold).protocol, other(cold).rank) == (1, "sustained", "sustained", 2)
    assert (hot.rank, other(hot).regime, other(hot).protocol, other(hot).rank) == (2, "burst", "standard", 1)
    assert other(cold).median_ms == hot.median_ms
    assert other(hot).median_ms == cold.median_ms


def test_an_order_that_turns_round_is_marked_where_the_variant_is_slower(database: Database) -> None:
    two_regimes(database)
    assert {key: row.flips for key, row in rows(database).items()} == {
        ("burst", INT8): (),
        ("burst", FP32): (INT8,),
        ("sustained", INT8): (FP32,),
        ("sustained", FP32): (),
    }


def test_the_time_to_throttle_stands_in_both_regimes(database: Database) -> None:
    two_regimes(database)
    found = rows(database)
    for regime in ("burst", "sustained"):
        quick, steady = found[regime, INT8], found[regime, FP32]
        assert (quick.throttles_after_s, quick.throttles_known_until_s, quick.sustained_ratio) == (200.0, 200.0, 0.6)
        assert (steady.throttles_after_s, steady.throttles_known_until_s) == (None, WATCHED_S)
        assert steady.sustained_ratio == 1.0


@pytest.mark.parametrize("regime", ["burst", "sustained"])
def test_a_filter_by_regime_leaves_what_is_known_of_the_other(database: Database, regime: str) -> None:
    two_regimes(database)
    found = rows(database, regime=regime)
    assert {key[0] for key in found} == {regime}
    assert all(row.other_regime is not None and row.throttles_known_until_s for row in found.values())


def test_a_single_study_is_told_of_what_others_measured_in_the_other_regime(database: Database) -> None:
    burst, sustained = two_regimes(database)
    assert other(rows(database, study=burst)["burst", FP32]).rank == 1
    assert other(rows(database, study=sustained)["sustained", FP32]).rank == 2


def test_a_variant_that_was_not_soaked_has_no_other_regime(database: Database) -> None:
    factories.add_device(database)
    factories.add_model(database)
    factories.measure(database, factories.add_study(database), {"fp32": 100.0, "int8": 70.0})
    soak(database, {"int8": 140.0}, {"int8": 200.0})
    row = rows(database)["burst", FP32]
    assert (row.other_regime, row.throttles_after_s, row.throttles_known_until_s, row.flips) == (None, None, None, ())


def test_other_boards_and_simulated_ones_stand_for_nobody(database: Database) -> None:
    factories.add_device(database, "sim", simulated=True)
    factories.add_device(database, "pi4-1", board_type="pi4")
    two_regimes(database)
    study = factories.add_study(database, devices=("sim", "pi4-1"))
    factories.measure(database, study, {"fp32": 100.0, "int8": 70.0})
    others = {row.devices[0]: row.other_regime for row in leaderboard(database, regime="burst").rows}
    assert others["sim"] is None and others["pi4-1"] is None and others["pi5-1"] is not None


def test_the_full_protocol_stands_for_its_regime(database: Database) -> None:
    two_regimes(database)
    short = with_overrides(SUSTAINED, ["window.min_s=600"])
    soak(database, {"fp32": 300.0, "int8": 300.0}, {}, protocol=short, blocks=8)
    factories.measure(database, factories.add_study(database, protocol="quick"), {"fp32": 90.0, "int8": 90.0})
    by_protocol = {(row.protocol, row.variant): row for row in leaderboard(database).rows}
    assert other(by_protocol["standard", FP32]).protocol == "sustained"
    assert other(by_protocol["quick", FP32]).protocol == "sustained"
    assert other(by_protocol["sustained", FP32]).protocol == "standard"


def test_a_paced_group_has_no_other_regime_and_is_none(database: Database) -> None:
    factories.add_device(database)
    factories.add_model(database)
    open_loop = paced(STANDARD, 2.0, None)
    factories.measure(database, factories.add_study(database, protocol=open_loop), {"fp32": 100.0, "int8": 70.0})
    soak(database, {"fp32": 104.0, "int8": 140.0}, {})
    assert [row.other_regime for row in leaderboard(database).rows] == [None] * 4


def test_an_invalid_soak_times_nothing(database: Database) -> None:
    _, sustained = two_regimes(database)
    for run in factories.run_ids(database, sustained, label="int8"):
        factories.change_run(database, run, verdict=Verdict.INVALID)
    row = rows(database)["burst", INT8]
    assert (row.throttles_after_s, row.other_regime) == (None, None)


def test_a_soak_that_could_see_no_throttling_is_not_taken_for_one_that_saw_none(database: Database) -> None:
    _, sustained = two_regimes(database)
    for run in factories.run_ids(database, sustained):
        factories.change_run(database, run, known_until_s=None, onset_s=None, onset_cause=None)
    assert {row.throttles_known_until_s for row in leaderboard(database).rows} == {None}


def test_one_study_takes_a_fixed_number_of_statements(database: Database, statements: CountStatements) -> None:
    burst, _ = two_regimes(database)
    with statements(database) as few:
        leaderboard(database, study=burst)
    soak(database, {"fp32": 104.0, "int8": 140.0}, {})
    with statements(database) as more:
        leaderboard(database, study=burst)
    assert len(few) == len(more) <= 14
    assert not any("chunks" in statement for statement in more)
