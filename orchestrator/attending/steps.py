"""One step of an attempt: staged, started, asked after, taken in, scored, or called off.

Each step looks at SQL and at the board, does one thing, and says after how many seconds the next one is due. What it
writes is committed only under the lease (`tenure.py`).
"""

from agent.wire.answers import LostCause, RunState, Status
from agent.wire.codec import WireError, decode
from agent.wire.journal import MAX_LINE_BYTES
from agent.wire.records import Ended, Fault, Outcome
from orchestrator.attending import attempts, links, results, staging
from orchestrator.attending.attempts import OvertakenError
from orchestrator.attending.equipping import equip, note_equipped
from orchestrator.attending.ingest import ingest
from orchestrator.attending.lifecycle import AttemptState
from orchestrator.attending.limits import limits_for
from orchestrator.attending.links import Link
from orchestrator.attending.picking import Assignment
from orchestrator.attending.run_spec import run_spec
from orchestrator.attending.tenure import Tenure
from orchestrator.boards import quota
from orchestrator.boards.board import Board, explain_loss
from orchestrator.canary.judging import judge_canary
from orchestrator.db.tables import AttemptRow
from orchestrator.errors import (
    BusyError,
    ClaimedError,
    DeviceError,
    InternalError,
    ModelError,
    NotStagedError,
    OwnedError,
    SpecError,
    StaleFenceError,
    TransportError,
)

LONGEST_WAIT_S = 5.0
SLICE_S = 8.0
BUSY_RETRY_S = 2.0
TURN_RETRY_S = 1.0
EQUIPPING_RETRY_S = 1.0
FETCH_BYTES = MAX_LINE_BYTES + 1024 * 1024


def step(tenure: Tenure, link: Link, assignment: Assignment) -> float:
    """Bring an attempt one step on; returns after how many seconds the next step is due."""
    if not assignment.is_wanted:
        return _call_off(tenure, link, assignment)
    if assignment.state is AttemptState.STAGING:
        return _stage(tenure, link, assignment)
    if assignment.is_answered:
        return _score(tenure, assignment)
    return _collect(tenure, link, assignment)


def _stage(tenure: Tenure, link: Link, assignment: Assignment) -> float:
    if assignment.unsupported is not None:
        message = f"{assignment.runtime} is not supported by this board: {assignment.unsupported}"
        tenure.lose(assignment, AttemptState.ENDED, Fault.MODEL, "runtime_unsupported", message)
        return 0.0
    try:
        link.transport.open()
        if not assignment.is_equipped:
            equipped = equip(tenure.farm, link.transport, assignment, SLICE_S)
            with tenure.writing() as session:
                note_equipped(session, assignment.device_id, equipped)
            return EQUIPPING_RETRY_S if equipped.doing else 0.0
        if not (assignment.is_staged or _bring(tenure, link, assignment)):
            return 0.0
    except (TransportError, DeviceError):
        tenure.withdraw(assignment, AttemptState.STAGING)
        raise
    with tenure.writing() as session:
        is_wanted = attempts.mark_started(session, assignment.attempt_id)
    return _start(tenure, link, assignment) if is_wanted else 0.0


def _bring(tenure: Tenure, link: Link, assignment: Assignment) -> bool:
    board, quota_bytes = link.board(assignment.bundle_hash), tenure.farm.settings.artifact_quota_bytes
    coming_bytes = assignment.size_bytes + (assignment.data.size_bytes if assignment.data is not None else 0)
    quota.make_room(tenure.farm.database, board, assignment.device_id, coming_bytes, quota_bytes)
    return staging.stage(tenure.farm.settings, link.transport, assignment, SLICE_S)


def _start(tenure: Tenure, link: Link, assignment: Assignment) -> float:
    try:
        status = link.board(assignment.bundle_hash).start(run_spec(tenure.farm, assignment, tenure.fence))
    except BusyError:
        return BUSY_RETRY_S
    except NotStagedError:
        staging.stage(tenure.farm.settings, link.transport, assignment, SLICE_S)
        return 0.0
    except SpecError as error:
        tenure.lose(assignment, AttemptState.ENDED, Fault.SPEC, "refused", str(error))
        return 0.0
    except StaleFenceError as error:
        return 0.0 if tenure.overtake(error.number or 0) else LONGEST_WAIT_S
    except OwnedError:
        tenure.withdraw(assignment, AttemptState.STARTED)
        raise
    except ClaimedError as error:
        with tenure.writing() as session:
            attempts.disown(session, session.get_one(AttemptRow, assignment.attempt_id), str(error))
        return 0.0
    except DeviceError as error:
        tenure.lose(assignment, AttemptState.ENDED, Fault.DEVICE, "refused", str(error))
        return 0.0
    tenure.note_contact(status)
    return _until_next_report(status, assignment)


