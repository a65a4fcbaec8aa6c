"""What the gates of a study on a device teach: its start temperature, and when that one is given up.

The first gate of a start group settles the start temperature for all its runs; later gates refresh what is known of the
idle temperature and the time constant, for forecasts. `MAX_TIMEOUTS` runs in a row whose gate timed out off the wanted
temperature open a new start group: its first gate finds a start temperature anew. A run belongs to the group that is
open when its attempt is opened. So the rest of a block that was begun in the old group is of the new one, and is not
paired with what the block had: it could only time out at the old temperature.
"""

from typing import Any

from sqlalchemy.orm import Session

from agent.wire.codec import decode
from agent.wire.records import GatePassed
from agent.wire.spec import Protocol
from orchestrator.db.tables import AttemptRow, RunRow, StudyDeviceRow
from orchestrator.events import EventKind, record

MAX_TIMEOUTS = 3


def learn_gate(session: Session, attempt: AttemptRow, gate: GatePassed) -> None:
    """Keep what a gate has just found, in the caller's transaction."""
    shared = _shared(session, attempt.run)
    if shared is None:
        return
    if shared.start_c is None and gate.start_c is not None and not gate.timed_out:
        shared.start_c = gate.start_c
    if gate.idle_c is not None:
        shared.idle_c = gate.idle_c
    if gate.tau_s is not None:
        shared.tau_s = gate.tau_s


def count_gate(session: Session, attempt: AttemptRow) -> None:
    """Count the gate of an attempt that has ended; the third time-out in a row opens a new start group."""
    run, shared = attempt.run, _shared(session, attempt.run)
    if shared is None or attempt.gate is None:
        return
    gate, asked = decode(GatePassed, attempt.gate), _protocol(run.study.protocol).gate
    if asked.above_idle_c is None or not gate.timed_out:
        shared.gate_timeouts_in_row = 0
        return
    if not _is_off(gate, asked.band_c):
        return
    shared.gate_timeouts_in_row += 1
    if shared.gate_timeouts_in_row >= MAX_TIMEOUTS:
        _open_group(session, run, shared, gate)


def _open_group(session: Session, run: RunRow, shared: StudyDeviceRow, gate: GatePassed) -> None:
    shared.start_group += 1
    shared.gate_timeouts_in_row = 0
    shared.start_c = None
    record(
        session,
        EventKind.START_GROUP_OPENED,
        f"{MAX_TIMEOUTS} gates in a row timed out, wanted {gate.start_c:.1f} C; the next gate finds another start"
        f" temperature, and runs from it are not paired with earlier ones (start group {shared.start_group})",
        device_id=run.device_id,
        study_id=run.study_id,
        run_id=run.id,
    )


def _is_off(gate: GatePassed, band_c: float) -> bool:
    """Whether the temperature was what the gate waited for, and not other people's load."""
    if gate.start_c is None or gate.temperature_c is None:
        return False
    return abs(gate.temperature_c - gate.start_c) > band_c


def _shared(session: Session, run: RunRow) -> StudyDeviceRow | None:
    """What the run's study knows of its device; None where the run is of a start group that was closed meanwhile."""
    shared = session.get(StudyDeviceRow, (run.study_id, run.device_id))
    return shared if shared is not None and shared.start_group == run.start_group else None


def _protocol(stored: dict[str, Any]) -> Protocol:
    return decode(Protocol, stored)
