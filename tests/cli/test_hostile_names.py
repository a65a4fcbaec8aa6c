"""Texts of boards and users that would steer a terminal, a spreadsheet or a browser, at every door they leave by."""

import csv
import io
import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from orchestrator.boards import fleet
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, DeviceRow, RunRow
from orchestrator.queries.leaderboard import leaderboard
from orchestrator.text.csv_text import leaderboard_csv
from tests import factories
from tests.cli.conftest import Pifarm
from tests.small_farm import set_columns

pytestmark = pytest.mark.integration

# A title, an erased screen, rich's markup, Markdown that loads, HTML that runs, right-to-left, a forged line.
EVIL = (
    "\x1b]0;owned\x07\x1b[2J[red]RED[/red] ![x](http://evil/x.png) <script>alert(1)</script><img src=http://evil/y>"
    " \u202egnp.exe\u2066 \r\nerror: forged\x9b31m"
)
FORMULA = '=HYPERLINK("http://evil","click")'
STEERING = ("Cc", "Cf", "Cs")


@pytest.fixture
def evil(measured: factories.Example, database: Database) -> str:
    """A measured farm whose board says hostile things wherever it can; gives a run of it."""
    run = factories.run_ids(database, measured.study)[0]
    with database.read() as session:
        device_id = session.get_one(RunRow, run).device_id
        probe: dict[str, Any] = {**session.get_one(DeviceRow, device_id).probe}
        attempts = [attempt.id for attempt in session.get_one(RunRow, run).attempts]
    probe |= {"facts": {EVIL: EVIL, "governor": EVIL}, "unsupported": {EVIL: EVIL}, "absent": [EVIL]}
    set_columns(
        database, DeviceRow, device_id,
        board=EVIL, board_type=EVIL[:200], labels={EVIL: EVIL}, probe=probe, state_reason=EVIL, last_waiting_for=EVIL,
    )  # fmt: skip
    for attempt in attempts:
        facts = {"measuring_hash": "c" * 64, "facts": {EVIL: EVIL}, "sources": {"clock_hz": EVIL}, "absent": [EVIL]}
        set_columns(database, AttemptRow, attempt, environment=facts, code="x", message=EVIL)
    set_columns(database, RunRow, run, code="x", message=EVIL)
    with database.read() as session:
        name = session.get_one(DeviceRow, device_id).name
    fleet.drain(database, name, EVIL)
    return run


@pytest.mark.parametrize(
    "command",
    [
        "status",
        "device list",
        "device show pi5-1",
        "run list",
        "run show RUN",
        "study list",
        "study show 1",
        "leaderboard",
        "run diff RUN RUN",
        "run diff RUN OTHER",
        "compare int8 fp32",
    ],
)
def test_a_terminal_shows_hostile_texts_and_does_not_obey_them(pifarm: Pifarm, evil: str, command: str) -> None:
    ended = pifarm(*spelled(pifarm, command, evil))
    assert ended.exit_code == 0, ended.err
    steering = {char for char in ended.out + ended.err if unicodedata.category(char) in STEERING} - {"\n"}
    assert not steering
    assert "owned" not in ended.out or "[red]" in re.sub(r"\s", "", ended.out)


@pytest.mark.parametrize(
    "command", ["status", "device show pi5-1", "run show RUN", "run diff RUN OTHER", "leaderboard", "compare int8 fp32"]
)
def test_json_holds_hostile_texts_as_they_are_and_in_ascii(pifarm: Pifarm, evil: str, command: str) -> None:
    ended = pifarm(*spelled(pifarm, command, evil), "--json")
    assert ended.out.isascii() and "\x1b" not in ended.out
    json.loads(ended.out)


def test_markdown_neither_runs_nor_loads_nor_breaks_its_table(pifarm: Pifarm, evil: str, database: Database) -> None:
    out = pifarm("compare", "int8", "fp32", "--markdown").out
    assert "\\<script\\>" in out and "<script" not in out.replace("\\<", "")
    assert "![x](" not in out
    assert not any(line.startswith("error:") for line in out.splitlines())
    assert not {char for char in out if unicodedata.category(char) in STEERING} - {"\n"}


def spelled(pifarm: Pifarm, command: str, run: str) -> list[str]:
    """The words of a command, with the hostile run and another one in their places."""
    if "OTHER" in command:
        runs = [each["run"] for each in json.loads(pifarm("run", "list", "--json").out)]
        command = command.replace("OTHER", next(each for each in runs if each != run))
    return command.replace("RUN", run).split()


def test_a_csv_is_no_formula_and_steers_no_terminal(pifarm: Pifarm, evil: str, database: Database) -> None:
    set_columns(database, DeviceRow, 1, board=FORMULA)
    ended = pifarm("leaderboard", "--csv")
    assert ended.out == leaderboard_csv(leaderboard(database).rows)
    cells = [cell for line in csv.reader(io.StringIO(ended.out)) for cell in line]
    assert any(cell.startswith("'=HYPERLINK") for cell in cells)
    assert not any(cell.startswith(("=", "@", "\t", "\r")) for cell in cells)
    assert not {char for char in ended.out if unicodedata.category(char) in STEERING} - {"\n"}


def test_a_report_runs_and_loads_nothing(pifarm: Pifarm, evil: str, tmp_path: Path) -> None:
    assert pifarm("report", "1", "--output", str(tmp_path / "report.html")).exit_code == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "alert(1)" in page and "<script" not in page
    assert not re.search(r"<(img|image|iframe|object|embed|link)\b", page)
    assert re.search(r"default-src 'none'", page)


def test_a_paper_figures_and_methods_take_no_name_for_more_than_a_name(
    pifarm: Pifarm, evil: str, tmp_path: Path
) -> None:
    paper, figures, tables = tmp_path / "report.pdf", tmp_path / "figures", tmp_path / "out"
    ended = pifarm("report", "1", "--output", str(paper), "--figures", str(figures), "--format", "svg")
    assert ended.exit_code == 0 and paper.read_bytes().startswith(b"%PDF-")
    assert pifarm("export", "1", str(tables)).exit_code == 0
    assert not any("<script" in path.read_text(encoding="utf-8") for path in figures.glob("*.svg"))
    for path in (figures / "captions.txt", tables / "methods.txt"):
        text = path.read_text(encoding="utf-8")
        assert not {char for char in text if unicodedata.category(char) in STEERING} - {"\n"}


def test_an_export_is_no_formula(pifarm: Pifarm, evil: str, database: Database, tmp_path: Path) -> None:
    set_columns(database, RunRow, evil, message=FORMULA)
    assert pifarm("export", "1", str(tmp_path / "out")).exit_code == 0
    text = (tmp_path / "out" / "runs.csv").read_text(encoding="utf-8")
    assert "'=HYPERLINK" in text and ",=HYPERLINK" not in text and "\x1b" not in text


@pytest.mark.parametrize("arguments", [("device", "show", EVIL), ("run", "show", EVIL), ("submit", EVIL)])
def test_a_complaint_about_a_hostile_name_is_one_harmless_line(pifarm: Pifarm, arguments: tuple[str, ...]) -> None:
    ended = pifarm(*arguments)
    assert ended.exit_code == 2
    assert not {char for char in ended.err if unicodedata.category(char) in STEERING} - {"\n"}
    assert "[red]" in ended.err
