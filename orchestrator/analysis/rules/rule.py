"""What a rule is, and what its alarm says."""

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent.wire.spec import Regime
from orchestrator.analysis.facts import RunFacts

Figure = float | str


class Severity(enum.Enum):
    """What a finding does to a verdict; a note does nothing."""

    NOTE = "note"
    SUSPECT = "suspect"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule's alarm. What is left None is taken from the rule."""

    figure: Figure
    threshold: Figure | None = None
    unit: str | None = None
    severity: Severity | None = None


Check = Callable[[RunFacts, float], Iterable[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: its code, what its alarm does, the figure that it tolerates, and what to do about an alarm.

    `check` gets the facts and the threshold; the unit follows the figure in a sentence.
    """

    code: str
    severity: Severity
    threshold: float
    unit: str
    advice: str
    check: Check
    regimes: frozenset[Regime] = frozenset(Regime)
