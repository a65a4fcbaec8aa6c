"""Rings for attendants, so that what was just queued or resumed need not wait for the next tick."""

from orchestrator import queue
from orchestrator.attending import leases
from orchestrator.broker import is_answering
from orchestrator.farm import Farm


def ring(farm: Farm) -> None:
    """Wake the attendants of all devices that are due, if a broker answers; otherwise the next tick does it."""
    if is_answering(farm.settings):
        queue.wake(queue.make_app(farm.settings), leases.claim_due(farm.database))
