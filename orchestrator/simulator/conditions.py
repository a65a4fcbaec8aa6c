"""What is done to a simulated board from outside: its room, supply, cap, fan, thermometer, and who else uses it.

Facts; `BoardBody` lives under them from its next tick on.
"""

from dataclasses import dataclass

from agent.wire.codec import require
from orchestrator.simulator.boards import CORES

COLDEST_ROOM_C, HOTTEST_ROOM_C = -20.0, 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The world around a board.

    `room_c` is the room's temperature, by default a slow swing around 25 C. `cap_hz` is what the firmware lets pass
    without a bit that says so. `has_thermometer`: a 1-wire sensor beside the board shows the room. `busy_cores` are
    used by somebody else: real processes of the host, which warm the board too; where time is scaled, its agent meters
    them by the host's clock, and sees less of them than there is.
    """

    room_c: float | None = None
    is_under_voltage: bool = False
    cap_hz: float | None = None
    is_fan_stopped: bool = False
    has_thermometer: bool = False
    busy_cores: int = 0

    def __post_init__(self) -> None:
        is_a_room = self.room_c is None or COLDEST_ROOM_C <= self.room_c <= HOTTEST_ROOM_C
        require(is_a_room, "room_c", f"{COLDEST_ROOM_C:g}..{HOTTEST_ROOM_C:g} C", self.room_c)
        require(self.cap_hz is None or self.cap_hz > 0, "cap_hz", "more than 0", self.cap_hz)
        require(0 <= self.busy_cores <= CORES, "busy_cores", f"0..{CORES}", self.busy_cores)
