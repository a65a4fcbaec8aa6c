"""Figures for papers: what they show, that simulated ones say so, and that they become files."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from orchestrator.charts.axes import LayeredChart
from orchestrator.charts.figures.ecdf import Latencies, ecdf_chart
from orchestrator.charts.figures.factors import Side, factor_chart
from orchestrator.charts.figures.legend import MOST, SIMULATED
from orchestrator.charts.figures.pareto import Better, Place, front, pareto_chart
from orchestrator.charts.figures.residency import Residency, residency_chart
from orchestrator.charts.figures.response import Against, Branch, response_chart
from orchestrator.charts.figures.rise import Rise, rise_chart
from orchestrator.charts.figures.survival import Survival, survival_chart
from orchestrator.charts.render import save_figure
from orchestrator.errors import SpecError

NONE = np.empty(0)
HALF = np.array([0.5])
UP = np.arange(1.0, 101.0)
FIGURES: dict[str, Callable[[bool], LayeredChart]] = {
    "ecdf": lambda simulated: ecdf_chart([Latencies(name="cold", latency_ms=UP, simulated=simulated)]),
    "residency": lambda simulated: residency_chart([Residency(name="bare", shares={2400: 1.0}, simulated=simulated)]),
    "response": lambda simulated: response_chart(
        [Branch(name="heating", at=UP, latency_ms=UP, simulated=simulated)], Against.TEMPERATURE
    ),
    "survival": lambda simulated: survival_chart([make_survival(simulated=simulated)]),
    "pareto": lambda simulated: pareto_chart([make_place("fp32", 10.0, 0.5, simulated)], "mAP50", Better.HIGHER),
    "factors": lambda simulated: factor_chart([make_side("bare", simulated)], "cooling", "latency, ms"),
    "rise": lambda simulated: rise_chart([Rise(name="bare", at_s=UP, rise_c=UP, fit_c=UP, simulated=simulated)]),
}


def make_survival(*, simulated: bool = False) -> Survival:
    return Survival(
        name="bare",
        at_s=np.array([60.0]),
        share=HALF,
        low=HALF - 0.3,
        high=HALF + 0.4,
        censored_s=np.array([30.0, 1200.0]),
        simulated=simulated,
    )


def make_place(name: str, latency_ms: float, value: float, simulated: bool = False) -> Place:
    return Place(name=name, regime="burst", latency_ms=latency_ms, value=value, simulated=simulated)


def make_side(name: str, simulated: bool = False) -> Side:
    return Side(name=name, boards={"a": 100.0, "b": 100.0}, center=100.0, interval=(90.0, 111.0), simulated=simulated)


def rows(chart: LayeredChart) -> Iterator[dict[str, Any]]:
    for data in chart.to_dict()["datasets"].values():
        yield from data


@pytest.mark.parametrize("name", FIGURES)
def test_a_simulated_figure_says_so_and_a_measured_one_does_not(name: str) -> None:
    assert SIMULATED in str(FIGURES[name](True).to_dict())
    assert SIMULATED not in str(FIGURES[name](False).to_dict())


def test_the_stairs_of_an_ecdf_end_at_one_and_cross_a_half_at_the_median() -> None:
    steps = [row for row in rows(ecdf_chart([Latencies(name="cold", latency_ms=UP)])) if "name" in row]
    assert steps[-1] == {"name": "cold", "latency_ms": 100.0, "share": 1.0}
    assert min(row["latency_ms"] for row in steps if row["share"] >= 0.5) == 50.0


def test_a_run_that_never_throttled_is_a_tick_and_not_a_step() -> None:
    drawn = list(rows(survival_chart([make_survival()])))
    steps = [(row["at_s"], row["share"]) for row in drawn if "low" in row]
    ticks = [(row["at_s"], row["share"]) for row in drawn if "low" not in row]
    assert steps == [(0.0, 1.0), (60.0, 0.5), (1200.0, 0.5)]
    assert ticks == [(30.0, 1.0), (1200.0, 0.5)]


def test_an_inference_without_a_temperature_is_left_out() -> None:
    at = np.array([np.nan, 50.0])
    branch = Branch(name="heating", at=at, latency_ms=np.array([1.0, 2.0]))
    assert [row["at"] for row in rows(response_chart([branch], Against.CLOCK))] == [50.0]


def test_only_what_nothing_beats_in_both_is_on_the_front() -> None:
    slow_good, quick_bad, beaten = make_place("a", 20.0, 0.9), make_place("b", 10.0, 0.5), make_place("c", 15.0, 0.4)
    assert front([slow_good, beaten, quick_bad], Better.HIGHER) == (quick_bad, slow_good)
    assert front([slow_good, beaten, quick_bad], Better.LOWER) == (quick_bad, beaten)
    assert front([quick_bad, make_place("same", 10.0, 0.5)], Better.HIGHER) == (quick_bad,)


def test_more_curves_than_can_be_told_apart_are_refused() -> None:
    curves = [Latencies(name=str(number), latency_ms=UP) for number in range(MOST + 1)]
    with pytest.raises(ValueError, match="at most 7 curves"):
        ecdf_chart(curves)


@pytest.mark.parametrize(("suffix", "begins"), [("svg", b"<svg"), ("png", b"\x89PNG"), ("pdf", b"%PDF-")])
def test_a_figure_becomes_a_file_without_a_browser(tmp_path: Path, suffix: str, begins: bytes) -> None:
    path = tmp_path / f"figure.{suffix}"
    save_figure(FIGURES["residency"](False), path)
    assert path.read_bytes().startswith(begins)


def test_an_unknown_format_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"expected a name that ends on .svg, .png or .pdf, got '.gif'"):
        save_figure(FIGURES["residency"](False), tmp_path / "figure.gif")


def test_boards_that_are_equal_stand_beside_each_other() -> None:
    drawn = list(rows(factor_chart([make_side("bare")], "cooling", "latency, ms")))
    assert [(row["board"], row["place"]) for row in drawn if "board" in row] == [("a", -1.0), ("b", 1.0)]
    assert [(row["low"], row["high"]) for row in drawn if "low" in row] == [(90.0, 111.0)]
