"""`pifarm report`: a page, a paper, or figures, as asked."""

from pathlib import Path

import pytest

from tests import factories
from tests.cli.conftest import Pifarm

pytestmark = pytest.mark.integration


def test_the_ending_of_the_output_says_what_it_becomes(
    pifarm: Pifarm, measured: factories.Example, tmp_path: Path
) -> None:
    for name, begins in (("study.html", b"<!DOCTYPE html>"), ("study.pdf", b"%PDF-")):
        ended = pifarm("report", str(measured.study), "--output", str(tmp_path / name))
        assert (ended.exit_code, ended.err) == (0, "") and name in ended.out
        assert begins in (tmp_path / name).read_bytes()[:20_000]


def test_figures_alone_write_no_report(pifarm: Pifarm, measured: factories.Example, tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    ended = pifarm("report", str(measured.study), "--figures", str(folder), "--format", "png")
    assert ended.exit_code == 0 and f"figures in {folder}" in ended.out
    assert {path.suffix for path in folder.iterdir()} == {".png", ".txt"}
    assert list(Path.cwd().glob("report-*")) == []


def test_a_format_that_is_none_is_bad_input(pifarm: Pifarm, measured: factories.Example, tmp_path: Path) -> None:
    ended = pifarm("report", str(measured.study), "--figures", str(tmp_path / "figures"), "--format", "gif")
    assert ended.exit_code == 2 and "expected some of svg,png,pdf, got gif" in ended.err


def test_a_name_of_another_kind_is_bad_input(pifarm: Pifarm, measured: factories.Example, tmp_path: Path) -> None:
    ended = pifarm("report", str(measured.study), "--output", str(tmp_path / "study.docx"))
    assert ended.exit_code == 2 and ".html or .pdf" in ended.err
