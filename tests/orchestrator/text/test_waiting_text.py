"""What a board waits for at its gate, in words."""

import pytest

from orchestrator.attending.lifecycle import DeviceState
from orchestrator.queries.rows import DeviceView
from orchestrator.text.waiting_text import about, at_the_gate, stuck
from tests.orchestrator.devices import make_device_view


def device(**changes: object) -> DeviceView:
    """A board that waits at its gate."""
    return make_device_view(doing="m/fp32", phase="gate", waiting_for="too warm", **changes)


def test_a_wait_is_told_with_what_is_left_of_it() -> None:
    assert at_the_gate(device(ready_in_s=170.0)) == "waits at the gate: too warm; about 3 min"


def test_a_wait_that_nobody_can_foresee_is_told_without_a_time() -> None:
    assert at_the_gate(device()) == "waits at the gate: too warm"


@pytest.mark.parametrize("change", [{"doing": None}, {"phase": "window"}, {"waiting_for": ""}])
def test_a_board_that_is_not_at_a_gate_waits_for_nothing(change: dict[str, object]) -> None:
    waiting: dict[str, object] = {"doing": "m/fp32", "phase": "gate", "waiting_for": "too warm"}
    assert at_the_gate(make_device_view(**{**waiting, **change})) == ""


@pytest.mark.parametrize(
    ("left_s", "text"),
    [
        (0.0, "about 10 s"),
        (44.0, "about 40 s"),
        (100.0, "about 2 min"),
        (1500.0, "about 25 min"),
        (1e300, "more than a day"),
    ],
)
def test_a_time_is_told_no_more_exactly_than_it_is_known(left_s: float, text: str) -> None:
    assert about(left_s) == text


def sick(name: str = "pi4-1", **changes: object) -> DeviceView:
    """A board that is out of service, with work in its queue."""
    return make_device_view(name=name, state=DeviceState.SICK, state_reason="canary slow", queued=2, **changes)


def test_a_study_that_waits_for_sick_boards_alone_says_why_and_what_to_do() -> None:
    assert stuck([make_device_view(), sick()]) == "pi4-1 is sick: canary slow; then: pifarm device resume pi4-1"


@pytest.mark.parametrize(
    "other",
    [
        make_device_view(queued=1),
        make_device_view(doing="m/fp32"),
        make_device_view(state=DeviceState.DRAINED, queued=1),
    ],
)
def test_a_study_that_goes_on_elsewhere_or_by_whom_has_drained_its_board_is_not_stuck(other: DeviceView) -> None:
    assert stuck([sick(), other]) == ""


def test_a_sick_board_that_still_works_or_has_nothing_to_do_holds_nobody_up() -> None:
    assert stuck([sick(doing="m/fp32")]) == ""
    assert stuck([make_device_view(state=DeviceState.SICK)]) == ""
