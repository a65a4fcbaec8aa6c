"""The control chart of canaries: what is a change, and what is not."""

import math

import numpy as np
import pytest

from orchestrator.analysis.control import BASELINE, NEAREST, STRIKES, Chart, control_limits, follow

STEADY = [10.0, 10.1, 9.9, 10.05, 9.95, 10.02, 9.98, 10.0]


def chart(*medians: float, unclear: tuple[int, ...] = ()) -> Chart:
    return follow((median, index not in unclear) for index, median in enumerate(medians))


def test_before_the_first_canary_there_are_no_limits() -> None:
    assert chart().limits is None and chart().strikes == 0
    assert chart(10.0).judged[0].is_in_control


def test_with_few_canaries_only_a_great_change_is_one() -> None:
    limits = chart(10.0, 10.1).limits
    assert limits is not None and limits.count == 2
    assert limits.holds(11.4) and not limits.holds(11.6) and not limits.holds(8.6)


def test_the_limits_are_of_the_first_canaries_and_stay() -> None:
    first = [*STEADY, *STEADY, *STEADY[:4]]
    limits = chart(*first).limits
    assert limits is not None and limits.count == BASELINE
    assert chart(*first, *[10.3] * 50).limits == limits
    assert limits.center == pytest.approx(10.0, rel=1e-3)


def test_the_scatter_is_that_of_neighbours_and_never_narrower_than_the_least() -> None:
    wide = control_limits([10.0 * (1 + 0.03 * (-1) ** index) for index in range(BASELINE)])
    assert math.log(wide.high / wide.center) == pytest.approx(4 * 0.06 / 1.128, rel=0.02)
    narrow = control_limits([10.0] * BASELINE)
    assert narrow.high / narrow.center == pytest.approx(1 + NEAREST)


def test_one_canary_beyond_the_limits_is_no_change_and_the_second_in_a_row_is() -> None:
    assert not chart(*STEADY, 12.0).is_changed
    assert not chart(*STEADY, 12.0, 10.0, 12.0).is_changed
    assert chart(*STEADY, *[12.0] * STRIKES).is_changed
    assert chart(*STEADY, *[8.0] * STRIKES).is_changed, "a board that became faster is another board, too"


def test_what_was_disturbed_is_neither_alarm_nor_baseline() -> None:
    disturbed = chart(10.0, 10.1, 14.0, 14.0, unclear=(2, 3))
    assert disturbed.strikes == 0
    assert disturbed.limits == chart(10.0, 10.1).limits
    assert chart(*STEADY, 12.0, 14.0, 12.0, unclear=(9,)).is_changed, "what lies between two alarms does not part them"


def test_what_was_beyond_the_limits_does_not_widen_them() -> None:
    assert chart(10.0, 10.1, 20.0, 10.0).limits == chart(10.0, 10.1, 10.0).limits


def test_a_steady_device_is_left_alone_and_a_slower_one_is_found() -> None:
    """Twenty devices of a hundred canaries each, whose runs scatter by 1 %; then 10 % slower."""
    rng = np.random.default_rng(5)
    medians = 10.0 * rng.lognormal(0.0, 0.01, (20, 100))
    assert not any(follow((value, True) for value in own).is_changed for own in medians)
    slower = [[*own[:20], *(1.10 * own[20:22])] for own in medians]
    assert all(follow((value, True) for value in own).is_changed for own in slower)
