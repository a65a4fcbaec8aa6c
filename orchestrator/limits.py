"""What a run may use on its board before the agent ends it: time from the protocol, memory from the board. Pure."""

from agent.wire.spec import Limits, Protocol

LOAD_S = 900.0
SLACK_S = 300.0
WARM_UPS = 4  # a busy board goes back to its gate three times


def limits_for(protocol: Protocol, memory_bytes: int | None, memory_share: float) -> Limits:
    """The limits of a run: the longest load, idling, warm-ups and window that the protocol allows, and a memory share.

    Each further segment has a warm-up of its own; the window's time is that of all of them together.
    Without a known memory there is no limit but the kernel's own.
    """
    warm_ups = WARM_UPS + protocol.window.segments - 1
    before_s = protocol.recorded_idle_s + protocol.warm_up.max_s
    return Limits(
        wall_s=LOAD_S + warm_ups * before_s + protocol.window.max_s + SLACK_S,
        rss_bytes=None if memory_bytes is None else max(int(memory_bytes * memory_share), 1),
    )
