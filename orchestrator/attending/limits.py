"""What a run may use on its board before the agent ends it: time from the protocol, memory from the board. Pure."""

from agent.wire.evaluation import Evaluation
from agent.wire.spec import Limits, Protocol

LOAD_S = 900.0
SLACK_S = 300.0
WARM_UPS = 4  # a busy board goes back to its gate three times
EXAMPLE_S = 30.0
LARGEST_JOURNAL_BYTES = 256 * 1024 * 1024
_EXAMPLE_BYTES, _DETECTION_BYTES = 512, 32  # of a journal: a name and its share of a line; six numbers in base64
_LEAST_JOURNAL_BYTES = 16 * 1024 * 1024  # of an evaluation: telemetry of days


def limits_for(
    protocol: Protocol, memory_bytes: int | None, memory_share: float, evaluation: Evaluation | None = None
) -> Limits:
    """The limits of a run: the longest load, idling, warm-ups and window that the protocol allows, and a memory share.

    Each further segment has a warm-up of its own; the window's time is that of all of them together. An evaluation has
    `EXAMPLE_S` for each example instead, and room for as many detections as its task leaves of each.
    Without a known memory there is no limit but the kernel's own.
    """
    rss_bytes = None if memory_bytes is None else max(int(memory_bytes * memory_share), 1)
    if evaluation is not None:
        wall_s = LOAD_S + EXAMPLE_S * len(evaluation.examples) + SLACK_S
        return Limits(wall_s=wall_s, rss_bytes=rss_bytes, journal_bytes=_journal_bytes(evaluation))
    warm_ups = WARM_UPS + protocol.window.segments - 1
    before_s = protocol.recorded_idle_s + protocol.warm_up.max_s
    return Limits(
        wall_s=LOAD_S + warm_ups * before_s + protocol.window.max_s + SLACK_S,
        rss_bytes=rss_bytes,
    )


def _journal_bytes(evaluation: Evaluation) -> int:
    detection = None if evaluation.task is None else evaluation.task.detection
    each = _EXAMPLE_BYTES + _DETECTION_BYTES * (0 if detection is None else detection.most)
    return min(max(each * len(evaluation.examples), _LEAST_JOURNAL_BYTES), LARGEST_JOURNAL_BYTES)
