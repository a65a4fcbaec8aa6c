"""What holds for every page, and the plain functions behind them."""

import datetime
import tomllib

import pytest
import streamlit
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from sqlalchemy import text

from dashboard import board_table
from dashboard.launch import APP, dashboard_command
from dashboard.local_time import in_zone, moment_text
from dashboard.loopback import is_loopback
from dashboard.plain_text import as_plain
from orchestrator.db.session import Database
from tests.dashboard.conftest import OpenPage, text_of
from tests.examples import make_group, make_pair, make_row

pytestmark = pytest.mark.integration


def test_a_database_of_a_newer_version_is_explained(database: Database, open_page: OpenPage) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'from-the-future'"))
    streamlit.cache_resource.clear()

    assert "newer than this pifarm knows" in text_of(open_page())


def test_the_command_keeps_the_dashboard_on_this_machine() -> None:
    command = dashboard_command("127.0.0.1", 8600)

    assert command[1:5] == ["-P", "-m", "streamlit", "run"]
    assert {
        "--server.address=127.0.0.1",
        "--server.port=8600",
        "--server.headless=true",
        "--server.fileWatcherType=none",
        "--runner.postScriptGC=false",
        "--browser.gatherUsageStats=false",
        "--logger.hideWelcomeMessage=true",
        "--server.allowedHosts=localhost",
    } <= set(command)


def test_an_address_that_others_reach_answers_to_any_name() -> None:
    assert not any("allowedHosts" in flag for flag in dashboard_command("0.0.0.0"))


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("10.0.0.5", False), ("farm", False)],
)
def test_loopback_is_recognised(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected


def test_the_settings_beside_the_app_are_as_safe_as_the_command() -> None:
    settings = tomllib.loads((APP.parent / ".streamlit" / "config.toml").read_text(encoding="utf-8"))

    assert settings["server"]["address"] == "127.0.0.1"
    assert settings["browser"]["gatherUsageStats"] is False


@given(st.text())
def test_a_plain_text_is_shown_as_it_is(given_text: str) -> None:
    (paragraph, *_) = [token for token in MarkdownIt("commonmark").parse(f"x{as_plain(given_text)}") if token.children]
    shown = "".join(child.content for child in paragraph.children or []).replace("\u2060", "")

    assert {child.type for child in paragraph.children or []} <= {"text", "text_special"}
    assert " ".join(shown.split()) == " ".join(
        f"x{' '.join(given_text.split())}".replace("\0", "\ufffd").replace("\u2060", "").split()
    )


def test_moments_are_told_in_the_zone_of_the_viewer() -> None:
    assert moment_text(0.0, "Europe/Berlin") == "1970-01-01 01:00:00 CET"
    assert moment_text(0.0, None) == "1970-01-01 00:00:00 UTC"
    assert moment_text(None, None) == "n/a"


@pytest.mark.parametrize("zone", ["Nowhere/Land", "../etc/passwd", ""])
def test_an_unknown_zone_is_utc(zone: str) -> None:
    moment = in_zone(0.0, zone)

    assert moment is not None and moment.tzinfo is datetime.UTC


def test_a_table_sorts_by_numbers_and_shows_texts() -> None:
    columns = {column.name: column for column in board_table.board_columns(make_pair())}

    assert columns["Median"].values == [12.34, 17.5]
    assert columns["Median"].shown is not None
    assert columns["Median"].shown(12.34) == "12.3 ms"
    assert "12.3 ms" in board_table.styled(list(columns.values())).to_html()


def test_a_metric_has_a_column_for_each_source() -> None:
    rows = [
        make_row(metrics={"mAP50": {"value": 0.7, "source": "declared"}}),
        make_row(metrics={"mAP50": {"value": 0.6, "source": "measured"}}),
    ]
    columns = {column.name: column.values for column in board_table.board_columns(rows)}

    assert columns["mAP50, declared"] == [0.7, None]
    assert columns["mAP50, measured"] == [None, 0.6]


def test_tied_ranks_sort_among_the_others_and_show_the_tie() -> None:
    rank = board_table.board_columns([make_row(tied_with=("b",)), make_row(rank=10)])[0]

    assert rank.values == [1.5, 10]
    assert rank.shown is not None
    assert [rank.shown(value) for value in rank.values] == ["1 =", "10"]


def test_a_column_of_marks_stands_only_where_there_are_marks() -> None:
    simulated = make_pair(make_group(source="simulated"))

    assert "Mark" in {column.name for column in board_table.board_columns(simulated)}
    assert "Mark" not in {column.name for column in board_table.board_columns(make_pair())}
