"""Hand-made answers of the read door, for tests of what is shown: each with sound defaults, changed by keyword."""

from typing import Any

import numpy as np

from orchestrator.attending.lifecycle import AttemptState, DeviceState, RunState, StudyState, Verdict
from orchestrator.queries.leaderboard_rows import Group, LeaderboardRow
from orchestrator.queries.rows import AttemptView, DeviceView, RunSeries, RunView, StudyView

PERIOD_S = 0.25


def make_group(**changes: Any) -> Group:
    """A group of measured burst runs on a Pi 5."""
    facts: dict[str, Any] = {
        "model": "yolov9-c",
        "board_type": "pi5",
        "regime": "burst",
        "protocol": "standard",
        "input_shape": "1x3x640x640",
        "source": "measured",
    }
    return Group(**{**facts, **changes})


def make_row(group: Group | None = None, **changes: Any) -> LeaderboardRow:
    """The fastest of a group: 12.3 ms over five valid runs, 1.42 times the baseline's speed."""
    own = group or make_group()
    facts: dict[str, Any] = {
        "rank": 1,
        "tied_with": (),
        "provisional": False,
        "model": own.model,
        "variant": "int8@onnxruntime,t4",
        "format": "onnx",
        "runtime": "onnxruntime",
        "runtime_version": "1.32.0",
        "threads": 4,
        "devices": ("pi5-1",),
        "board": "Raspberry Pi 5 Model B Rev 1.0",
        "simulated": own.source == "simulated",
        "regime": own.regime,
        "protocol": own.protocol,
        "runs": 5,
        "samples": 1200,
        "median_ms": 12.34,
        "ci_low_ms": 11.9,
        "ci_high_ms": 12.8,
        "p90_ms": 13.1,
        "p99_ms": None,
        "first_ms": 30.0,
        "load_ms": 150.0,
        "throughput_per_s": 81.0,
        "speedup": 1.42,
        "speedup_ci": (1.38, 1.46),
        "metrics": {"mAP50": {"value": 0.68, "source": "declared"}},
        "size_bytes": 1_250_000,
        "peak_rss_bytes": 120_000_000,
        "energy_j": None,
        "verdicts": {"valid": 5, "suspect": 0, "invalid": 0},
        "pareto": True,
    }
    return LeaderboardRow(group=own, **{**facts, **changes})


def make_pair(group: Group | None = None) -> list[LeaderboardRow]:
    """A group of two: int8 ahead of the baseline fp32."""
    slower: dict[str, Any] = {
        "variant": "fp32@onnxruntime,t4",
        "rank": 2,
        "median_ms": 17.5,
        "ci_low_ms": 17.1,
        "ci_high_ms": 17.9,
        "p90_ms": 18.0,
        "speedup": 1.0,
        "speedup_ci": None,
    }
    return [make_row(group), make_row(group, **slower)]


def make_attempt(**changes: Any) -> AttemptView:
    """An attempt that ended and counts."""
    facts: dict[str, Any] = {
        "number": 1,
        "state": AttemptState.ENDED,
        "counted": True,
        "code": "",
        "message": "",
        "opened_at_s": 1_790_000_000.0,
        "closed_at_s": 1_790_000_090.0,
        "phases": {"gate": 0.0, "load": 4.0, "warm_up": 10.0, "window": 12.0, "end": 60.0},
        "environment": {"kernel": "6.12", "governor": "performance"},
        "sources": {"temperature_c": "thermal_zone0"},
        "absent": ("fan_rpm",),
        "gate": {},
        "loaded": {},
    }
    return AttemptView(**{**facts, **changes})


