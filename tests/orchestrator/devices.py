"""Devices as pages see them, for tests of what is said of them."""

from typing import Any

from orchestrator.attending.lifecycle import DeviceState
from orchestrator.queries.rows import DeviceView


def make_device_view(**changes: Any) -> DeviceView:
    """An idle board, but for the changes."""
    figures: dict[str, Any] = {
        "name": "pi5-1", "address": None, "fingerprint": None, "board": "Raspberry Pi 5", "board_type": "pi5",
        "simulated": False, "labels": {}, "state": DeviceState.READY, "state_reason": "", "doing": None,
        "doing_run": None, "doing_study": None, "phase": None, "waiting_for": "", "ready_in_s": None, "queued": 0,
        "last_seen_age_s": None, "last_temperature_c": None, "faults_in_row": 0,
        "facts": {}, "absent": (), "runtimes": {}, "unsupported": {},
    }  # fmt: skip
    return DeviceView(**(figures | changes))
