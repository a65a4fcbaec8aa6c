"""A study's figures: what is drawn of which runs, that captions say it, and that they become files."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.thermal_truth.soaks import Plan, simulate, specimen
from orchestrator.analysis.thermal.sweep import Slots
from orchestrator.attending.lifecycle import RunState, Verdict
from orchestrator.charts.figures import legend
from orchestrator.db.session import Database
from orchestrator.errors import NotFoundError, SpecError
from orchestrator.figures import study_figures, write_figures
from orchestrator.figures.bursts import burst_figures
from orchestrator.figures.factors import factor_figures, study_factors
from orchestrator.figures.figure import MOST_CONDITIONS, MOST_RUNS, Figure, choose_runs
from orchestrator.figures.sketch import sketch_of
from orchestrator.figures.soaks import soak_figures, survival_figures
from orchestrator.figures.sweeps import sweep_figures
from orchestrator.queries.rows import RunSeries, RunView
from orchestrator.queries.runs import list_runs
from orchestrator.queries.studies import get_study
from orchestrator.text import factor_text
from tests import factories
from tests.examples import make_run, make_series

BARE = simulate(specimen("pi4-bare", 1), Plan(load_s=330.0), 1).soak
COOL = simulate(specimen("pi4-fan", 1), Plan(load_s=330.0), 1).soak


def soaked_run(number: int = 0, **changes: Any) -> RunView:
    """A run of a soak that throttled after 100 s."""
    facts = {"regime": "sustained", "onset_s": 100.0, "known_until_s": 500.0, "device": "pi4-1", "board_type": "pi4"}
    return make_run(run=f"{number:012x}", **{**facts, **changes})


def two_boards() -> list[RunView]:
    bare = {"device": "pi4-1", "labels": {"cooling": "bare"}}
    fan = {"device": "pi4-2", "labels": {"cooling": "fan"}, "onset_s": None, "simulated": True}
    return [soaked_run(0, **bare), soaked_run(1, **bare, block=1), soaked_run(2, **fan)]


def series_of(run: str) -> RunSeries:
    return make_series()


def drawn(runs: Sequence[RunView]) -> dict[str, Figure]:
    """The figures of sustained runs, each a soak of a bare board or, with a fan, of a cool one."""
    soaks = [(run, COOL if (run.labels or {}).get("cooling") == "fan" else BARE) for run in runs]
    return {figure.name: figure for figure in soak_figures(choose_runs(runs), soaks, series_of)}


@pytest.fixture(scope="module")
def soaks() -> dict[str, Figure]:
    return drawn(two_boards())


def names_in(figure: Figure) -> set[str]:
    """The curves or bars of a figure."""
    datasets = figure.chart.to_dict()["datasets"].values()
    return {row["name"] for data in datasets for row in data if "name" in row}


def test_a_soak_has_every_figure_of_a_thermal_study(soaks: dict[str, Figure]) -> None:
    assert set(soaks) == {
        "timeline-1",
        "timeline-2",
        "rise",
        "latency-ecdf",
        "latency-temperature",
        "latency-clock",
        "clock-residency",
        "onset-survival",
    }


def test_conditions_are_named_by_what_differs_and_by_cooling(soaks: dict[str, Figure]) -> None:
    assert names_in(soaks["clock-residency"]) == {"pi4-1 (bare)", "pi4-2 (fan)"}
    assert names_in(soaks["latency-ecdf"]) == {
        f"{board}, {state}" for board in ("pi4-1 (bare)", "pi4-2 (fan)") for state in ("cold", "settled")
    }


def test_captions_say_units_and_how_many_runs(soaks: dict[str, Figure]) -> None:
    for name in ("latency-ecdf", "latency-temperature", "latency-clock", "clock-residency"):
        assert "n = 1 to 2 runs each" in soaks[name].caption
    assert "latency in ms" in soaks["latency-ecdf"].caption
    assert "2 throttled, 1 did not" in soaks["onset-survival"].caption
    assert "in K" in soaks["rise"].caption and "above the room" in soaks["rise"].caption


def test_a_figure_with_a_simulated_board_says_so(soaks: dict[str, Figure]) -> None:
    assert all(legend.SIMULATED in str(soaks[name].chart.to_dict()) for name in soaks if name != "timeline-1")
    assert legend.SIMULATED not in str(soaks["timeline-1"].chart.to_dict())


def test_a_rise_without_a_known_room_is_above_the_start() -> None:
    blind = replace(COOL, ambient_c=np.full(len(COOL.at_s), np.nan))
    run = soaked_run()
    figures = {figure.name: figure for figure in soak_figures(choose_runs([run]), [(run, blind)], series_of)}
    assert "a room is not known" in figures["rise"].caption
    assert "above the start of the load, K" in str(figures["rise"].chart.to_dict())


def test_runs_without_a_result_are_not_drawn() -> None:
    runs = [soaked_run(0, verdict=Verdict.INVALID), soaked_run(1, state=RunState.FAILED, verdict=None), soaked_run(2)]
    assert [run.run for own in choose_runs(runs).runs.values() for run in own] == [runs[2].run]


def test_a_board_that_cannot_tell_whether_it_throttles_is_on_no_survival_curve() -> None:
    assert list(survival_figures(choose_runs([soaked_run(onset_s=None, known_until_s=None)]))) == []


def test_more_conditions_than_readers_can_tell_apart_become_several_figures_and_the_rest_is_counted() -> None:
    runs = [soaked_run(number, device=f"pi-{number:03}") for number in range(MOST_CONDITIONS + 4)]
    found = list(survival_figures(choose_runs(runs)))
    assert [figure.name for figure in found] == ["onset-survival-1", "onset-survival-2", "onset-survival-3"]
    assert "4 more runs of the study are not drawn" in found[0].caption


def test_of_many_repeats_the_first_are_drawn() -> None:
    choice = choose_runs([soaked_run(number, block=number) for number in range(MOST_RUNS + 5)])
    assert [len(runs) for runs in choice.runs.values()] == [MOST_RUNS]
    assert choice.left_out == 5


def test_a_sketch_is_small_however_long_the_soak() -> None:
    sketch = sketch_of(soaked_run(), BARE)
    assert max(len(sketch.latency_ms), len(sketch.early_ms), len(sketch.settled_ms)) <= 5000
    assert sketch.shares is not None and sum(sketch.shares.values()) == pytest.approx(1.0)
    assert max(sketch.shares) == round(float(np.nanmax(BARE.clock_hz)) / 1e8) * 100


def test_bursts_are_drawn_by_variant() -> None:
    runs = [make_run(run=f"{number}", variant=name) for number, name in enumerate(("fp32@ort,t4", "int8@ort,t4"))]
    latencies = [(run, np.linspace(10.0, 20.0, 50)) for run in runs]
    (figure,) = burst_figures(choose_runs(runs), latencies)
    assert names_in(figure) == {"fp32@ort,t4", "int8@ort,t4"}
    assert "n = 1 run each" in figure.caption and "latency in ms" in figure.caption


@pytest.mark.integration
def test_a_studys_figures_become_files_with_their_captions(database: Database, tmp_path: Path) -> None:
    study = factories.fill(database).study
    names = write_figures(database, study, tmp_path / "figures", ("svg", "png"))
    assert len(names) == len(set(names))
    assert {"ranking-1", "accuracy-latency-1-1", "drift-1", "latency-ecdf"} <= set(names)
    written = {path.name for path in (tmp_path / "figures").iterdir()}
    assert written == {f"{name}.{ending}" for name in names for ending in ("svg", "png")} | {"captions.txt"}
    captions = (tmp_path / "figures" / "captions.txt").read_text(encoding="utf-8")
    for figure in study_figures(database, study):
        assert f"{figure.name}: {figure.title}\n{figure.caption}\n" in captions


def test_a_format_that_is_none_is_refused_by_name(database: Database, tmp_path: Path) -> None:
    study = factories.fill(database).study
    with pytest.raises(SpecError, match="expected some of svg,png,pdf, got gif"):
        write_figures(database, study, tmp_path / "figures", ("svg", "gif"))
    assert not (tmp_path / "figures").exists()


def test_figures_of_an_unknown_study_are_not_found(database: Database) -> None:
    with pytest.raises(NotFoundError, match="study: 7"):
        list(study_figures(database, 7))


def test_a_folder_that_cannot_be_written_is_named(database: Database, tmp_path: Path) -> None:
    study = factories.fill(database).study
    (tmp_path / "file").write_text("")
    with pytest.raises(SpecError, match="--figures: cannot write"):
        write_figures(database, study, tmp_path / "file")


def test_a_sweep_is_drawn_up_and_down() -> None:
    count, kelvins = np.arange(10), np.arange(10.0)
    slots = Slots(
        at_ns=count * 10**9,
        latency_s=np.full(10, 0.02),
        die_c=50.0 + kelvins,
        clock_hz=np.full(10, np.nan),
        is_up=count < 6,
        is_down=count >= 6,
    )
    run = make_run(regime="sweep")
    figures = {figure.name: figure for figure in sweep_figures(choose_runs([run]), [(run, slots)], series_of)}
    assert set(figures) == {"timeline", "latency-temperature"}, "a clock that was not read is not drawn"
    assert names_in(figures["latency-temperature"]) == {
        "int8@onnxruntime,t4, pi5-1, heating",
        "int8@onnxruntime,t4, pi5-1, cooling",
    }


def test_boards_that_differ_in_a_label_are_compared_and_a_label_that_goes_with_it_is_named(database: Database) -> None:
    factories.add_model(database, labels=("fp32", "int8"))
    for name, labels in {
        "pi4-a": {"cooling": "bare", "case": "none", "room": "lab"},
        "pi4-b": {"cooling": "fan", "case": "open", "room": "lab"},
    }.items():
        factories.add_device(database, name, board_type="pi4", labels=labels)
    study = factories.add_study(database, devices=("pi4-a", "pi4-b"))
    factories.measure(database, study, {"fp32": 100.0, "int8": 60.0})
    found = list(study_factors(database, get_study(database, study), list_runs(database, study=study)))
    assert [(each.factor, each.variant) for each in found] == [
        (factor, f"{label}@onnxruntime,t4") for factor in ("case", "cooling") for label in ("fp32", "int8")
    ]
    assert all("cannot be told apart" in " ".join(factor_text.answers(each)) for each in found)
    assert set(found[2].goes_with["fan"]) == {"case"}
    figures = {figure.name: figure for figure in factor_figures(found)}
    assert set(figures) == {"factor-1", "factor-2", "factor-3", "factor-4"}
    assert "n = 1 board each" in figures["factor-3"].caption


def test_a_clock_that_never_moved_is_not_set_against_latency() -> None:
    run = soaked_run(0, labels={"cooling": "fan"}, onset_s=None)
    assert "latency-clock" not in drawn([run]) and "clock-residency" in drawn([run])
