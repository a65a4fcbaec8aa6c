"""What a simulated board goes through, as data: its specimen, its room, and what is done to it when.

A scenario is JSON of these classes, unknown names refused:

    {"seed": 7, "room_c": 22, "steps": [{"at_s": 600, "over_s": 300, "conditions": {"room_c": 27}}]}

What is done to one board alone stands under its name, in place of the steps that all have:

    {"boards": {"pi4-bare-2": {"steps": [{"at_s": 300, "conditions": {"is_under_voltage": true}}, {"at_s": 310}]}}}
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from agent.wire.codec import WireError, loads, require
from orchestrator.errors import SpecError
from orchestrator.simulator.conditions import Conditions
from orchestrator.simulator.scaled_time import HIGHEST_SCALE

_ROOM_C = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From `at_s` on, counted from when the board was first switched on, it lives under these conditions.

    Its room gets there evenly within `over_s`; a room that a step does not name stays as it is.
    """

    at_s: float
    over_s: float = 0.0
    conditions: Conditions = field(default_factory=Conditions)

    def __post_init__(self) -> None:
        require(self.at_s >= 0, "at_s", "0 or more", self.at_s)
        require(self.over_s >= 0, "over_s", "0 or more", self.over_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCourse:
    """What one board of several goes through in place of what all do: the room and the steps that it has of its own."""

    room_c: float | None = None
    steps: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        _require_order(self.steps)
        Conditions(room_c=self.room_c)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`seed` picks the specimens and their noise, by default the boards' names alone do. `steps` are in order of time.

    `time_scale`: so many times faster than the host's clock, on boards whose inference is pretended. `boards` have
    courses of their own, by name.
    """

    seed: int | None = None
    room_c: float | None = None
    time_scale: float = 1.0
    steps: tuple[Step, ...] = ()
    boards: Mapping[str, OwnCourse] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(1 <= self.time_scale <= HIGHEST_SCALE, "time_scale", f"1..{HIGHEST_SCALE:g}", self.time_scale)
        _require_order(self.steps)
        Conditions(room_c=self.room_c)

    def of(self, board: str) -> Self:
        """What the board of that name goes through."""
        own = self.boards.get(board, OwnCourse())
        room_c = self.room_c if own.room_c is None else own.room_c
        return replace(self, room_c=room_c, steps=own.steps or self.steps, boards={})

    def at(self, since_s: float) -> Conditions:
        """What a board lives under, so many seconds after it was first switched on."""
        now = Conditions(room_c=self.room_c)
        for step in self.steps:
            if since_s < step.at_s:
                break
            now = replace(step.conditions, room_c=_room_c(now.room_c, step, since_s))
        return now


def read_scenario(file: Path) -> Scenario:
    """The scenario in a file; raises `SpecError` that names the file and the field."""
    try:
        return loads(Scenario, file.read_bytes())
    except (OSError, WireError) as error:
        raise SpecError(f"--scenario: {file}: {error}") from error


def _room_c(before_c: float | None, step: Step, since_s: float) -> float | None:
    to_c = step.conditions.room_c
    if to_c is None or since_s >= step.at_s + step.over_s:
        return before_c if to_c is None else to_c
    from_c = _ROOM_C if before_c is None else before_c
    return from_c + (to_c - from_c) * (since_s - step.at_s) / step.over_s


def _require_order(steps: Sequence[Step]) -> None:
    times_s = [step.at_s for step in steps]
    require(times_s == sorted(times_s), "steps", "in order of at_s", times_s)
