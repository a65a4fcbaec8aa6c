"""Both kinds of database for every query, and how many statements it takes."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from orchestrator.db.session import Database

CountStatements = Callable[[Database], AbstractContextManager[list[str]]]


@pytest.fixture
def database(each_database: Database) -> Database:
    """Each kind of database."""
    return each_database


@pytest.fixture
def statements() -> CountStatements:
    """Collects the SQL that a database is asked within a `with` block."""

    @contextmanager
    def collect(database: Database) -> Iterator[list[str]]:
        asked: list[str] = []

        def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
            asked.append(statement)

        event.listen(database.engine, "before_cursor_execute", note)
        yield asked
        event.remove(database.engine, "before_cursor_execute", note)

    return collect
