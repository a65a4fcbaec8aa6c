"""The quiet window's etiquette between the agent and those who speak to it: `start` and `status`.

Outside the quiet window a contact leaves a promise of when the next one comes. At READY the agent publishes how long
it wants to be left alone; the first contact that sees this picks it up, and the warm-up begins when that contact's
process has ended (or, if nobody comes until the promised time and a little more, without it). A contact that comes
inside the quiet window is a signal to the agent, nothing on disk. Each gate passed opens a new `round`.
"""

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from agent.home import write_whole
from agent.processes import ProcessId, is_alive, myself, send
from agent.wire.answers import Progress
from agent.wire.codec import WireError, dumps, loads
from agent.wire.records import Phase

GATE_REPORT_S = 5.0
LOAD_REPORT_S = 2.0
END_REPORT_S = 0.3
GRACE_S = 3.0
_OVERDUE_S = 1.0
_OVERDUE_SHARE = 0.1
QUIET_CONTACT = signal.SIGUSR2
_STATE = "state.json"
_PROMISE = "promise.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateNote:
    """``state.json``: what the agent last published. `quiet_s` is given at READY: until the end of the window.

    `until_ns` is when a cooling or an evaluation is over, on the monotonic clock; `progress` is that of an evaluation.
    """

    phase: Phase
    round: int = 0
    warm_up_s: float = 0.0
    quiet_s: float = 0.0
    report_every_s: float | None = None
    waiting_for: str = ""
    temperature_c: float | None = None
    ready_in_s: float | None = None
    until_ns: int | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """When a contact said that it would come again, monotonic; void when it is `by` a process that ended meanwhile."""

    until_ns: int
    by: ProcessId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PickUp:
    """Who took notice of READY, and when (monotonic)."""

    by: ProcessId
    at_ns: int


def publish(folder: Path, note: StateNote) -> None:
    """Say where the run is; durable at READY, so that nothing is left to be written back in the quiet window.

    A disk without room for it costs the word, not the run.
    """
    with contextlib.suppress(OSError):
        write_whole(folder / _STATE, dumps(note), durable=note.phase is Phase.READY)


def read_note(folder: Path) -> StateNote | None:
    """What the agent last published."""
    try:
        return loads(StateNote, (folder / _STATE).read_bytes())
    except (OSError, WireError):
        return None


def promise(folder: Path, in_s: float, by: ProcessId | None = None) -> None:
    """Leave word that a contact comes again `in_s` from now; `by` a process that waits for it."""
    until_ns = time.monotonic_ns() + int(in_s * 1e9)
    with contextlib.suppress(OSError):
        write_whole(folder / _PROMISE, dumps(Promise(until_ns=until_ns, by=by)), durable=False)


def promised_until_ns(folder: Path) -> int | None:
    """When the last contact said that it would come again, None where nobody is expected."""
    try:
        promised = loads(Promise, (folder / _PROMISE).read_bytes())
    except (OSError, WireError):
        return None
    return promised.until_ns if promised.by is None or is_alive(promised.by) else None


def pick_up(folder: Path, note_round: int) -> PickUp:
    """The pick-up of a round: this process's, unless somebody was first. Durable, as publishing is."""
    own = PickUp(by=myself(), at_ns=time.monotonic_ns())
    try:
        with (folder / f"picked-up.{note_round}").open("xb") as file:
            file.write(dumps(own).encode())
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        return read_pick_up(folder, note_round) or own
    except OSError:
        return own  # no room for it: the run goes on when its promise is over
    return own


def read_pick_up(folder: Path, note_round: int) -> PickUp | None:
    """Who picked up a round, None while nobody did."""
    try:
        return loads(PickUp, (folder / f"picked-up.{note_round}").read_bytes())
    except (OSError, WireError):
        return None


def announce(folder: Path, note: StateNote | None, agent: ProcessId) -> tuple[Phase | None, float]:
    """Be a contact: the phase that the run is in and the seconds after which to come back; the agent is told."""
    if note is None or note.phase in (Phase.GATE, Phase.LOAD):
        in_s = GATE_REPORT_S if note is not None and note.phase is Phase.GATE else LOAD_REPORT_S
        promise(folder, in_s)
        return (None if note is None else note.phase), in_s
    if note.phase is not Phase.READY:
        left_s = 0.0 if note.until_ns is None else (note.until_ns - time.monotonic_ns()) / 1e9
        return note.phase, _next_s(note, max(left_s, 0.0) + END_REPORT_S)
    took = pick_up(folder, note.round)
    if took.by == myself():
        return Phase.READY, _next_s(note, note.quiet_s)
    send(agent, QUIET_CONTACT)
    since_s = (time.monotonic_ns() - took.at_ns) / 1e9
    phase = Phase.WARM_UP if since_s < note.warm_up_s else Phase.WINDOW
    remaining_s = note.quiet_s - since_s
    overdue_s = max(_OVERDUE_S, _OVERDUE_SHARE * since_s)  # ever rarer: whoever asks again and again disturbs
    return phase, _next_s(note, remaining_s if remaining_s > 0 else overdue_s)


def _next_s(note: StateNote, remaining_s: float) -> float:
    return remaining_s if note.report_every_s is None else min(remaining_s, note.report_every_s)
