"""A study as files for other people's tools: tidy CSV and Parquet of every run, inference and sample of telemetry.

The folder appears whole or not at all: it is written beside its place and renamed. Raw figures are exact; what is
absent is null in Parquet and an empty cell in CSV. `manifest.json` says what each column is, in which unit, which
boards were simulated, and the hash of every file.
"""

import hashlib
import json
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from orchestrator.csv_text import harmless
from orchestrator.db.columns import FLOAT_SERIES, INTEGER_SERIES, InferenceColumns, TelemetryColumns
from orchestrator.db.session import Database
from orchestrator.errors import SpecError
from orchestrator.queries.rows import RunView, StudyView
from orchestrator.queries.runs import list_runs, read_columns
from orchestrator.queries.studies import get_study

SCHEMA_VERSION = 2
"""Of tables and manifest; 2 has start groups, rooms, energy, steadiness, segments, deadlines, and how blocks grow."""
_MOST_RUNS = 1_000_000
_BUFFERED_ROWS = 200_000
_TEXT, _INT, _FLOAT, _FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of an exported table; `unit` is empty for what has none."""

    name: str
    type: Any
    unit: str = ""
    note: str = ""


RUN_COLUMNS = (
    Column(name="run", type=_TEXT),
    Column(name="study", type=_INT),
    Column(name="model", type=_TEXT),
    Column(name="variant", type=_TEXT, note="LABEL@RUNTIME,tTHREADS"),
    Column(name="device", type=_TEXT),
    Column(name="board", type=_TEXT),
    Column(name="board_type", type=_TEXT),
    Column(name="simulated", type=_FLAG, note="true: not a real board"),
    Column(name="protocol", type=_TEXT),
    Column(name="regime", type=_TEXT),
    Column(name="block", type=_INT, note="one pass over all variants; what is compared is paired by it"),
    Column(name="start_group", type=_INT, note="runs of different start temperatures; blocks are never paired across"),
    Column(name="position", type=_INT, note="place in the block"),
    Column(name="state", type=_TEXT),
    Column(name="code", type=_TEXT),
    Column(name="message", type=_TEXT),
    Column(name="verdict", type=_TEXT),
    Column(name="reasons", type=_TEXT, note="JSON"),
    Column(name="attempt", type=_INT, note="the attempt whose raw data is exported"),
    Column(name="is_counted", type=_FLAG, note="whether this attempt's figures are the run's"),
    Column(name="started_at_s", type=_FLOAT, unit="s since 1970"),
    Column(name="ended_at_s", type=_FLOAT, unit="s since 1970"),
    Column(name="samples", type=_INT),
    Column(name="median_ms", type=_FLOAT, unit="ms"),
    Column(name="p90_ms", type=_FLOAT, unit="ms", note="null below 30 inferences"),
    Column(name="p99_ms", type=_FLOAT, unit="ms", note="null below 662 inferences"),
    Column(name="first_ms", type=_FLOAT, unit="ms"),
    Column(name="load_ms", type=_FLOAT, unit="ms"),
    Column(name="peak_rss_bytes", type=_INT, unit="bytes"),
    Column(name="start_c", type=_FLOAT, unit="degrees Celsius"),
    Column(name="max_c", type=_FLOAT, unit="degrees Celsius"),
    Column(name="end_c", type=_FLOAT, unit="degrees Celsius"),
    Column(name="ambient_c", type=_FLOAT, unit="degrees Celsius", note="mean of a thermometer beside the board"),
    Column(name="window_s", type=_FLOAT, unit="s"),
    Column(name="energy_j", type=_FLOAT, unit="J", note="gross, of one inference"),
    Column(name="steadiness", type=_TEXT, note="flat, warm-up, slowdown or no steady state"),
    Column(name="segments", type=_INT, note="stretches of a window that heat cut"),
    Column(name="missed_deadlines", type=_INT, note="of a paced run"),
    Column(name="environment", type=_TEXT, note="JSON: what the board said of itself"),
    Column(name="gate", type=_TEXT, note="JSON: how the gate opened"),
    Column(name="loaded", type=_TEXT, note="JSON: tensors and options of the runtime"),
)
INFERENCE_COLUMNS = (
    Column(name="run", type=_TEXT),
    Column(name="inference", type=_INT, note="from 0, warm-up included"),
    Column(name="is_counted", type=_FLAG, note="true in the window, false in the warm-up"),
    Column(name="start_ns", type=_INT, unit="ns since the claim"),
    Column(name="duration_ns", type=_INT, unit="ns"),
)
_SERIES_UNITS = {
    "temperature_c": "degrees Celsius",
    "clock_hz": "Hz, true ARM clock",
    "requested_hz": "Hz, asked for by the kernel",
    "foreign_cpu": "share of all cores used by others since the sample before",
    "fan_rpm": "1/min",
    "power_w": "W",
    "ambient_c": "degrees Celsius, of a thermometer beside the board",
    "throttled": "bits as the firmware gives them: 0-3 live, 16-19 since boot",
    "memory_available_bytes": "bytes",
    "rss_bytes": "bytes",
}
TELEMETRY_COLUMNS = (
    Column(name="run", type=_TEXT),
    Column(name="at_ns", type=_INT, unit="ns since the claim"),
    *(Column(name=name, type=_FLOAT, unit=_SERIES_UNITS[name]) for name in FLOAT_SERIES),
    *(Column(name=name, type=_INT, unit=_SERIES_UNITS[name]) for name in INTEGER_SERIES),
)
TABLES = {"runs": RUN_COLUMNS, "inferences": INFERENCE_COLUMNS, "telemetry": TELEMETRY_COLUMNS}


def export_study(database: Database, study_id: int, folder: Path) -> Path:
    """Write a study into a new or empty folder and return it; raises `NotFoundError`, `SpecError`."""
    study = get_study(database, study_id)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SpecError(f"folder: expected a new or empty one, {folder} is not")
    with _folder_beside(folder) as beside:
        runs = list_runs(database, study=study_id, limit=_MOST_RUNS)
        rows = _write_tables(database, runs, beside)
        manifest = _manifest(study, runs, rows, beside)
        (beside / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return folder


@contextmanager
def _folder_beside(folder: Path) -> Iterator[Path]:
    """A folder that becomes `folder` when all went well, and is removed when not."""
    beside = folder.parent / f".{folder.name}.new-{secrets.token_hex(4)}"
    try:
        beside.mkdir(parents=True)
        yield beside
        beside.replace(folder)
    except OSError as error:
        raise SpecError(f"folder: cannot write {folder} ({error.strerror})") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


class _TableFiles:
    """One table as CSV and Parquet at once.

    Lifecycle: a context; rows are written in large groups, the last ones on exit.
    """

    def __init__(self, name: str, columns: Sequence[Column], folder: Path) -> None:
        self.rows = 0
        self._schema = pa.schema([(column.name, column.type) for column in columns])
        self._csv = csv.CSVWriter(folder / f"{name}.csv", self._schema)
        self._parquet = parquet.ParquetWriter(folder / f"{name}.parquet", self._schema, compression="zstd")
        self._waiting: list[Any] = []

    def add(self, columns: dict[str, Any]) -> None:
        """Append rows, given as columns of equal length."""
        arrays = [pa.array(columns[field.name], field.type, from_pandas=True) for field in self._schema]
        self._waiting.append(pa.Table.from_arrays(arrays, schema=self._schema))
        self.rows += self._waiting[-1].num_rows
        if sum(table.num_rows for table in self._waiting) >= _BUFFERED_ROWS:
            self._flush()

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
            self._waiting = []


def _write_tables(database: Database, runs: Sequence[RunView], folder: Path) -> dict[str, int]:
    with ExitStack() as stack:
        files = {name: _TableFiles(name, columns, folder) for name, columns in TABLES.items()}
        for table in files.values():
            stack.callback(table.close)
        run_rows = [_run_row(run) for run in runs]
        files["runs"].add({column.name: [row[column.name] for row in run_rows] for column in RUN_COLUMNS})
        with database.read() as session:
            for run in runs:
                inferences, telemetry = read_columns(session, run.run)
                files["inferences"].add(_inference_rows(run.run, inferences))
                files["telemetry"].add(_telemetry_rows(run.run, telemetry))
    return {name: table.rows for name, table in files.items()}


def _run_row(run: RunView) -> dict[str, Any]:
    exported = next((a for a in run.attempts if a.counted), run.attempts[-1] if run.attempts else None)
    named = {column.name: getattr(run, column.name, None) for column in RUN_COLUMNS}
    return {
        **named,
        "state": run.state.value,
        "verdict": None if run.verdict is None else run.verdict.value,
        "reasons": json.dumps(run.reasons),
        "attempt": None if exported is None else exported.number,
        "is_counted": exported is not None and exported.counted,
        "environment": None if exported is None else json.dumps(exported.environment),
        "gate": None if exported is None else json.dumps(exported.gate),
        "loaded": None if exported is None else json.dumps(exported.loaded),
    }


def _inference_rows(run: str, inferences: InferenceColumns) -> dict[str, Any]:
    count = len(inferences.starts_ns)
    return {
        "run": [run] * count,
        "inference": np.arange(count),
        "is_counted": inferences.is_counted,
        "start_ns": inferences.starts_ns,
        "duration_ns": inferences.durations_ns,
    }


def _telemetry_rows(run: str, telemetry: TelemetryColumns) -> dict[str, Any]:
    absent = {name: ~series.is_present for name, series in telemetry.integers.items()}
    return {
        "run": [run] * len(telemetry.at_ns),
        "at_ns": telemetry.at_ns,
        **telemetry.floats,
        **{name: pa.array(series.values, _INT, mask=absent[name]) for name, series in telemetry.integers.items()},
    }


def _without_formulas(table: Any) -> Any:
    """The table with an apostrophe before every text that a spreadsheet would take for a formula."""
    for index, field in enumerate(table.schema):
        if field.type == _TEXT and field.name != "run":
            texts = [text and harmless(text) for text in table.column(index).to_pylist()]
            table = table.set_column(index, field, pa.array(texts, _TEXT))
    return table


def _manifest(study: StudyView, runs: Sequence[RunView], rows: dict[str, int], folder: Path) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "study": study.study,
        "model": study.model,
        "protocol": study.protocol,
        "regime": study.regime,
        "blocks": study.blocks,
        "until_ci": None if study.until_ci is None else study.until_ci.wanted,
        "max_blocks": None if study.until_ci is None else study.until_ci.max_blocks,
        "seed": study.seed,
        "state": study.state.value,
        "simulated": study.simulated,
        "devices": {run.device: {"board": run.board, "simulated": run.simulated} for run in runs},
        "variants": list(study.variants),
        "tables": {
            name: {
                "rows": rows[name],
                "columns": [
                    {"name": column.name, "type": str(column.type), "unit": column.unit, "note": column.note}
                    for column in columns
                ],
            }
            for name, columns in TABLES.items()
        },
        "files": {path.name: _fingerprint(path) for path in sorted(folder.iterdir())},
    }


def _fingerprint(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "size_bytes": path.stat().st_size}
