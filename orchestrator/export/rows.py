"""Rows of an export's tables from what the read door gives. Raw figures are exact; what is absent is None. Pure."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from agent.wire.codec import encode
from orchestrator.analysis.thermal.curve import Floats, Soak
from orchestrator.analysis.thermal.stability import Window, windows_of
from orchestrator.db.columns import InferenceColumns, TelemetryColumns
from orchestrator.export.columns import COMPARISON_COLUMNS, RUN_COLUMNS, SCORE_COLUMNS
from orchestrator.queries.account import shown_attempt
from orchestrator.queries.rows import DeviceView, RunView
from orchestrator.queries.scores import RunScores
from orchestrator.queries.study_parts import GroupPair, VariantView

Row = dict[str, Any]


def run_row(run: RunView) -> Row:
    """A run, with the attempt whose raw data is exported."""
    exported = shown_attempt(run)
    named = {column.name: getattr(run, column.name, None) for column in RUN_COLUMNS}
    return {
        **named,
        "state": run.state.value,
        "verdict": None if run.verdict is None else run.verdict.value,
        "reasons": json.dumps(run.reasons),
        "ambient_source": None if run.ambient_source is None else run.ambient_source.value,
        "labels": None if run.labels is None else json.dumps(dict(run.labels)),
        "attempt": None if exported is None else exported.number,
        "is_counted": exported is not None and exported.counted,
        "environment": None if exported is None else json.dumps(exported.environment),
        "gate": None if exported is None else json.dumps(exported.gate),
        "loaded": None if exported is None else json.dumps(exported.loaded),
    }


def inference_rows(run: str, inferences: InferenceColumns) -> Row:
    """Every inference of a run, as columns of equal length."""
    count = len(inferences.starts_ns)
    return {
        "run": [run] * count,
        "inference": np.arange(count),
        "is_counted": inferences.is_counted,
        "start_ns": inferences.starts_ns,
        "duration_ns": inferences.durations_ns,
    }


def telemetry_rows(run: str, telemetry: TelemetryColumns) -> Row:
    """Every sample of a run's telemetry, as columns of equal length."""
    absent = {name: ~series.is_present for name, series in telemetry.integers.items()}
    return {
        "run": [run] * len(telemetry.at_ns),
        "at_ns": telemetry.at_ns,
        **telemetry.floats,
        **{name: pa.array(series.values, pa.int64(), mask=absent[name]) for name, series in telemetry.integers.items()},
    }


def device_row(device: DeviceView) -> Row:
    """A board as it is known now, without where it can be reached."""
    return {
        "device": device.name,
        "board": device.board,
        "board_type": device.board_type,
        "simulated": device.simulated,
        "labels": json.dumps(dict(device.labels)),
        "facts": json.dumps(dict(device.facts)),
        "absent": json.dumps(device.absent),
        "runtimes": json.dumps(dict(device.runtimes)),
    }


def variant_row(variant: VariantView) -> Row:
    """A variant with its file and what is known of its quality."""
    return {
        "variant": variant.variant,
        "model": variant.model,
        "label": variant.label,
        "runtime": variant.runtime,
        "threads": variant.threads,
        "options": json.dumps(dict(variant.options)),
        "format": variant.format,
        "size_bytes": variant.size_bytes,
        "artifact": variant.artifact,
        "files": json.dumps([dict(file) for file in variant.files]),
        "is_baseline": variant.is_baseline,
        "metrics": json.dumps(encode(variant.metrics)),
        "measured": json.dumps(encode(variant.measured)),
    }


def score_rows(scores: RunScores) -> Iterator[Row]:
    """The scores of a run, each metric as a whole, then by class and by size."""
    named = {name: getattr(scores, name, None) for name in _SCORED}
    for metric, fact in scores.metrics.items():
        interval = {"low": fact.get("low"), "high": fact.get("high")}
        yield {**named, **interval, "part": "all", "name": "", "metric": metric, "value": fact["value"]}
    for part, entries in (("class", scores.by_class), ("size", scores.by_size)):
        for entry, metric in itertools.product(entries, scores.metrics):
            if metric in entry:
                yield {**named, "part": part, "name": entry["name"], "metric": metric, "value": entry[metric]}


def window_rows(run: str, soak: Soak) -> Iterator[Row]:
    """The windows of a sustained run, in order."""
    for number, window in enumerate(windows_of(soak)):
        yield {
            "run": run,
            "window": number,
            "from_s": window.from_s,
            "to_s": window.to_s,
            "inferences": window.inferences,
            "median_ms": window.median_s * 1e3,
            "temperature_c": _mean(soak, soak.die_c, window),
            "clock_hz": _mean(soak, soak.clock_hz, window),
        }


def comparison_row(pair: GroupPair) -> Row:
    """Two variants of a group against each other."""
    found = {**{name: getattr(pair.group, name, None) for name in _COMPARED}, "coverage": pair.coverage}
    own = {name: getattr(pair.comparison, name) for name in _COMPARED if hasattr(pair.comparison, name)}
    return {**found, **own, "answer": pair.comparison.answer.value, "unit": pair.comparison.unit.value}


_SCORED = tuple(column.name for column in SCORE_COLUMNS)
_COMPARED = tuple(column.name for column in COMPARISON_COLUMNS)


def _mean(soak: Soak, series: Floats, window: Window) -> float | None:
    own = series[(soak.at_s >= window.from_s) & (soak.at_s <= window.to_s) & np.isfinite(series)]
    return float(own.mean()) if len(own) else None
