"""Tables as CSV and Parquet at once, and a folder that appears whole or not at all."""

import hashlib
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv, parquet

from orchestrator.errors import SpecError
from orchestrator.export.columns import TEXT, Column
from orchestrator.text.csv_text import harmless

_BUFFERED_ROWS = 200_000


@contextmanager
def folder_beside(folder: Path) -> Iterator[Path]:
    """A folder that becomes `folder` when all went well, and is removed when not; raises `SpecError`."""
    beside = folder.parent / f".{folder.name}.new-{secrets.token_hex(4)}"
    try:
        beside.mkdir(parents=True)
        yield beside
        beside.replace(folder)
    except OSError as error:
        raise SpecError(f"folder: cannot write {folder} ({error.strerror})") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


class TableFiles:
    """One table as CSV and Parquet at once.

    Lifecycle: whoever makes one closes it; rows are written in large groups, the last ones by `close`.
    """

    def __init__(self, name: str, columns: Sequence[Column], folder: Path) -> None:
        self.rows = 0
        self._schema = pa.schema([(column.name, column.type) for column in columns])
        self._csv = csv.CSVWriter(folder / f"{name}.csv", self._schema)
        self._parquet = parquet.ParquetWriter(folder / f"{name}.parquet", self._schema, compression="zstd")
        self._waiting: list[Any] = []
        self._waiting_rows = 0

    def add(self, columns: Mapping[str, Any]) -> None:
        """Append rows, given as columns of equal length."""
        arrays = [pa.array(columns[field.name], field.type, from_pandas=True) for field in self._schema]
        self._waiting.append(pa.Table.from_arrays(arrays, schema=self._schema))
        self.rows += self._waiting[-1].num_rows
        self._waiting_rows += self._waiting[-1].num_rows
        if self._waiting_rows >= _BUFFERED_ROWS:
            self._flush()

    def add_rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows, given one by one."""
        self.add({name: [row[name] for row in rows] for name in self._schema.names})

    def close(self) -> None:
        """Write what waits and close both files."""
        self._flush()
        self._csv.close()
        self._parquet.close()

    def _flush(self) -> None:
        if self._waiting:
            table = pa.concat_tables(self._waiting)
            self._parquet.write_table(table)
            self._csv.write_table(_without_formulas(table))
            self._waiting, self._waiting_rows = [], 0


def fingerprint(path: Path) -> dict[str, Any]:
    """Hash and size of a file."""
    with path.open("rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "size_bytes": path.stat().st_size}


def _without_formulas(table: Any) -> Any:
    """The table with an apostrophe before every text that a spreadsheet would take for a formula."""
    for index, field in enumerate(table.schema):
        if field.type == TEXT and field.name != "run":
            texts = [text and harmless(text) for text in table.column(index).to_pylist()]
            table = table.set_column(index, field, pa.array(texts, TEXT))
    return table
