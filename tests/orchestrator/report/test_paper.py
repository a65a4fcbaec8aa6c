"""A report as a PDF: whole, the same twice, and with names that are no markup."""

import re
import zlib
from dataclasses import replace

import pytest

from orchestrator.queries.leaderboard_rows import Leaderboard
from orchestrator.report import Report, as_pdf, compose_report
from tests.examples import make_attempt, make_pair, make_row, make_run, make_study

pytestmark = pytest.mark.integration
MARKUP = '#panic("x") *bold* $x$ "quoted" \\ <label> @ref `raw` = // /* [ ] { } _ ~'


def make_report(name: str = "int8@onnxruntime,t4") -> Report:
    """A report with a ranking, its figures and three runs."""
    rows = [make_row(variant=name), make_pair()[1]]
    attempt = make_attempt(environment={"kernel": name})
    runs = [make_run(run=str(number), variant=name, message=name, code="x", attempts=(attempt,)) for number in range(3)]
    return compose_report(
        make_study(model=name),
        Leaderboard(rows=tuple(rows), excluded=()),
        runs,
        figures=(),
        methods=f"What was done with {name}.",
        version="0.1.0",
    )


def pages(pdf: bytes) -> int:
    """How many pages it has, in whatever streams it keeps them."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    plain = [pdf, *(unpacked for each in streams if (unpacked := _unpacked(each)) is not None)]
    return sum(len(re.findall(rb"/Type\s*/Page\b(?!s)", part)) for part in plain)


def _unpacked(stream: bytes) -> bytes | None:
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return None


def test_a_report_becomes_a_pdf_of_pages() -> None:
    pdf = as_pdf(make_report())
    assert pdf.startswith(b"%PDF-") and pages(pdf) >= 2


def test_the_same_report_gives_the_same_bytes() -> None:
    report = replace(make_report(), sections=(), drifts=())
    assert as_pdf(report) == as_pdf(report)


def test_names_are_never_taken_for_markup() -> None:
    assert as_pdf(make_report(MARKUP)).startswith(b"%PDF-")


def test_a_report_without_results_is_still_a_paper() -> None:
    nothing = compose_report(
        make_study(), Leaderboard(rows=(), excluded=()), [], figures=(), methods="", version="0.1.0"
    )
    assert pages(as_pdf(nothing)) >= 1
