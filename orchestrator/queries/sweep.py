"""What a sweep says of latency and temperature: its account, and the slots of its figure.

One analysis for every surface, made from the raw data whenever it is asked for; docs/thermal.md says what each figure
means.
"""

from collections.abc import Callable
from typing import TypeVar

from agent.wire.codec import WireError
from agent.wire.spec import Regime
from orchestrator.analysis.facts import RunFacts
from orchestrator.analysis.thermal.frame import Refusal
from orchestrator.analysis.thermal.sweep import Slots, Sweep, slots_of, sweep_of

T = TypeVar("T")


def sweep_view(facts: RunFacts) -> Sweep | None:
    """The account of a sweep; None for another run, and for one that brought too little."""
    return _or_none(facts, sweep_of)


def sweep_slots(facts: RunFacts) -> Slots | None:
    """Its slots, in order; None likewise."""
    return _or_none(facts, slots_of)


def _or_none(facts: RunFacts, ask: Callable[[RunFacts], T]) -> T | None:
    if facts.protocol.regime is not Regime.SWEEP:
        return None
    try:
        return ask(facts)
    except (Refusal, WireError):
        return None
