"""What a fault gives when it was done, and the choice of what it is done to."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A fault that has begun; `undo` is to be called after `lasts_s`."""

    text: str
    lasts_s: float = 0.0
    undo: Callable[[], None] | None = None


def chosen(things: list[T], rng: random.Random) -> T | None:
    """One of them, None where there is none."""
    return rng.choice(things) if things else None
