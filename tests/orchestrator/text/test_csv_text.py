"""What is downloaded can be read back, whole."""

import csv
import dataclasses
import io
import json

import pytest

from orchestrator.queries.leaderboard_rows import LeaderboardRow
from orchestrator.text import csv_text
from tests.examples import make_pair, make_row, make_series


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_leaderboard_has_a_column_for_each_key_of_the_json() -> None:
    lines = read(csv_text.leaderboard_csv(make_pair()))

    assert list(lines[0]) == [field.name for field in dataclasses.fields(LeaderboardRow)]
    assert [line["variant"] for line in lines] == ["int8@onnxruntime,t4", "fp32@onnxruntime,t4"]


def test_figures_are_written_in_full_and_absent_ones_left_empty() -> None:
    (line,) = read(csv_text.leaderboard_csv([make_row(median_ms=12.345678901234567, p99_ms=None)]))

    assert float(line["median_ms"]) == 12.345678901234567
    assert line["p99_ms"] == ""


def test_nested_values_are_json() -> None:
    (line,) = read(csv_text.leaderboard_csv([make_row()]))

    assert json.loads(line["metrics"]) == {"mAP50": {"value": 0.68, "source": "declared"}}
    assert json.loads(line["group"])["board_type"] == "pi5"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_a_name_cannot_become_a_formula(text: str) -> None:
    (line,) = read(csv_text.leaderboard_csv([make_row(variant=text)]))

    assert line["variant"] == "'" + text.replace("\t", "\N{REPLACEMENT CHARACTER}")


def test_inferences_come_in_order_with_what_counts() -> None:
    series = make_series(warm_up=2, counted=3)
    lines = read(csv_text.inferences_csv(series))

    assert [line["inference"] for line in lines] == ["1", "2", "3", "4", "5"]
    assert [line["is_counted"] for line in lines] == ["False", "False", "True", "True", "True"]
    assert [float(line["latency_ms"]) for line in lines] == series.latency_ms.tolist()


def test_a_sensor_that_gave_nothing_leaves_empty_cells() -> None:
    lines = read(csv_text.telemetry_csv(make_series()))

    assert next(iter(lines[0])) == "at_s"
    assert {line["fan_rpm"] for line in lines} == {""}
    assert {line["temperature_c"] for line in lines} == {"52.5"}
