"""Hostile texts of a board on every page: shown as they are, nothing in them loads, links or formats."""

import re
from typing import Any

import pytest

from dashboard.plain_text import as_plain
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, DeviceRow, RunRow
from tests import factories
from tests.cli.test_hostile_names import EVIL
from tests.dashboard.conftest import OpenPage
from tests.small_farm import set_columns

pytestmark = pytest.mark.integration
_ALIVE = re.compile(r"(?<!\\)(!\[|\]\(|<script|<img|\$\$|:red\[|`x)")
_KINDS = ("markdown", "caption", "error", "warning", "info", "subheader", "title", "metric", "expander")


@pytest.fixture
def evil_run(database: Database) -> str:
    """A measured farm whose board says hostile things wherever it can; gives a run of it."""
    example = factories.fill(database)
    run = factories.run_ids(database, example.study)[0]
    with database.read() as session:
        row = session.get_one(RunRow, run)
        device_id, attempts = row.device_id, [attempt.id for attempt in row.attempts]
        probe: dict[str, Any] = {**session.get_one(DeviceRow, device_id).probe}
    probe |= {"facts": {EVIL: EVIL}, "unsupported": {EVIL: EVIL}, "absent": [EVIL]}
    set_columns(
        database, DeviceRow, device_id,
        board=EVIL, board_type=EVIL[:200], labels={EVIL: EVIL}, probe=probe, state_reason=EVIL, last_waiting_for=EVIL,
    )  # fmt: skip
    for attempt in attempts:
        facts = {"measuring_hash": "c" * 64, "facts": {EVIL: EVIL}, "sources": {"clock_hz": EVIL}, "absent": [EVIL]}
        set_columns(database, AttemptRow, attempt, environment=facts, code="x", message=EVIL)
    set_columns(database, RunRow, run, code="x", message=EVIL)
    return run


@pytest.mark.parametrize("page", ["leaderboard", "run", "farm", "studies"])
def test_a_page_shows_hostile_texts_and_does_not_obey_them(open_page: OpenPage, evil_run: str, page: str) -> None:
    query = {"run": {"run": evil_run}, "farm": {"show": "pi5-1"}, "studies": {"study": "1"}}
    app = open_page(page, **query.get(page, {}))
    texts = [str(getattr(element, "value", "")) for kind in _KINDS for element in app.get(kind)]
    texts += [
        str(getattr(element, "label", "")) for kind in (*_KINDS, "button", "page_link") for element in app.get(kind)
    ]
    assert any("owned" in text for text in texts)
    alive = [text for text in texts if _ALIVE.search(text)]
    assert not alive


def test_plain_text_leaves_nothing_that_markdown_knows() -> None:
    assert _ALIVE.search(EVIL) and not _ALIVE.search(as_plain(EVIL))
