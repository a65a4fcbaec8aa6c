"""Results that others published, read from a CSV file to be shown beside the farm's own, never ranked with them.

One row a variant. Columns `model` and `variant` are needed, and one with the latency in milliseconds, whose name ends
in ``_ms``; `runtime` is optional. Of the others, those with nothing but numbers are metrics, the rest is a note.
"""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import delete

from orchestrator.db.model_tables import PublishedRow
from orchestrator.db.session import Database
from orchestrator.errors import SpecError

UNKNOWN: Final = "unknown"
SPELLINGS: Final[Mapping[str, str]] = {"map50": "mAP50", "map50_95": "mAP50-95", "map50-95": "mAP50-95"}
LONGEST: Final = 200
MOST_ROWS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One result of others; `latency_ms` is a mean or a median, whatever they give."""

    model: str
    variant: str
    latency_ms: float
    runtime: str = UNKNOWN
    metrics: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("model", "variant", "runtime"):
            text = getattr(self, name)
            if not 1 <= len(text) <= LONGEST or not text.isprintable():
                raise SpecError(f"{name}: expected 1..{LONGEST} printable characters, got {text[:50]!r}")
        if not 0 < self.latency_ms < math.inf:
            raise SpecError(f"latency: expected more than 0 ms, got {self.latency_ms}")


def read_published(path: Path, latency_column: str | None = None) -> list[Published]:
    """The results in a CSV file; raises `SpecError` that names the line and the column."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            rows = [{key: (value or "").strip() for key, value in row.items() if key} for row in reader]
            columns = [name for name in reader.fieldnames or [] if name]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SpecError(f"{path}: cannot be read as CSV: {error}") from error
    latency = _latency_column(path, columns, latency_column)
    if not 1 <= len(rows) <= MOST_ROWS:
        raise SpecError(f"{path}: expected 1..{MOST_ROWS} rows below the names of the columns, got {len(rows)}")
    others = [name for name in columns if name not in ("model", "variant", "runtime", latency)]
    metrics = [name for name in others if any(row[name] for row in rows) and all(_is_number(row[name]) for row in rows)]
    notes = [name for name in others if name not in metrics]
    return [_read_row(path, line, row, latency, metrics, notes) for line, row in enumerate(rows, start=2)]


def import_published(
    database: Database, results: Sequence[Published], *, source: str, board_type: str = UNKNOWN, regime: str = UNKNOWN
) -> int:
    """Store results under their source, in place of what it gave for the same variants before; returns how many."""
    if not source.strip() or len(source) > LONGEST or not source.isprintable():
        raise SpecError(f"--source: expected 1..{LONGEST} printable characters, who published this and where")
    with database.write() as session:
        for each in results:
            where = {"source": source, "model": each.model, "variant": each.variant, "runtime": each.runtime}
            session.execute(delete(PublishedRow).filter_by(**where))
            session.add(
                PublishedRow(
                    **where,
                    board_type=board_type,
                    regime=regime,
                    latency_ns=each.latency_ms * 1e6,
                    metrics={name: {"value": value, "source": "published"} for name, value in each.metrics.items()},
                    note=each.note,
                )
            )
            session.flush()
    return len(results)


def _latency_column(path: Path, columns: Sequence[str], asked: str | None) -> str:
    missing = [name for name in ("model", "variant") if name not in columns]
    if missing:
        raise SpecError(f"{path}: has no column {' and no '.join(missing)}; it has {', '.join(columns) or 'none'}")
    candidates = [name for name in columns if name.endswith("_ms")] if asked is None else [asked]
    if len(candidates) != 1 or candidates[0] not in columns:
        raise SpecError(
            f"{path}: expected one column with the latency, its name ending in _ms,"
            f" got {', '.join(candidates) or 'none'};"
            f" name it with --latency, one of {', '.join(columns)}"
        )
    return candidates[0]


def _read_row(
    path: Path, line: int, row: Mapping[str, str], latency: str, metrics: Sequence[str], notes: Sequence[str]
) -> Published:
    try:
        return Published(
            model=row["model"],
            variant=row["variant"],
            runtime=row.get("runtime") or UNKNOWN,
            latency_ms=_number(latency, row[latency]),
            metrics={SPELLINGS.get(name.lower(), name): float(row[name]) for name in metrics if row[name]},
            note="; ".join(row[name] for name in notes if row[name]),
        )
    except SpecError as error:
        raise SpecError(f"{path}: line {line}: {error}") from error


def _number(name: str, text: str) -> float:
    if not text or not _is_number(text):
        raise SpecError(f"{name}: expected a number, got {text!r}")
    return float(text)


def _is_number(text: str) -> bool:
    """Whether a cell is a finite number, or empty."""
    try:
        return not text or math.isfinite(float(text))
    except ValueError:
        return False
