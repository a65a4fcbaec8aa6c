"""What the farm knows of the room around a board, and from whom. Pure.

A thermometer beside the board measures. What somebody typed in, and a label such as ``ambient=23``, is a statement: one
constant figure, as good as whoever made it, and never taken for a measurement. A measurement goes before a statement,
and a reading that was typed in before a label.
"""

import enum
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orchestrator.errors import SpecError
from orchestrator.text import numbers_text

LABEL = "ambient"
COLDEST_C, HOTTEST_C = -40.0, 85.0
VALID_HOURS = 12.0  # of a reading typed in: the room of tomorrow is another one


class AmbientSource(enum.Enum):
    """Who says how warm the room is."""

    SENSOR = "sensor"
    TYPED = "typed"
    LABEL = "label"


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A reading of the room, typed in at `at_s`; it holds until `until_s`, None: as long as what it was typed in for.

    Raises `SpecError` for what is no room's temperature.
    """

    celsius: float
    at_s: float
    until_s: float | None = None

    def __post_init__(self) -> None:
        require_room("ambient", self.celsius)

    def holds_at(self, now_s: float) -> bool:
        """Whether it still says something about the room."""
        return self.until_s is None or now_s <= self.until_s


_WORDS = {
    AmbientSource.SENSOR: "by a thermometer",
    AmbientSource.TYPED: "typed in",
    AmbientSource.LABEL: "by the device's label",
}


def stated_room(
    typed: Iterable[Typed], labels: Mapping[str, str], now_s: float
) -> tuple[float, AmbientSource] | tuple[None, None]:
    """The room as somebody has stated it: by the newest reading that still holds, else by the label."""
    newest = max((each for each in typed if each.holds_at(now_s)), key=lambda each: each.at_s, default=None)
    if newest is not None:
        return newest.celsius, AmbientSource.TYPED
    labelled_c = _number(labels.get(LABEL, ""))
    return (None, None) if labelled_c is None else (labelled_c, AmbientSource.LABEL)


def in_words(celsius: float | None, source: AmbientSource | None) -> str:
    """`23.5 °C, typed in`: a room's temperature never goes without who said it."""
    return "not known" if celsius is None or source is None else f"{numbers_text.celsius(celsius)}, {_WORDS[source]}"


def require_room(field: str, celsius: float) -> float:
    """The temperature, if a room can have it; raises `SpecError`."""
    if not COLDEST_C <= celsius <= HOTTEST_C:
        raise SpecError(f"{field}: expected degrees Celsius of a room, {COLDEST_C:g}..{HOTTEST_C:g}, got {celsius:g}")
    return celsius


def require_sound_label(labels: Mapping[str, str]) -> None:
    """Nothing, unless the label of the room says no temperature; raises `SpecError`."""
    text = labels.get(LABEL)
    if text is not None and _number(text) is None:
        raise SpecError(f"label {LABEL}: expected degrees Celsius of a room, as in {LABEL}=23, got {text!r}")


def _number(text: str) -> float | None:
    try:
        celsius = float(text)
    except ValueError:
        return None
    return celsius if math.isfinite(celsius) and COLDEST_C <= celsius <= HOTTEST_C else None
