"""The database's own clock, in seconds since the epoch: leases and marks are compared on it, never on a worker's."""

from typing import Any

from sqlalchemy import Double
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class now_s(FunctionElement[float]):  # noqa: N801  # a SQL function reads in lower case
    """SQL expression: seconds since the epoch, with fractions, at the time of evaluation."""

    type = Double()
    inherit_cache = True


@compiles(now_s, "sqlite")
def _on_sqlite(element: now_s, compiler: Any, **options: Any) -> str:
    # unixepoch('subsec') is younger (SQLite 3.42) than Debian 12 (3.40), where it gives NULL.
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now_s, "postgresql")
def _on_postgresql(element: now_s, compiler: Any, **options: Any) -> str:
    return "cast(extract(epoch from clock_timestamp()) as double precision)"
