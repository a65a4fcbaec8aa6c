"""A run's timeline draws what was measured, and nothing else."""

import json
from typing import Any

import numpy as np
import pytest

from orchestrator.charts.inferences import is_condensed
from orchestrator.charts.timeline import (
    has_readings,
    measuring_stretch,
    run_timeline,
    unmeasured,
    whole_stretch,
)
from orchestrator.queries.rows import RunSeries
from tests.examples import make_series


def panels(series: RunSeries) -> list[str]:
    """Titles of the panels, top down."""
    drawn = run_timeline(series, whole_stretch(series)).to_dict()
    return [_title(panel) for panel in drawn["vconcat"]]


def _title(panel: dict[str, Any]) -> str:
    axes = [layer["encoding"]["y"].get("axis", {}) for layer in panel["layer"] if "y" in layer["encoding"]]
    return next(str(axis["title"]) for axis in axes if "title" in axis)


def points(series: RunSeries) -> list[dict[str, Any]]:
    """The inferences that are drawn."""
    drawn = run_timeline(series, whole_stretch(series)).to_dict()
    return [row for rows in drawn["datasets"].values() for row in rows if "shown_ms" in row]


def test_panels_stand_in_a_fixed_order() -> None:
    assert panels(make_series(fan_rpm=3000.0, power_w=6.5)) == [
        "latency, ms",
        "temperature, °C",
        "clock, MHz",
        "live throttle bits: none",
        "CPU used by others, %",
        "fan, rpm",
        "power, W",
    ]


def test_an_absent_sensor_has_no_panel_and_is_named() -> None:
    series = make_series(temperature_c=None, throttled=None)

    assert panels(series) == ["latency, ms", "clock, MHz", "CPU used by others, %"]
    assert unmeasured(series) == ("temperature", "throttle bits", "fan speed", "power")


def test_live_bits_are_announced_in_the_title() -> None:
    assert "live throttle bits" in panels(make_series(throttled=8.0))


def test_one_clock_is_enough_for_its_panel() -> None:
    assert "clock, MHz" in panels(make_series(clock_hz=None))


def test_all_panels_share_one_time_axis_and_only_the_lowest_names_it() -> None:
    drawn = run_timeline(make_series(), whole_stretch(make_series())).to_dict()
    titles = [
        layer["encoding"]["x"]["axis"]["title"]
        for panel in drawn["vconcat"]
        for layer in panel["layer"]
        if "axis" in layer["encoding"].get("x", {})
    ]

    assert drawn["resolve"]["scale"]["x"] == "shared"
    assert [title for title in titles if title] == ["seconds since the claim"]


def test_warm_up_is_drawn_apart_and_marked_where_it_leaves_the_scale() -> None:
    drawn = points(make_series(warm_up=3, counted=40))

    assert [point["part"] for point in drawn].count("warm-up") == 3
    assert all(point["is_beyond"] for point in drawn if point["part"] == "warm-up")
    assert max(point["shown_ms"] for point in drawn) == max(p["latency_ms"] for p in drawn if p["part"] == "counted")


def test_a_run_that_ended_in_its_warm_up_is_drawn_at_its_own_scale() -> None:
    drawn = points(make_series(warm_up=3, counted=0))

    assert len(drawn) == 3
    assert not any(point["is_beyond"] for point in drawn)


def test_a_long_window_is_condensed_and_keeps_its_slowest_inference() -> None:
    series = make_series(warm_up=3, counted=50_000)
    series.latency_ms[25_000] = 999.0
    datasets = run_timeline(series, whole_stretch(series)).to_dict()["datasets"]
    stretches = [row for rows in datasets.values() for row in rows if "high_ms" in row]

    assert is_condensed(series)
    assert len(stretches) <= 500
    assert max(row["high_ms"] for row in stretches) == 999.0
    assert [point["part"] for point in points(series)] == ["warm-up"] * 3


def test_a_short_window_is_drawn_inference_by_inference() -> None:
    series = make_series(warm_up=3, counted=1000)

    assert not is_condensed(series)
    assert len(points(series)) == 1003


def test_telemetry_alone_can_be_drawn() -> None:
    series = make_series(warm_up=0, counted=0)

    assert has_readings(series)
    assert panels(series)[0] == "temperature, °C"
    assert whole_stretch(series).to_s == pytest.approx(11.75)


def test_a_run_without_data_has_no_readings() -> None:
    nothing = RunSeries(start_s=np.empty(0), latency_ms=np.empty(0), is_counted=np.empty(0, bool), telemetry={})

    assert not has_readings(nothing)


def test_the_measuring_stretch_leaves_the_gate_out() -> None:
    series = make_series()

    assert measuring_stretch(series).from_s == 10.0
    assert whole_stretch(series).from_s == 0.0
    assert measuring_stretch(series).to_s == pytest.approx(series.start_s[-1] + series.latency_ms[-1] / 1000)


def test_a_chart_is_self_contained() -> None:
    drawn = json.dumps(run_timeline(make_series(), whole_stretch(make_series())).to_dict())

    assert '"url"' not in drawn
