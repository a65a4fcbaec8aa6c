"""Reads a study and writes its report, as HTML or PDF by the ending of the file's name."""

from pathlib import Path

from orchestrator.db.session import Database
from orchestrator.errors import SpecError
from orchestrator.figures.factors import study_factors
from orchestrator.figures.study import MOST_RUNS, measured_figures
from orchestrator.queries.conduct import read_conduct
from orchestrator.queries.leaderboard import leaderboard
from orchestrator.queries.runs import list_runs
from orchestrator.queries.scores import study_scores
from orchestrator.queries.studies import get_study
from orchestrator.report.content import Report, compose_report
from orchestrator.report.page import as_html
from orchestrator.report.paper import as_pdf
from orchestrator.text.methods_text import methods_paragraph


def write_report(database: Database, study: int, path: Path) -> None:
    """Write the report of a study; raises `NotFoundError`, or `SpecError` for a file that cannot be written."""
    if path.suffix not in (".html", ".pdf"):
        raise SpecError(f"--output: expected a name that ends on .html or .pdf, got {path.name!r}")
    report = read_report(database, study)
    data = as_pdf(report) if path.suffix == ".pdf" else as_html(report).encode("utf-8")
    try:
        path.write_bytes(data)
    except OSError as error:
        raise SpecError(f"report: cannot write {path} ({error.strerror}); choose another --output") from error


def read_report(database: Database, study: int) -> Report:
    """The report of a study as it is now; raises `NotFoundError`."""
    view = get_study(database, study)
    runs = list_runs(database, study=study, limit=MOST_RUNS)
    conduct = read_conduct(database, view)
    return compose_report(
        view,
        leaderboard(database, study=study),
        runs,
        figures=tuple(measured_figures(database, view, runs)),
        factors=tuple(study_factors(database, view, runs)),
        scores=study_scores(database, study),
        methods=methods_paragraph(conduct),
        version=conduct.version,
    )