def _collect(tenure: Tenure, link: Link, assignment: Assignment) -> float:
    board = link.board(assignment.bundle_hash)
    try:
        status, data = board.status(assignment.run_id, assignment.number, assignment.cursor_byte, max_bytes=FETCH_BYTES)
    except NotStagedError:
        staging.stage(tenure.farm.settings, link.transport, assignment, SLICE_S)
        return 0.0
    if status.state is RunState.UNKNOWN:
        if assignment.cursor_byte == 0:
            return _start(tenure, link, assignment)
        tenure.lose(
            assignment,
            AttemptState.LOST,
            Fault.DEVICE,
            "forgotten",
            "the board does not know this attempt any more",
        )
        return 0.0
    tenure.note_contact(status)
    return _take_in(tenure, board, assignment, status, data)


def _take_in(tenure: Tenure, board: Board, assignment: Assignment, status: Status, data: bytes) -> float:
    try:
        with tenure.writing() as session:
            attempt = session.get_one(AttemptRow, assignment.attempt_id)
            taken = ingest(session, attempt, data, assignment.cursor_byte)
            if taken.ended is not None and not _wants_scores(assignment, taken.ended):
                results.settle(session, attempt, taken.ended)
                judge_canary(session, attempt.run)
    except OvertakenError:
        return 0.0
    except WireError as error:
        if status.state is RunState.ACTIVE and not tenure.is_over(board, assignment.run_id, assignment.number):
            return TURN_RETRY_S
        tenure.lose(assignment, AttemptState.LOST, Fault.DEVICE, "journal_damaged", str(error))
        return 0.0
    if taken.ended is not None:
        return 0.0
    if status.state is RunState.LOST and taken.lines == 0:
        code = "journal_damaged" if status.cause is LostCause.JOURNAL_CUT else "lost"
        if status.cause is LostCause.REBOOTED:
            with tenure.writing() as session:
                links.note_outage(session, tenure.lease.device_id)
        tenure.lose(assignment, AttemptState.LOST, Fault.DEVICE, code, explain_loss(status.cause))
        return 0.0
    if status.state is RunState.ENDED and taken.lines == 0:
        message = "the board calls the run ended, but its journal has no end"
        tenure.lose(assignment, AttemptState.LOST, Fault.DEVICE, "journal_damaged", message)
        return 0.0
    return _until_next_report(status, assignment)


def _score(tenure: Tenure, assignment: Assignment) -> float:
    """Score answers that are all here, keeping the lease, then close the attempt; cut off, it is done again."""
    # Most farms never score, and no worker should load COCO\'s tools in vain.
    from orchestrator.attending import scoring

    try:
        scored = scoring.score_run(tenure.farm, assignment.run_id, tenure.require)
    except (SpecError, ModelError, InternalError) as error:
        fault = Fault.MODEL if isinstance(error, ModelError) else Fault.SPEC
        tenure.lose(assignment, AttemptState.ENDED, fault, "unscorable", str(error))
        return 0.0
    except WireError as error:
        tenure.lose(assignment, AttemptState.LOST, Fault.DEVICE, "journal_damaged", str(error))
        return 0.0
    with tenure.writing() as session:
        attempt = session.get_one(AttemptRow, assignment.attempt_id)
        scoring.store_scores(session, scored)
        results.settle(session, attempt, decode(Ended, attempt.ended))
    return 0.0


def _call_off(tenure: Tenure, link: Link, assignment: Assignment) -> float:
    """End an attempt whose run is no longer wanted; what it measured is not counted."""
    board = link.board(assignment.bundle_hash)
    if assignment.state is AttemptState.STARTED and not tenure.is_over(board, assignment.run_id, assignment.number):
        return TURN_RETRY_S
    with tenure.writing() as session:
        attempt = session.get_one(AttemptRow, assignment.attempt_id)
        attempts.close(session, attempt, AttemptState.ABANDONED, "called_off", "the run was cancelled")
    return 0.0


def _wants_scores(assignment: Assignment, ended: Ended) -> bool:
    """Whether what has ended is answers: they are scored before their run is done."""
    return assignment.data is not None and ended.outcome is Outcome.COMPLETED


def _until_next_report(status: Status, assignment: Assignment) -> float:
    """When the board wants to be asked again; whatever it says, not later than its run may last."""
    if status.state is not RunState.ACTIVE:
        return 0.0
    wanted_s = LONGEST_WAIT_S if status.next_report_in_s is None else status.next_report_in_s
    return min(max(wanted_s, 0.0), limits_for(assignment.protocol, None, 1.0).wall_s)
