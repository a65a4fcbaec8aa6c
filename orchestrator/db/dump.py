"""A database as plain lines, and back: one file of JSON lines a table, the same from SQLite and from PostgreSQL.

Neutral, so that a farm can move from one to the other by backup and restore. Tables are read as they are found, not
as this version's classes would have them: what was written at one revision is loaded at that revision and migrated
from there. The first line of a file names the columns; bytes are base64.
"""

import base64
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, LargeBinary, MetaData, Table, func, insert, make_url, select, text
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.db.migrate import current_revision, upgrade
from orchestrator.db.session import Database, explain
from orchestrator.errors import SpecError

MAX_LINE_BYTES = 256 * 1024 * 1024
_BATCH = 200
_VERSION_TABLE = "alembic_version"


def dump_rows(database: Database, folder: Path) -> list[Path]:
    """Write every table as it is at one moment, while others go on writing; the files, in order of name."""
    files = []
    with database.engine.connect().execution_options(**_snapshot_of(database)) as connection, connection.begin():
        for table in _tables(connection):
            files.append(folder / f"{table.name}.jsonl")
            with files[-1].open("w", encoding="utf-8") as file:
                for line in _lines(connection, table):
                    file.write(line + "\n")
    return sorted(files)


def load_rows(database: Database, folder: Path, revision: str) -> None:
    """Fill an empty database with what `dump_rows` wrote at `revision`, and migrate it to this version's schema.

    Raises `SpecError` where the lines do not fit; then nothing was stored.
    """
    upgrade(database, revision)
    try:
        with (
            database.engine.execution_options(pifarm_writes=True).connect() as connection,
            connection.begin(),
        ):
            tables = _tables(connection)
            _require_tables(folder, tables)
            for table in tables:
                _load(connection, table, folder / f"{table.name}.jsonl")
    except SQLAlchemyError as error:
        raise SpecError(f"backup: its rows do not fit the database: {explain(error)}") from error
    upgrade(database)


def is_empty(database: Database) -> bool:
    """Whether no farm was ever kept in a database."""
    return current_revision(database) is None


def sqlite_file(database_url: str) -> Path | None:
    """The file of a SQLite database, None for one on a server."""
    url = make_url(database_url)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def _snapshot_of(database: Database) -> dict[str, Any]:
    if database.engine.dialect.name == "postgresql":
        return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    return {}  # a transaction of SQLite sees the state of its first read


def _tables(connection: Connection) -> list[Table]:
    """The tables in an order in which rows can be added, JSON columns storing None as NULL."""
    found = MetaData()
    found.reflect(connection)
    tables = [table for table in found.sorted_tables if table.name != _VERSION_TABLE]
    for table in tables:
        for column in table.columns:
            if isinstance(column.type, JSON):
                column.type = JSON(none_as_null=True)
    return tables


def _lines(connection: Connection, table: Table) -> Iterator[str]:
    columns = list(table.columns)
    yield json.dumps([column.name for column in columns])
    query = select(table).order_by(*table.primary_key.columns)
    for row in connection.execution_options(yield_per=_BATCH).execute(query):
        yield json.dumps([_plain(value) for value in row], ensure_ascii=False, separators=(",", ":"))


def _plain(value: object) -> object:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _require_tables(folder: Path, tables: Sequence[Table]) -> None:
    expected, came = {table.name for table in tables}, {file.stem for file in folder.iterdir()}
    if came != expected:
        raise SpecError(f"backup: expected the tables {sorted(expected)}, got {sorted(came)}")


def _load(connection: Connection, table: Table, file: Path) -> None:
    batch: list[dict[str, Any]] = []
    for row in _read(table, file):
        batch.append(row)
        if len(batch) == _BATCH:
            connection.execute(insert(table), batch)
            batch.clear()
    if batch:
        connection.execute(insert(table), batch)
    _go_on_counting(connection, table)


def _read(table: Table, file: Path) -> Iterator[dict[str, Any]]:
    names = [column.name for column in table.columns]
    binary = {column.name for column in table.columns if isinstance(column.type, LargeBinary)}
    with file.open("rb") as lines:
        for number, line in enumerate(iter(lambda: lines.readline(MAX_LINE_BYTES), b"")):
            try:
                values = json.loads(line)
                if number == 0:
                    if values != names:
                        raise ValueError(f"expected the columns {names}, got {values}")
                    continue
                row = dict(zip(names, values, strict=True))
                yield row | {name: _bytes(row[name]) for name in binary}
            except (ValueError, TypeError, RecursionError) as error:
                raise SpecError(f"backup: {file.name}, line {number + 1}: {error}") from error


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else base64.b64decode(value, validate=True)


def _go_on_counting(connection: Connection, table: Table) -> None:
    """Let PostgreSQL give new rows numbers above those that were loaded; SQLite does so by itself."""
    key = list(table.primary_key.columns)
    if connection.dialect.name != "postgresql" or len(key) != 1 or key[0].type.python_type is not int:
        return
    sequence = connection.scalar(select(func.pg_get_serial_sequence(table.name, key[0].name)))
    highest = connection.scalar(select(func.max(key[0])))
    if sequence is not None and highest is not None:
        connection.execute(text("SELECT setval(:sequence, :highest)"), {"sequence": sequence, "highest": highest})
