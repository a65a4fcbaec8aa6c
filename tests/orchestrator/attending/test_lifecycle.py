"""The table of a run's states: what a caller may rely on without reading it."""

import itertools

import pytest

from orchestrator.attending.lifecycle import ENDED_RUN_STATES, RUN_MOVES, RunEvent, RunState, after

OPEN_STATES = [state for state in RunState if state not in ENDED_RUN_STATES]
MEANT: dict[RunState, dict[RunEvent, RunState]] = {
    RunState.QUEUED: {
        RunEvent.PICKED: RunState.STAGING,
        RunEvent.GAVE_UP: RunState.FAILED,
        RunEvent.CANCELLED: RunState.CANCELLED,
    },
    RunState.STAGING: {
        RunEvent.STARTED: RunState.RUNNING,
        RunEvent.COMPLETED: RunState.DONE,
        RunEvent.REQUEUED: RunState.QUEUED,
        RunEvent.GAVE_UP: RunState.FAILED,
        RunEvent.CANCELLED: RunState.CANCELLED,
    },
    RunState.RUNNING: {
        RunEvent.COMPLETED: RunState.DONE,
        RunEvent.REQUEUED: RunState.QUEUED,
        RunEvent.GAVE_UP: RunState.FAILED,
        RunEvent.CANCELLED: RunState.CANCELLED,
    },
    RunState.DONE: {RunEvent.RETRIED: RunState.QUEUED},
    RunState.FAILED: {RunEvent.RETRIED: RunState.QUEUED},
    RunState.CANCELLED: {RunEvent.RETRIED: RunState.QUEUED},
}


@pytest.mark.parametrize(
    ("state", "event"), list(itertools.product(RunState, RunEvent)), ids=lambda member: member.value
)
def test_each_event_in_each_state_leads_where_it_is_meant_to_or_nowhere(state: RunState, event: RunEvent) -> None:
    assert after(state, event) is MEANT[state].get(event)


@pytest.mark.parametrize("state", ENDED_RUN_STATES, ids=lambda state: state.value)
def test_only_an_operators_retry_leaves_an_ended_state(state: RunState) -> None:
    assert {event for event in RunEvent if after(state, event)} == {RunEvent.RETRIED}


@pytest.mark.parametrize("state", OPEN_STATES, ids=lambda state: state.value)
def test_every_open_state_can_be_cancelled(state: RunState) -> None:
    assert after(state, RunEvent.CANCELLED) is RunState.CANCELLED


@pytest.mark.parametrize("state", OPEN_STATES, ids=lambda state: state.value)
def test_from_every_open_state_a_run_can_still_be_completed(state: RunState) -> None:
    reached = {state}
    while more := {target for (source, _), target in RUN_MOVES.items() if source in reached} - reached:
        reached |= more
    assert RunState.DONE in reached
