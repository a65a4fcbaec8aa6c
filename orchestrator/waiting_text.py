"""What a board waits for at its gate, in words, the same on every page. Pure."""

from orchestrator.queries.rows import DeviceView

_MINUTE_S = 60.0
_STEP_S = 10.0
_DAY_S = 86_400.0


def at_the_gate(device: DeviceView) -> str:
    """`waits at the gate: temperature 61.2 C, wanted 54.0 +- 2.0 C; about 3 min`; nothing for a board that does not."""
    if not device.doing or device.phase != "gate" or not device.waiting_for:
        return ""
    left = "" if device.ready_in_s is None else f"; {about(device.ready_in_s)}"
    return f"waits at the gate: {device.waiting_for}{left}"


def about(left_s: float) -> str:
    """`about 3 min`, `about 40 s`: a forecast is not told more exactly than it is known."""
    if left_s > _DAY_S:
        return "more than a day"
    if left_s < _MINUTE_S:
        return f"about {max(1, round(left_s / _STEP_S)) * _STEP_S:.0f} s"
    return f"about {round(left_s / _MINUTE_S)} min"
