"""Results of others: read from CSV, kept apart from what was measured."""

from pathlib import Path

import pytest

from orchestrator.db.session import Database
from orchestrator.errors import SpecError
from orchestrator.published import Published, import_published, read_published
from orchestrator.queries.leaderboard import leaderboard

SEED = """model,variant,how_made,runtime,map50,map50_95,rpi_mean_inference_ms
yolov9-c,converted (paper),PyTorch checkpoint,pytorch,0.699,0.53,3334.0
yolov9-c,converted-onnx,exported to ONNX,onnxruntime,0.696,0.528,1762.5
yolov9-c,converted-pruning-20,"20 %, by magnitude",pytorch,0.654,,2953.6
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "results.csv"
    path.write_text(SEED)
    return path


def test_the_columns_are_told_by_what_is_in_them(table: Path) -> None:
    first, _, pruned = read_published(table)
    assert first == Published(
        model="yolov9-c",
        variant="converted (paper)",
        runtime="pytorch",
        latency_ms=3334.0,
        metrics={"mAP50": 0.699, "mAP50-95": 0.53},
        note="PyTorch checkpoint",
    )
    assert pruned.metrics == {"mAP50": 0.654}, "an empty cell is no zero"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model,variant\na,b\n", "expected one column with the latency, its name ending in _ms, got none"),
        ("model,variant,a_ms,b_ms\na,b,1,2\n", "got a_ms, b_ms; name it with --latency"),
        ("model,a_ms\na,1\n", "has no column variant; it has model, a_ms"),
        ("model,variant,a_ms\n", "expected 1..10000 rows"),
        ("model,variant,a_ms\na,b,fast\n", "line 2: a_ms: expected a number, got 'fast'"),
        ("model,variant,a_ms\na,b,1\na,c,\n", "line 3: a_ms: expected a number, got ''"),
        ("model,variant,a_ms\na,b,-4\n", "line 2: latency: expected more than 0 ms"),
        ("model,variant,a_ms\n,b,4\n", "line 2: model: expected 1..200 printable characters"),
        ('model,variant,a_ms\na,"b,4\n', "cannot be read as CSV"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "results.csv"
    path.write_text(text)
    with pytest.raises(SpecError, match=words):
        read_published(path)


def test_a_column_can_be_named_where_several_would_do(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("model,variant,a_ms,b_ms\nm,v,1,2\n")
    (found,) = read_published(path, "b_ms")
    assert (found.latency_ms, found.metrics) == (2.0, {"a_ms": 1.0})


def test_published_rows_stand_in_groups_of_their_own_and_say_whose_they_are(database: Database, table: Path) -> None:
    import_published(database, read_published(table), source="Li et al. 2024, table 3", board_type="pi4")
    rows = leaderboard(database).rows
    assert [(row.variant, row.rank, row.median_ms) for row in rows] == [
        ("converted-onnx@onnxruntime,t0", 1, 1762.5),
        ("converted-pruning-20@pytorch,t0", 2, 2953.6),
        ("converted-paper@pytorch,t0", 3, 3334.0),
    ]
    assert {row.group.source for row in rows} == {"published"}
    assert rows[0].marks == ("exported to ONNX", "published by Li et al. 2024, table 3")
    assert rows[0].metrics["mAP50"] == {"value": 0.696, "source": "published"}
    assert rows[0].speedup == pytest.approx(3334.0 / 1762.5)
    assert (rows[0].ci_low_ms, rows[0].runs, rows[0].p90_ms) == (None, 0, None)


def test_importing_a_source_again_replaces_what_it_gave(database: Database, table: Path) -> None:
    for _ in range(2):
        import_published(database, read_published(table), source="paper")
    assert len(leaderboard(database).rows) == 3
    import_published(database, read_published(table), source="another paper")
    assert len(leaderboard(database).rows) == 6


def test_a_regime_shows_what_was_published_of_it_and_nothing_else(database: Database, table: Path) -> None:
    import_published(database, read_published(table), source="paper", regime="sustained")
    assert len(leaderboard(database, regime="sustained").rows) == 3
    assert leaderboard(database, regime="burst").rows == ()


def test_results_without_a_source_are_refused(database: Database, table: Path) -> None:
    with pytest.raises(SpecError, match="--source: expected"):
        import_published(database, read_published(table), source=" ")
