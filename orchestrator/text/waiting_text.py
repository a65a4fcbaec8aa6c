"""What a board waits for at its gate, and a study for a person, in words, the same on every page. Pure."""

from collections.abc import Sequence

from orchestrator.attending.lifecycle import DeviceState
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


def stuck(devices: Sequence[DeviceView]) -> str:
    """Why a study on these devices cannot go on before somebody acts: all that is left waits for sick ones.

    Nothing where any of them works or may be given work, and for drained ones: who drained them is there.
    """
    waiting = [device for device in devices if device.doing or device.queued]
    if not waiting or any(device.doing or device.state is not DeviceState.SICK for device in waiting):
        return ""
    causes = "; ".join(f"{device.name} is sick: {device.state_reason}" for device in waiting)
    return f"{causes}; then: " + ", ".join(f"pifarm device resume {device.name}" for device in waiting)


def about(left_s: float) -> str:
    """`about 3 min`, `about 40 s`: a forecast is not told more exactly than it is known."""
    if left_s > _DAY_S:
        return "more than a day"
    if left_s < _MINUTE_S:
        return f"about {max(1, round(left_s / _STEP_S)) * _STEP_S:.0f} s"
    return f"about {round(left_s / _MINUTE_S)} min"
