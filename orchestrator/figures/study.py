"""A study's figures in their order, drawn one by one, and as files with their captions."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from agent.wire.spec import Regime
from orchestrator.charts.render import save_figure
from orchestrator.db.session import Database
from orchestrator.errors import SpecError
from orchestrator.figures.bursts import burst_figures
from orchestrator.figures.factors import factor_figures, study_factors
from orchestrator.figures.figure import Figure, choose_runs
from orchestrator.figures.ranks import drift_figures, groups_of, ranking_figure, tradeoff_figures
from orchestrator.figures.soaks import soak_figures
from orchestrator.figures.sweeps import sweep_figures
from orchestrator.queries.figures import latencies_of, slots_of, soaks_of
from orchestrator.queries.leaderboard import leaderboard
from orchestrator.queries.rows import RunView, StudyView
from orchestrator.queries.runs import list_runs, run_series
from orchestrator.queries.studies import get_study
from orchestrator.queries.study_parts import study_terms
from orchestrator.text.csv_text import unsteered

FORMATS = ("svg", "png", "pdf")
CAPTIONS = "captions.txt"
MOST_RUNS = 2000


def study_figures(database: Database, study: int) -> Iterator[Figure]:
    """Every figure that a study has the data for; raises `NotFoundError`."""
    view = get_study(database, study)
    runs = list_runs(database, study=study, limit=MOST_RUNS)
    for number, rows in enumerate(groups_of(leaderboard(database, study=study).rows), start=1):
        yield ranking_figure(rows, number)
        yield from tradeoff_figures(rows, number)
    yield from factor_figures(tuple(study_factors(database, view, runs)))
    yield from drift_figures(runs)
    yield from measured_figures(database, view, runs)


def measured_figures(database: Database, study: StudyView, runs: Sequence[RunView]) -> Iterator[Figure]:
    """The figures that are drawn from the raw data of a study's runs."""
    choice = choose_runs(runs)
    chosen = [run for own in choice.runs.values() for run in own]
    series_of = partial(run_series, database)
    if study.regime == Regime.SUSTAINED.value:
        yield from soak_figures(choice, soaks_of(database, chosen), series_of)
    elif study.regime == Regime.SWEEP.value:
        yield from sweep_figures(choice, slots_of(database, chosen), series_of)
    else:
        protocol = study_terms(database, study.study).protocol
        yield from burst_figures(choice, latencies_of(database, chosen, protocol))


def write_figures(database: Database, study: int, folder: Path, formats: Sequence[str] = FORMATS) -> tuple[str, ...]:
    """Write each figure in each format, and their captions; returns their names. Files of the same names are replaced.

    Raises `NotFoundError`, and `SpecError` for a format that is none or a folder that cannot be written.
    """
    if unknown := [each for each in formats if each not in FORMATS]:
        raise SpecError(f"--format: expected some of {','.join(FORMATS)}, got {','.join(unknown)}")
    captions: dict[str, str] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for figure in study_figures(database, study):
            captions[figure.name] = f"{figure.name}: {figure.title}\n{figure.caption}\n"
            for each in formats:
                save_figure(figure.chart, folder / f"{figure.name}.{each}")
        (folder / CAPTIONS).write_text(unsteered("\n".join(captions.values())), encoding="utf-8")
    except OSError as error:
        raise SpecError(f"--figures: cannot write {folder} ({error.strerror}); choose another folder") from error
    return tuple(captions)
