"""What a board waits for at its gate, in words."""

import pytest

from orchestrator.queries.rows import DeviceView
from orchestrator.waiting_text import about, at_the_gate
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
