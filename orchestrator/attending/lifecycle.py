"""The lives of studies, runs, attempts and devices, as tables. Pure.

A move that the table does not hold does not happen: `after` returns None, and a caller that lost a race leaves the row
alone. Terminal run states leave only by an operator's `RETRIED`.
"""

import enum
from collections.abc import Mapping


class StudyKind(enum.Enum):
    """What a study is for: what somebody submitted, a search for a rate, a profile, answers to a data set, a check.

    A canary is the farm's own check of a device.
    """

    SUBMITTED = "submitted"
    PACE = "pace"
    PROFILE = "profile"
    ACCURACY = "accuracy"
    CANARY = "canary"


class StudyState(enum.Enum):
    """A study is active until each of its runs has ended, or until it is cancelled."""

    ACTIVE = "active"
    DONE = "done"
    CANCELLED = "cancelled"


class RunState(enum.Enum):
    """Where a run is on its way."""

    QUEUED = "queued"
    STAGING = "staging"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AttemptState(enum.Enum):
    """Where an attempt is; staging and started are the open states."""

    STAGING = "staging"
    STARTED = "started"
    ENDED = "ended"
    LOST = "lost"
    ABANDONED = "abandoned"


class DeviceState(enum.Enum):
    """Whether a device takes work: drained by a person, sick by its own faults; both keep their queue."""

    READY = "ready"
    DRAINED = "drained"
    SICK = "sick"


class Verdict(enum.Enum):
    """How far a run's figures may be trusted."""

    VALID = "valid"
    SUSPECT = "suspect"
    INVALID = "invalid"


class RunEvent(enum.Enum):
    """What can happen to a run."""

    PICKED = "picked"
    STARTED = "started"
    COMPLETED = "completed"
    REQUEUED = "requeued"
    GAVE_UP = "gave up"
    CANCELLED = "cancelled"
    RETRIED = "retried"


RANKED_KINDS = (StudyKind.SUBMITTED, StudyKind.PACE)
USERS_KINDS = (*RANKED_KINDS, StudyKind.PROFILE, StudyKind.ACCURACY)  # what somebody asked for
GIVEN_UP = "abandoned"  # code of an attempt that an operator gave up without a word from its board
MAX_DEVICE_FAULTS = 3
MAX_INVALID_RESULTS = 2
SICK_AFTER_FAULTS = 5
MOST_PRIORITY = 1000  # of a study, as its least is the negative of it

_OPEN_RUN = (RunState.STAGING, RunState.RUNNING)
RUN_MOVES: Mapping[tuple[RunState, RunEvent], RunState] = {
    (RunState.QUEUED, RunEvent.PICKED): RunState.STAGING,
    (RunState.STAGING, RunEvent.STARTED): RunState.RUNNING,
    **{(state, RunEvent.COMPLETED): RunState.DONE for state in _OPEN_RUN},
    **{(state, RunEvent.REQUEUED): RunState.QUEUED for state in _OPEN_RUN},
    **{(state, RunEvent.GAVE_UP): RunState.FAILED for state in (RunState.QUEUED, *_OPEN_RUN)},
    **{(state, RunEvent.CANCELLED): RunState.CANCELLED for state in (RunState.QUEUED, *_OPEN_RUN)},
    **{(state, RunEvent.RETRIED): RunState.QUEUED for state in (RunState.DONE, RunState.FAILED, RunState.CANCELLED)},
}
OPEN_ATTEMPT_STATES = (AttemptState.STAGING, AttemptState.STARTED)
ENDED_RUN_STATES = (RunState.DONE, RunState.FAILED, RunState.CANCELLED)


def after(state: RunState, event: RunEvent) -> RunState | None:
    """The state that follows, or None where the event has no meaning in this state."""
    return RUN_MOVES.get((state, event))
