"""Interval bars of a group."""

from typing import Any

from orchestrator.charts import style
from orchestrator.charts.histogram import MOST_BINS, latency_histogram
from orchestrator.charts.ranking import ranking_chart
from orchestrator.queries.leaderboard_rows import LeaderboardRow
from tests.examples import make_group, make_pair, make_row, make_series


def drawn(rows: list[LeaderboardRow]) -> list[dict[str, Any]]:
    chart = ranking_chart(rows).to_dict()
    dots = next(layer for layer in chart["layer"] if layer["mark"]["type"] == "point")
    points: list[dict[str, Any]] = chart["datasets"][dots.get("data", chart.get("data"))["name"]]
    return points


def marks(rows: list[LeaderboardRow]) -> list[str]:
    return [layer["mark"]["type"] for layer in ranking_chart(rows).to_dict()["layer"]]


def colours(rows: list[LeaderboardRow]) -> set[str]:
    shades = [layer["mark"]["color"] for layer in ranking_chart(rows).to_dict()["layer"]]
    return set(shades) - {style.MUTED}


def test_rows_keep_their_order() -> None:
    rows = make_pair()
    layer = ranking_chart(rows).to_dict()["layer"][0]

    assert layer["encoding"]["y"]["scale"]["domain"] == [row.variant for row in rows]


def test_a_row_without_an_interval_has_a_dot_alone() -> None:
    (point,) = drawn([make_row(runs=1, ci_low_ms=None, ci_high_ms=None, p90_ms=None)])

    assert point["median_ms"] == 12.34
    assert point["interval"] == "n/a"
    assert marks([make_row(runs=1, ci_low_ms=None, ci_high_ms=None, p90_ms=None)]) == ["point"]
    assert marks([make_row()]) == ["rule", "tick", "point"]


def test_simulated_figures_look_different() -> None:
    simulated = make_pair(make_group(source="simulated"))

    assert colours(simulated) == {style.WARNING}
    assert colours(make_pair()) == {style.ACCENT}
    assert all(point["is_hollow"] for point in drawn(simulated))


def test_provisional_figures_are_hollow() -> None:
    assert [point["is_hollow"] for point in drawn([make_row(), make_row(provisional=True)])] == [False, True]


def test_a_histogram_counts_every_inference_once() -> None:
    series = make_series(counted=400)
    chart = latency_histogram(series.latency_ms[series.is_counted], 12.5, 13.0).to_dict()
    bins = [row for rows in chart["datasets"].values() for row in rows if "inferences" in row]

    assert sum(row["inferences"] for row in bins) == 400
    assert len(bins) <= MOST_BINS


def test_a_histogram_without_a_p90_marks_the_median_alone() -> None:
    latency_ms = make_series().latency_ms

    assert len(latency_histogram(latency_ms, 12.5, None).to_dict()["layer"]) == 2
    assert len(latency_histogram(latency_ms, 12.5, 13.0).to_dict()["layer"]) == 3


def test_equal_latencies_are_one_bar() -> None:
    chart = latency_histogram(make_series(warm_up=0, counted=1).latency_ms, 12.0, None).to_dict()
    bins = [row for rows in chart["datasets"].values() for row in rows if "inferences" in row]

    assert sum(row["inferences"] for row in bins) == 1
