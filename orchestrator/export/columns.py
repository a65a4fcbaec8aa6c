"""The tables of an export: each column with its type and unit. Other columns are another `SCHEMA_VERSION`."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from orchestrator.db.columns import FLOAT_SERIES, INTEGER_SERIES

SCHEMA_VERSION = 4
"""Of tables and manifest. 2: start groups, rooms, energy, steadiness, segments, deadlines, how blocks grow. 3:
devices, variants, windows, comparisons, what soaks show, labels, and how the study was measured in words. 4: scores,
and what boards have shown of a variant."""
TEXT, _INT, _FLOAT, _FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_C = "degrees Celsius"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of an exported table; `unit` is empty for what has none."""

    name: str
    type: Any
    unit: str = ""
    note: str = ""


RUN_COLUMNS = (
    Column(name="run", type=TEXT),
    Column(name="study", type=_INT),
    Column(name="model", type=TEXT),
    Column(name="variant", type=TEXT, note="LABEL@RUNTIME,tTHREADS"),
    Column(name="device", type=TEXT),
    Column(name="board", type=TEXT),
    Column(name="board_type", type=TEXT),
    Column(name="simulated", type=_FLAG, note="true: not a real board"),
    Column(name="protocol", type=TEXT),
    Column(name="regime", type=TEXT),
    Column(name="block", type=_INT, note="one pass over all variants; what is compared is paired by it"),
    Column(name="start_group", type=_INT, note="runs of different start temperatures; blocks are never paired across"),
    Column(name="position", type=_INT, note="place in the block"),
    Column(name="state", type=TEXT),
    Column(name="code", type=TEXT),
    Column(name="message", type=TEXT),
    Column(name="verdict", type=TEXT),
    Column(name="reasons", type=TEXT, note="JSON"),
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
    Column(name="start_c", type=_FLOAT, unit=_C),
    Column(name="max_c", type=_FLOAT, unit=_C),
    Column(name="end_c", type=_FLOAT, unit=_C),
    Column(name="ambient_c", type=_FLOAT, unit=_C, note="of the room, by ambient_source"),
    Column(name="ambient_source", type=TEXT, note="sensor: mean of a thermometer; typed or label: somebody said so"),
    Column(name="labels", type=TEXT, note="JSON: those of the device when the run started"),
    Column(name="window_s", type=_FLOAT, unit="s"),
    Column(name="energy_j", type=_FLOAT, unit="J", note="gross, of one inference"),
    Column(name="steadiness", type=TEXT, note="flat, warm-up, slowdown or no steady state"),
    Column(name="segments", type=_INT, note="stretches of a window that heat cut"),
    Column(name="missed_deadlines", type=_INT, note="of a paced run"),
    Column(name="rate_per_s", type=_FLOAT, unit="1/s", note="of a step in a search for the highest rate"),
    Column(name="onset_s", type=_FLOAT, unit="s of load", note="throttled, by bits, else clock; null: not seen"),
    Column(name="known_until_s", type=_FLOAT, unit="s of load", note="until when throttling would have been seen"),
    Column(name="onset_cause", type=TEXT, note="thermal, power, cap, background, unknown, or that the signs disagree"),
    Column(name="throttled_s", type=_FLOAT, unit="s", note="how long it throttled"),
    Column(name="settled_ms", type=_FLOAT, unit="ms", note="median of the last 300 s of a sustained run"),
    Column(name="sustained_ratio", type=_FLOAT, note="rate of the last 300 s over that of the first minute"),
    Column(name="stability", type=_FLOAT, note="rate of slow over fast windows (5th over 95th percentile)"),
    Column(name="settled_c", type=_FLOAT, unit=_C, note="fitted asymptote of the die, unthrottled"),
    Column(name="cooling_tau_s", type=_FLOAT, unit="s", note="slow constant of the recorded cooling"),
    Column(name="environment", type=TEXT, note="JSON: what the board said of itself"),
    Column(name="gate", type=TEXT, note="JSON: how the gate opened"),
    Column(name="loaded", type=TEXT, note="JSON: tensors and options of the runtime"),
)
INFERENCE_COLUMNS = (
    Column(name="run", type=TEXT),
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
    Column(name="run", type=TEXT),
    Column(name="at_ns", type=_INT, unit="ns since the claim"),
    *(Column(name=name, type=_FLOAT, unit=_SERIES_UNITS[name]) for name in FLOAT_SERIES),
    *(Column(name=name, type=_INT, unit=_SERIES_UNITS[name]) for name in INTEGER_SERIES),
)
DEVICE_COLUMNS = (
    Column(name="device", type=TEXT),
    Column(name="board", type=TEXT),
    Column(name="board_type", type=TEXT),
    Column(name="simulated", type=_FLAG, note="true: not a real board"),
    Column(name="labels", type=TEXT, note="JSON: cooling, psu, case, room as they are now"),
    Column(name="facts", type=TEXT, note="JSON: the last probe; a run's own facts are in its environment"),
    Column(name="absent", type=TEXT, note="JSON: sensors that the board does not have"),
    Column(name="runtimes", type=TEXT, note="JSON: versions at the last probe"),
)
VARIANT_COLUMNS = (
    Column(name="variant", type=TEXT, note="LABEL@RUNTIME,tTHREADS"),
    Column(name="model", type=TEXT),
    Column(name="label", type=TEXT),
    Column(name="runtime", type=TEXT),
    Column(name="threads", type=_INT),
    Column(name="options", type=TEXT, note="JSON: options of the runtime that were asked for"),
    Column(name="format", type=TEXT),
    Column(name="size_bytes", type=_INT, unit="bytes"),
    Column(name="artifact", type=TEXT, note="sha256 of the manifest of its files"),
    Column(name="files", type=TEXT, note="JSON: name, sha256 and size in bytes of each file"),
    Column(name="is_baseline", type=_FLAG),
    Column(name="metrics", type=TEXT, note="JSON: by name the value and its source, as declared"),
    Column(name="measured", type=TEXT, note="JSON: what types of boards have shown of the build, by runtime"),
)
SCORE_COLUMNS = (
    Column(name="run", type=TEXT, note="of a study that answered a data set; other studies have no scores"),
    Column(name="variant", type=TEXT, note="LABEL@RUNTIME,tTHREADS"),
    Column(name="device", type=TEXT),
    Column(name="board_type", type=TEXT),
    Column(name="simulated", type=_FLAG, note="true: not a real board"),
    Column(name="dataset", type=TEXT),
    Column(name="examples", type=_INT),
    Column(name="seed", type=_INT, note="draws the examples"),
    Column(name="part", type=TEXT, note="all, class or size"),
    Column(name="name", type=TEXT, note="of the class or size"),
    Column(name="metric", type=TEXT),
    Column(name="value", type=_FLOAT, note="0..1; null where there was nothing to find"),
    Column(name="low", type=_FLOAT, note="95 % interval over examples"),
    Column(name="high", type=_FLOAT, note="95 % interval over examples"),
)
WINDOW_COLUMNS = (
    Column(name="run", type=TEXT),
    Column(name="window", type=_INT, note="from 0; of sustained runs: 30 s and 20 inferences at least"),
    Column(name="from_s", type=_FLOAT, unit="s since the first inference"),
    Column(name="to_s", type=_FLOAT, unit="s since the first inference"),
    Column(name="inferences", type=_INT),
    Column(name="median_ms", type=_FLOAT, unit="ms"),
    Column(name="temperature_c", type=_FLOAT, unit=_C, note="mean over the window"),
    Column(name="clock_hz", type=_FLOAT, unit="Hz", note="true ARM clock, mean over the window"),
)
COMPARISON_COLUMNS = (
    Column(name="model", type=TEXT),
    Column(name="board_type", type=TEXT),
    Column(name="regime", type=TEXT),
    Column(name="protocol", type=TEXT),
    Column(name="input_shape", type=TEXT),
    Column(name="source", type=TEXT, note="measured, simulated or published"),
    Column(name="a", type=TEXT),
    Column(name="b", type=TEXT),
    Column(name="answer", type=TEXT, note="of a against b: faster, slower, equivalent, cannot tell apart"),
    Column(name="ratio", type=_FLOAT, note="latency of a over that of b"),
    Column(name="low", type=_FLOAT, note="95 % interval of the ratio, of this pair alone"),
    Column(name="high", type=_FLOAT, note="95 % interval of the ratio, of this pair alone"),
    Column(name="p", type=_FLOAT, note="corrected for all pairs of the group (Holm)"),
    Column(name="unit", type=TEXT, note="what was replicated: block or board"),
    Column(name="units", type=_INT, note="how many blocks or boards both have"),
    Column(name="margin", type=_FLOAT, note="smallest difference that counts, as a share"),
    Column(name="detectable", type=_FLOAT, note="smallest ratio told apart in four of five such experiments"),
    Column(name="coverage", type=_FLOAT, note="of a nominal 95 %, where blocks were added until intervals were narrow"),
)
TABLES = {
    "runs": RUN_COLUMNS,
    "inferences": INFERENCE_COLUMNS,
    "telemetry": TELEMETRY_COLUMNS,
    "devices": DEVICE_COLUMNS,
    "variants": VARIANT_COLUMNS,
    "scores": SCORE_COLUMNS,
    "windows": WINDOW_COLUMNS,
    "comparisons": COMPARISON_COLUMNS,
}
