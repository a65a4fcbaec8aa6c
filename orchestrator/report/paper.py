"""A report as a PDF to print: set by Typst in this process, without a browser and without a network.

The template takes every text from JSON as a value, so that no name of a board or model is taken for markup.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typst

from orchestrator.charts import render
from orchestrator.errors import InternalError
from orchestrator.figures.figure import Figure
from orchestrator.report.content import FactorSection, Report, Section
from orchestrator.report.tables import Table

_TEMPLATE = "report.typ"


def as_pdf(report: Report) -> bytes:
    """The paper, A4; the same report gives the same bytes. Raises `InternalError` where it cannot be set."""
    with TemporaryDirectory(prefix="pifarm-report-") as name:
        folder = Path(name)
        (folder / _TEMPLATE).write_bytes(resources.files("orchestrator").joinpath("templates", _TEMPLATE).read_bytes())
        (folder / "report.json").write_text(json.dumps(_content(report)), encoding="utf-8")
        for figure in _figures(report):
            (folder / _file(figure)).write_bytes(render.as_pdf(figure.chart))
        try:
            made_at = datetime.fromtimestamp(int(report.at_s), UTC)  # typst takes whole seconds alone
            return typst.compile(folder / _TEMPLATE, root=folder, format="pdf", timestamp=made_at)
        except RuntimeError as error:
            raise InternalError(f"report: could not be set as PDF: {error}") from error


def _figures(report: Report) -> list[Figure]:
    ranked = [figure for section in report.sections for figure in section.figures]
    factors = [factor.figure for factor in report.factors if factor.figure is not None]
    return [*ranked, *factors, *report.figures, *report.drifts]


def _content(report: Report) -> dict[str, Any]:
    return {
        "title": report.title,
        "version": report.version,
        "subtitle": report.subtitle,
        "simulated_devices": report.simulated_devices,
        "summary": _terms(report.summary),
        "sections": [_section(section) for section in report.sections],
        "excluded": _table(report.excluded),
        "soaks": _table(report.soaks),
        "scores": _table(report.scores),
        "factors": [_factor(each) for each in report.factors],
        "figures": _captions(report.figures),
        "drifts": _captions(report.drifts),
        "methods": report.methods,
        "runs": _table(report.runs),
        "not_listed": report.not_listed,
        "environments": [_table(each) for each in report.environments],
        "legend": _terms(report.legend),
    }


def _section(section: Section) -> dict[str, Any]:
    return {
        "title": section.title,
        "marks": list(section.marks),
        "detail": section.detail,
        "headline": section.headline,
        "table": _table(section.table),
        "figures": _captions(section.figures),
    }


def _factor(factor: FactorSection) -> dict[str, Any]:
    return {
        "title": factor.title,
        "answers": factor.answers,
        "table": _table(factor.table),
        "cautions": factor.cautions,
        "figures": _captions([] if factor.figure is None else [factor.figure]),
    }


def _table(of: Table) -> dict[str, Any]:
    return {"columns": of.columns, "rows": of.rows, "numbers": sorted(of.numbers), "wide": sorted(of.wide)}


def _captions(figures: Iterable[Figure]) -> list[dict[str, str]]:
    return [{"file": _file(figure), "title": figure.title, "caption": figure.caption} for figure in figures]


def _file(figure: Figure) -> str:
    return f"{figure.name}.pdf"


def _terms(of: Mapping[str, str]) -> list[tuple[str, str]]:
    return list(of.items())
