"""What the kernel knows of throttle bits is what its driver saw in the last two seconds."""

from orchestrator.simulator.thermal import UNDER_VOLTAGE
from orchestrator.simulator.throttle_poll import POLL_S, ThrottlePoll


def test_a_moment_between_two_questions_is_told_once_and_then_forgotten() -> None:
    poll = ThrottlePoll()
    poll.look(0, 100.0)
    poll.note(UNDER_VOLTAGE)
    poll.look(0, 100.5)
    assert poll.shown == 0, "it has not asked again"
    poll.look(0, 100.0 + POLL_S)
    assert poll.shown == UNDER_VOLTAGE << 16
    poll.look(UNDER_VOLTAGE, 100.0 + 2 * POLL_S)
    assert poll.shown == UNDER_VOLTAGE | UNDER_VOLTAGE << 16
    poll.look(0, 100.0 + 3 * POLL_S)
    assert poll.shown == 0
