"""Rows and raw series as CSV texts. Pure.

Numbers are written in full (`repr`), so that nothing is lost; nested values are JSON; what is absent is an empty cell.
A text that a spreadsheet would take for a formula is quoted with an apostrophe, and what would steer a terminal is
replaced: a name may come from a board.
"""

import csv
import dataclasses
import io
import json
import math
import unicodedata
from collections.abc import Iterable, Sequence

from orchestrator.queries.leaderboard_rows import LeaderboardRow
from orchestrator.queries.rows import RunSeries

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_STEERING = ("Cc", "Cf", "Cs")


def leaderboard_csv(rows: Iterable[LeaderboardRow]) -> str:
    """A line a row, the columns in the order of `leaderboard --json`."""
    names = [field.name for field in dataclasses.fields(LeaderboardRow)]
    return _csv(names, ([_cell(getattr(row, name)) for name in names] for row in rows))


def inferences_csv(series: RunSeries) -> str:
    """A line an inference: number, start in seconds since the claim, latency in milliseconds, whether it counts."""
    lines = zip(series.start_s.tolist(), series.latency_ms.tolist(), series.is_counted.tolist(), strict=True)
    header = ["inference", "start_s", "latency_ms", "is_counted"]
    return _csv(header, ([number, *map(_cell, line)] for number, line in enumerate(lines, start=1)))


def telemetry_csv(series: RunSeries) -> str:
    """A line a sample, `at_s` first; a sensor that gave nothing leaves its cell empty."""
    names = sorted(series.telemetry, key=lambda name: (name != "at_s", name))
    columns = [series.telemetry[name].tolist() for name in names]
    return _csv(names, ([_cell(value) for value in sample] for sample in zip(*columns, strict=True)))


def unsteered(text: str) -> str:
    """The text without a character that steers a terminal; lines stay lines."""
    steering = {char for char in set(text) - {"\n"} if unicodedata.category(char) in _STEERING}
    return text.translate({ord(char): "\N{REPLACEMENT CHARACTER}" for char in steering})


def harmless(text: str) -> str:
    """The text as a cell: never a formula, without a character that steers a terminal."""
    shown = unsteered(text)
    return f"'{shown}" if text.startswith(_FORMULA_STARTS) else shown


def _csv(header: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(lines)
    return text.getvalue()


def _cell(value: object) -> object:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return harmless(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    return json.dumps(value) if isinstance(value, dict | list | tuple) else value
