"""A simulated fan between the two that set it: the kernel's governor at each trip point, and whoever writes its files.

As with the kernel's pwm-fan under step_wise, what somebody writes holds until the die crosses the next trip point.
"""

from orchestrator.simulator.thermal import FAN_TRIPS_C

FAN_PWM = (0, 75, 125, 175, 250)
FAN_FULL_RPM = 8000
MOST_PWM = 255
assert len(FAN_PWM) == len(FAN_TRIPS_C) + 1


class FanDrive:
    """How fast a fan is told to turn: `pwm`, 0..255."""

    def __init__(self) -> None:
        self.pwm = FAN_PWM[0]
        self._governed = 0

    @property
    def level(self) -> int:
        """The cooling state (0..4) that this speed is reckoned to: the highest whose own speed it reaches."""
        return max(level for level, pwm in enumerate(FAN_PWM) if self.pwm >= pwm)

    @property
    def rpm(self) -> int:
        """What it turns at, where nothing holds it."""
        return FAN_FULL_RPM * min(self.pwm, FAN_PWM[-1]) // FAN_PWM[-1]

    def govern(self, level: int) -> None:
        """The governor wants this state; it writes only where that is another one than before."""
        if level != self._governed:
            self._governed, self.pwm = level, FAN_PWM[level]

    def write(self, pwm: int) -> None:
        """Somebody has written a speed."""
        self.pwm = min(max(pwm, 0), MOST_PWM)
