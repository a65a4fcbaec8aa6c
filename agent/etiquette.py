"""The agent's side of the quiet window's etiquette: it waits until those who speak to the board know when to come back.

`contact` is the other side. Each round, that is each time that the run is READY, somebody picks up how long the board
wants quiet, and comes back when that is over. A run that goes back to its gate early, because the board was busy or
because heat ended a window, waits for that visit first: else it would fall into the next quiet window.
"""

import time
from collections.abc import Callable
from pathlib import Path

from agent import contact
from agent.processes import ProcessId, is_alive

_POLL_S = 0.03
_VISIT_POLL_S = 0.5
_PATIENCE_S = 30.0
_SETTLE_S = 0.05


class Etiquette:
    """Waits, and remembers what was promised.

    Lifecycle: one per attempt, `idle` being the agent's way to let seconds pass; `wait_for_quiet` at every READY,
    `wait_for_visit` before every further gate.
    """

    def __init__(self, folder: Path, agent: ProcessId, idle: Callable[[float], None]) -> None:
        self._folder, self._agent, self._idle = folder, agent, idle
        self._visit_ns: int | None = None

    def wait_for_quiet(self, note_round: int, back_in_s: float) -> None:
        """Wait until somebody has picked up this round and is gone; who did comes again after `back_in_s`."""
        since_ns = time.monotonic_ns()
        while not self._may_begin(note_round, since_ns):
            self._idle(_POLL_S)
        took = contact.read_pick_up(self._folder, note_round)
        is_expected = took is not None and took.by != self._agent
        self._visit_ns = took.at_ns + int(back_in_s * 1e9) if took is not None and is_expected else None
        self._idle(_SETTLE_S)

    @property
    def is_visit_due(self) -> bool:
        """Whether somebody was told to come later than now."""
        return self._visit_ns is not None and time.monotonic_ns() < self._visit_ns

    def wait_for_visit(self, gate_s: float) -> None:
        """Wait until whoever was told to come back has come, or is late; not for what the gate lasts at least."""
        if self._visit_ns is None:
            return
        promised_ns = contact.promised_until_ns(self._folder)
        comes_ns = self._visit_ns - int(gate_s * 1e9)
        self._idle(max(0.0, (comes_ns - time.monotonic_ns()) / 1e9))
        gives_up_ns = comes_ns + int(contact.GRACE_S * 1e9)
        while time.monotonic_ns() < gives_up_ns and contact.promised_until_ns(self._folder) == promised_ns:
            self._idle(_VISIT_POLL_S)

    def _may_begin(self, note_round: int, since_ns: int) -> bool:
        took = contact.read_pick_up(self._folder, note_round)
        if took is not None:
            patience_ns = int(_PATIENCE_S * 1e9)
            return not is_alive(took.by) or time.monotonic_ns() - took.at_ns > patience_ns
        expected_ns = max(contact.promised_until_ns(self._folder) or 0, since_ns)
        if time.monotonic_ns() < expected_ns + int(contact.GRACE_S * 1e9):
            return False
        return contact.pick_up(self._folder, note_round).by == self._agent
