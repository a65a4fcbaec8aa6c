"""A simulated fan obeys whoever wrote last, as the kernel's does."""

import pytest

from orchestrator.simulator.fan import FAN_PWM, FanDrive


def test_what_is_written_holds_until_the_die_crosses_a_trip_point() -> None:
    fan = FanDrive()
    fan.govern(2)
    assert (fan.pwm, fan.level, fan.rpm) == (125, 2, 4000)
    fan.write(0)
    fan.govern(2)
    assert (fan.pwm, fan.level, fan.rpm) == (0, 0, 0)
    fan.govern(3)
    assert fan.pwm == FAN_PWM[3]


@pytest.mark.parametrize(("pwm", "level"), [(0, 0), (74, 0), (75, 1), (200, 3), (255, 4)])
def test_a_speed_between_two_states_is_reckoned_to_the_lower(pwm: int, level: int) -> None:
    fan = FanDrive()
    fan.write(pwm)
    assert fan.level == level
