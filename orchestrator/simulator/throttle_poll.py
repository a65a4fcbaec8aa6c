"""What a board's kernel knows of the throttle bits: its hwmon driver asks the firmware every 2 s, and no oftener.

Each time it has the firmware forget, for itself, what has been since it last asked. So what sysfs shows as 'occurred'
is of the last 2 s alone, where `vcgencmd get_throttled` remembers since the boot (raspberrypi/linux,
drivers/hwmon/raspberrypi-hwmon.c and drivers/firmware/raspberrypi.c).
"""

from orchestrator.simulator.thermal import STICKY_SHIFT

POLL_S = 2.0


class ThrottlePoll:
    """The driver of one boot; `shown` is its newest answer, live bits and those that were live since the one before."""

    def __init__(self) -> None:
        self.shown = 0
        self._seen = 0
        self._next_s = 0.0

    def note(self, live: int) -> None:
        """These bits are live, or were for a moment."""
        self._seen |= live

    def look(self, live: int, at_s: float) -> None:
        """The bits that are live at a time of the board; it asks where its time has come."""
        self.note(live)
        if at_s >= self._next_s:
            self.shown = live | self._seen << STICKY_SHIFT
            self._seen, self._next_s = 0, at_s + POLL_S
