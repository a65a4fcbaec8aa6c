"""How well simulated boards keep to what was measured and published of real ones, and what one costs this machine.

The first part is computed: boards of the middle of their kind, without noise, in the model of
`orchestrator.simulator.thermal`. Of the two measured heating curves nobody wrote down the room, nor how long the board
had rested: both are fitted, nothing else is. The last part is measured.
"""

import argparse
import math
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil
from scipy import optimize

from benchmarks.command import run_command
from benchmarks.figure import Estimate, Figure, Target
from benchmarks.processes import cpu_s
from orchestrator.simulator import thermal
from orchestrator.simulator.boards import board_kind
from orchestrator.simulator.process import simulator_process
from orchestrator.simulator.thermal import Die, Silicon

Floats = npt.NDArray[np.float64]
STEP_S = 0.25
BETWEEN_S = 10.0
ROOM_C = 25.0
LONG_S = 3600.0
RMS_C, MOST_C = 1.0, 2.5
ONSET_SHARE, SETTLED_C, CLOCK_SHARE, CONSTANT_SHARE = 0.06, 0.6, 0.04, 0.01
# Pi 4B bare, stress -c 4 at 1500 MHz, every 10 s from rest on, whole degrees: pastebin 9zGtFR1e and zUbKrrLt.
CURVES = {
    "9zGtFR1e": "52 62 64 65 67 68 70 71 71 72 72 72 73 73 74 74 74 75 76 75 75 76 77 76 78 77 78",
    "zUbKrrLt": "52 62 64 67 68 68 70 71 71 72 73 73 74 73 75 74 74 75 76 75 75 76 76",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What a load at full requested clock is known to do to a board in a room of 25 C; None where nothing is known."""

    kind: str
    load_w: float
    onset_s: float | None = None
    settled_c: tuple[float, float] | None = None
    settled_hz: float | None = None
    constants_s: tuple[float, float] | None = None
    fan_level: int = 0
    onset_c: float = thermal.SOFT_LIMIT_C

    @property
    def silicon(self) -> Silicon:
        """The kind's silicon under this load."""
        return replace(board_kind(self.kind).silicon, load_w=self.load_w)


COURSES = (
    Course(
        kind="pi4-bare", load_w=6.4, onset_s=334, settled_c=(81.7, 81.7), settled_hz=1.2e9, constants_s=(13.0, 361.0)
    ),
    Course(kind="pi4-bare-1800", load_w=7.2, onset_s=175, settled_c=(81.7, 81.7), settled_hz=1.38e9),
    Course(kind="pi4-heatsink", load_w=6.4, settled_c=(79.0, 79.0), settled_hz=1.5e9, constants_s=(11.6, 318.0)),
    Course(kind="pi4-case", load_w=6.4, settled_c=(64.0, 70.0), settled_hz=1.5e9, constants_s=(16.8, 721.0)),
    Course(kind="pi4-fan", load_w=6.4, settled_c=(57.0, 57.0), settled_hz=1.5e9, constants_s=(10.3, 140.0)),
    Course(
        kind="pi5-bare", load_w=7.5, onset_s=235, settled_c=(82.4, 82.4), settled_hz=1.97e9, constants_s=(10.3, 366.0)
    ),
    Course(kind="pi5-bare", load_w=9.5, onset_s=72, settled_c=(84.2, 84.2), settled_hz=1.65e9),
    Course(kind="pi5-active-cooler", load_w=9.5, settled_c=(60.0, 72.0), settled_hz=2.4e9),
    Course(kind="pi5-case-fan", load_w=9.5, settled_c=(81.0, 81.0)),
    Course(kind="pi3b", load_w=3.9, onset_s=150, settled_c=(83.0, 83.0), settled_hz=0.83e9, constants_s=(8.6, 289.0)),
    Course(kind="pi3b-plus", load_w=5.1, onset_s=50, onset_c=60.0),
    Course(kind="zero2w", load_w=2.6, onset_s=280, settled_c=(81.0, 81.0), constants_s=(7.2, 151.0)),
)
# Pi 5 with a cooler, four minutes of load: room, watts at its input, die (sbc-bench Au3jaA, 1ULtUe, frdzAn).
COOLED = (("Au3jaA", 17.0, 7.0, 55.6), ("1ULtUe", 19.0, 6.9, 50.7), ("frdzAn", 19.0, 10.3, 66.1))
COOLED_S = 240.0


def measure(options: argparse.Namespace) -> list[Figure]:
    """Curves, courses, end points; then the cost."""
    figures = [figure for name, curve in CURVES.items() for figure in _curve(name, np.array(curve.split(), float))]
    figures += [figure for course in COURSES for figure in _course(course)]
    figures += [figure for end in COOLED for figure in _cooled(*end)]
    return [*figures, _cost(options.seconds)]


def heating(silicon: Silicon, room_c: float, start_c: float, samples: int) -> Floats:
    """Die temperature every 10 s of full load, from a board whose die had settled at `start_c`."""
    board_c = start_c - silicon.idle_w * silicon.junction_k_per_w
    die = replace(thermal.at_rest(silicon), junction_c=start_c, board_c=board_c, clock_hz=silicon.max_hz)
    seen = [start_c]
    while len(seen) < samples:
        die, _ = soak(silicon, die, room_c=room_c, seconds=BETWEEN_S)
        seen.append(die.junction_c)
    return np.array(seen)


def soak(
    silicon: Silicon, die: Die, *, room_c: float, seconds: float, onset_c: float = math.inf
) -> tuple[Die, float | None]:
    """The die after a full load, and when it first was at `onset_c`."""
    onset_s: float | None = None
    for step in range(1, round(seconds / STEP_S) + 1):
        die = thermal.advance(silicon, die, utilisation=1.0, requested_hz=silicon.max_hz, ambient_c=room_c, dt_s=STEP_S)
        if onset_s is None and die.junction_c >= onset_c:
            onset_s = step * STEP_S
    return die, onset_s


def fitted(silicon: Silicon, curve: Floats) -> tuple[float, float, Floats]:
    """Room and start that come nearest to a measured curve, and what is left between the two."""

    def rest(guess: Floats, /) -> Floats:
        left: Floats = heating(silicon, float(guess[0]), float(guess[1]), len(curve)) - curve
        return left

    found = optimize.least_squares(rest, np.array([ROOM_C, curve[0]]), diff_step=np.array([1e-3, 1e-3]))
    return float(found.x[0]), float(found.x[1]), rest(found.x)


def _curve(name: str, curve: Floats) -> Iterator[Figure]:
    room_c, start_c, rest = fitted(board_kind("pi4-bare").silicon, curve)
    what = f"pi4-bare against {name}"
    rms_c, most_c = float(np.sqrt(np.mean(rest**2))), float(np.abs(rest).max())
    yield Figure(what=f"{what}: rms", unit="K", ours=Estimate(center=rms_c), targets=(Target(at_most=RMS_C),))
    yield Figure(what=f"{what}: at most", unit="K", ours=Estimate(center=most_c), targets=(Target(at_most=MOST_C),))
    yield Figure(what=f"{what}: fitted room", unit="C", ours=Estimate(center=room_c))
    yield Figure(what=f"{what}: fitted start", unit="C", ours=Estimate(center=start_c))


def _course(course: Course) -> Iterator[Figure]:
    silicon, what = course.silicon, f"{course.kind}, {course.load_w:g} W"
    start = replace(thermal.at_rest(silicon), clock_hz=silicon.max_hz)
    die, onset_s = soak(silicon, start, room_c=ROOM_C, seconds=LONG_S, onset_c=course.onset_c)
    if course.onset_s is not None:
        yield _near(f"{what}: at {course.onset_c:g} C", "s", onset_s or math.inf, course.onset_s, ONSET_SHARE)
    if course.settled_c is not None:
        low_c, high_c = course.settled_c
        within = Target(at_least=low_c - SETTLED_C, at_most=high_c + SETTLED_C)
        told = Estimate(center=low_c) if low_c == high_c else None
        ours = Estimate(center=die.junction_c)
        yield Figure(what=f"{what}: settles", unit="C", ours=ours, reference=told, targets=(within,))
    if course.settled_hz is not None:
        yield _near(f"{what}: clock then", "MHz", die.clock_hz / 1e6, course.settled_hz / 1e6, CLOCK_SHARE)
    if course.constants_s is not None:
        own = thermal.time_constants(silicon, course.fan_level)
        for name, own_s, told_s in zip(("fast", "slow"), own, course.constants_s, strict=True):
            yield _near(f"{course.kind}: {name} constant", "s", own_s, told_s, CONSTANT_SHARE)


def _cooled(name: str, room_c: float, load_w: float, die_c: float) -> Iterator[Figure]:
    silicon = replace(board_kind("pi5-active-cooler").silicon, load_w=load_w)
    start = replace(thermal.at_rest(silicon, ambient_c=room_c), clock_hz=silicon.max_hz)
    die, _ = soak(silicon, start, room_c=room_c, seconds=COOLED_S)
    what = f"pi5-active-cooler, {load_w:g} W in a room of {room_c:g} C ({name}): after 4 min"
    yield _near(what, "C", die.junction_c, die_c, MOST_C / die_c)


def _near(what: str, unit: str, ours: float, told: float, share: float) -> Figure:
    within = Target(at_least=told * (1 - share), at_most=told * (1 + share))
    return Figure(what=what, unit=unit, ours=Estimate(center=ours), reference=Estimate(center=told), targets=(within,))


def _cost(seconds: float) -> Figure:
    """Processor seconds of the process that serves one resting board, a minute; its own start is not counted."""
    before = {child.pid for child in psutil.Process().children()}
    with (
        tempfile.TemporaryDirectory(prefix="pifarm-simulated-") as folder,
        simulator_process(Path(folder), ["pi5-active-cooler"], []),
    ):
        (simulator,) = (child for child in psutil.Process().children() if child.pid not in before)
        began_s, spent_s = time.monotonic(), cpu_s(simulator)
        time.sleep(seconds)
        spent_s, took_s = cpu_s(simulator) - spent_s, time.monotonic() - began_s
    return Figure(
        what="one board, its sensors renewed 4 times a second", unit="CPU s / min",
        ours=Estimate(center=60 * spent_s / took_s),
    )  # fmt: skip


if __name__ == "__main__":
    run_command("simulated_boards", "simulated boards against measured ones", measure, {"seconds": 20.0})
