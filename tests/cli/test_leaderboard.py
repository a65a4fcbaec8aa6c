"""`pifarm leaderboard` where both regimes were measured: side by side, and one by one."""

import re

from orchestrator.db.session import Database
from tests import factories
from tests.cli.conftest import Pifarm, read_json
from tests.soaks import two_regimes


def measure(pifarm: Pifarm, database: Database) -> tuple[int, int]:
    """Two studies on a farm that has nothing else."""
    with database.write() as session:
        for table in ("builds", "artifacts", "models", "devices"):
            session.connection().exec_driver_sql(f"DELETE FROM {table}")
    return two_regimes(database)


def line_of(text: str, variant: str) -> str:
    return next(" ".join(line.split()) for line in text.splitlines() if line.startswith(variant))


def test_without_a_regime_both_stand_side_by_side_with_flips_and_time_to_throttle(
    pifarm: Pifarm, database: Database
) -> None:
    measure(pifarm, database)
    out = pifarm("leaderboard").out
    assert "burst, standard protocol, beside sustained, sustained protocol" in out
    assert re.fullmatch(
        r"int8 1 [\d.]+ ms 2 [\d.]+ ms 0\.600× 3 min 20 s faster than fp32 while cold", line_of(out, "int8")
    )
    assert re.fullmatch(
        r"fp32 2 [\d.]+ ms 1 [\d.]+ ms 1\.00× not within 20 min 00 s faster than int8 once hot", line_of(out, "fp32")
    )
    assert "FLIPS: Cold and hot disagree" in out
    assert "burst: int8@onnxruntime,t4 is fastest" in out
    assert "sustained: fp32@onnxruntime,t4 is fastest" in out


def test_with_a_regime_its_figures_stand_whole_with_the_time_to_throttle(pifarm: Pifarm, database: Database) -> None:
    measure(pifarm, database)
    out = pifarm("leaderboard", "--regime", "burst").out
    assert "95 % interval" in out and "throttles after" in out and "3 min 20 s" in out
    assert "fp32@onnxruntime,t4 is faster than int8@onnxruntime,t4 once hot, and slower while cold." in out
    assert "sustained protocol" not in out


def test_where_nothing_was_soaked_nothing_is_said_of_throttling(pifarm: Pifarm, measured: factories.Example) -> None:
    out = pifarm("leaderboard").out
    assert "95 % interval" in out
    assert "throttles" not in out


def test_the_other_regime_is_part_of_the_document(pifarm: Pifarm, database: Database) -> None:
    burst, _ = measure(pifarm, database)
    row = next(row for row in read_json(pifarm, "leaderboard", str(burst))["rows"] if row["variant"].startswith("fp32"))
    assert list(row["other_regime"]) == ["regime", "protocol", "rank", "tied_with", "median_ms"]
    assert (row["other_regime"]["regime"], row["other_regime"]["rank"]) == ("sustained", 1)
    assert row["flips"] == ["int8@onnxruntime,t4"]
    assert (row["throttles_after_s"], row["throttles_known_until_s"]) == (None, 1200.0)