def make_run(**changes: Any) -> RunView:
    """A valid run on a Pi 5."""
    facts: dict[str, Any] = {
        "run": "0123456789ab",
        "study": 1,
        "model": "yolov9-c",
        "variant": "int8@onnxruntime,t4",
        "device": "pi5-1",
        "board": "Raspberry Pi 5 Model B Rev 1.0",
        "board_type": "pi5",
        "simulated": False,
        "protocol": "standard",
        "regime": "burst",
        "block": 0,
        "position": 1,
        "state": RunState.DONE,
        "code": "",
        "message": "",
        "verdict": Verdict.VALID,
        "reasons": (),
        "attempts": (make_attempt(),),
        "started_at_s": 1_790_000_000.0,
        "ended_at_s": 1_790_000_090.0,
        "samples": 40,
        "median_ms": 12.34,
        "p90_ms": 13.1,
        "p99_ms": None,
        "first_ms": 30.0,
        "load_ms": 150.0,
        "peak_rss_bytes": 120_000_000,
        "start_c": 52.5,
        "max_c": 61.0,
        "previous": None,
        "next": None,
    }
    return RunView(**{**facts, **changes})


def make_device(**changes: Any) -> DeviceView:
    """A Pi 5 that waits for work."""
    facts: dict[str, Any] = {
        "name": "pi5-1",
        "address": "pi@pi5-1.lan",
        "fingerprint": None,
        "board": "Raspberry Pi 5 Model B Rev 1.0",
        "board_type": "pi5",
        "simulated": False,
        "labels": {},
        "state": DeviceState.READY,
        "state_reason": "",
        "doing": None,
        "doing_run": None,
        "doing_study": None,
        "phase": None,
        "waiting_for": "",
        "ready_in_s": None,
        "queued": 0,
        "last_seen_age_s": 1.0,
        "last_temperature_c": 52.5,
        "faults_in_row": 0,
        "facts": {"kernel": "6.12"},
        "absent": (),
        "runtimes": {"onnxruntime": "1.32.0"},
        "unsupported": {},
    }
    return DeviceView(**{**facts, **changes})


def make_study(**changes: Any) -> StudyView:
    """A finished study of two variants on one device."""
    facts: dict[str, Any] = {
        "study": 1,
        "model": "yolov9-c",
        "protocol": "standard",
        "regime": "burst",
        "blocks": 3,
        "seed": 7,
        "priority": 0,
        "state": StudyState.DONE,
        "created_at_s": 1_790_000_000.0,
        "ended_at_s": 1_790_000_600.0,
        "devices": ("pi5-1",),
        "variants": ("fp32@onnxruntime,t4", "int8@onnxruntime,t4"),
        "counts": {"queued": 0, "staging": 0, "running": 0, "done": 6, "failed": 0, "cancelled": 0},
        "eta_s": None,
        "simulated": False,
    }
    return StudyView(**{**facts, **changes})


def make_series(warm_up: int = 3, counted: int = 40, **telemetry: Any) -> RunSeries:
    """Inferences of about 12 ms from second 10 on, and telemetry of a cool board; a column given as None is absent."""
    number = warm_up + counted
    latency_ms = 12.0 + np.linspace(0.0, 1.0, number)
    latency_ms[:warm_up] *= 3
    start_s = 10.0 + np.concatenate(([0.0], np.cumsum(latency_ms / 1000)[:-1])) if number else np.empty(0)
    at_s = np.arange(0.0, 12.0, PERIOD_S)
    columns: dict[str, Any] = {
        "temperature_c": 52.5,
        "clock_hz": 2.4e9,
        "requested_hz": 2.4e9,
        "throttled": 0.0,
        "memory_available_bytes": 3e9,
        "rss_bytes": 1.2e8,
        "foreign_cpu": 0.004,
        "fan_rpm": None,
        "power_w": None,
    }
    filled = {
        name: np.full(len(at_s), np.nan) if value is None else np.broadcast_to(np.asarray(value, float), at_s.shape)
        for name, value in {**columns, **telemetry}.items()
    }
    return RunSeries(
        start_s=start_s,
        latency_ms=latency_ms,
        is_counted=np.arange(number) >= warm_up,
        telemetry={"at_s": at_s, **filled},
    )
