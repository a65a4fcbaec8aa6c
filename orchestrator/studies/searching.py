"""Adds the next step of each search for a highest rate on a device, in the transaction that ends a run.

Each variant on each device is a search of its own, and has one open step at most: its next one is decided when that has
ended, by `analysis.rate_search`, from what the steps' raw data was found to say. A step that failed, or whose result is
invalid, ends the search, until somebody retries it. Reasons go into the diary, each once.
"""

import secrets
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.wire.codec import decode
from orchestrator.addresses import VariantAddress
from orchestrator.analysis.rate_search import Next, Search, Step, StepFound, Stop, bracket_of, next_step
from orchestrator.attending import leases
from orchestrator.attending.lifecycle import ENDED_RUN_STATES, RunState, Verdict
from orchestrator.db.tables import EventRow, RunRow, StudyRow
from orchestrator.events import EventKind, record


def continue_searches(session: Session, study: StudyRow, device_id: int) -> bool:
    """Add the next step of each search on a device whose last step has ended; whether one was added.

    The caller has locked the study.
    """
    if study.search is None:
        return False
    search, added = decode(Search, study.search), False
    for runs in _searches(session, study.id, device_id):
        if runs[-1].state not in ENDED_RUN_STATES:
            continue
        steps = [as_step(run, search) for run in runs]
        following = next_step(search, steps)
        if isinstance(following, Stop):
            _say(session, EventKind.PACE_ENDED, runs[-1], f"{following.value}: {_told(steps)}")
            continue
        _add(session, runs[-1], search, following)
        long = ", for longer" if following.is_long else ""
        _say(session, EventKind.PACE_STEP, runs[-1], f"next {following.rate_per_s:.4g}/s{long}: {following.why}")
        added = True
    if added:
        leases.call(session, [device_id])
    return added


def as_step(run: RunRow, search: Search) -> Step:
    """An ended run of a search as its rule sees it."""
    is_usable = run.state is RunState.DONE and run.verdict is not Verdict.INVALID and run.step is not None
    return Step(
        rate_per_s=run.rate_per_s or 0.0,
        is_long=(search.step_s if run.step_s is None else run.step_s) >= search.long_s,
        found=decode(StepFound, run.step) if is_usable else None,
    )


def variant_name(run: RunRow) -> str:
    """The run's variant within its model."""
    variant = run.variant
    return VariantAddress.of(
        model="",
        label=variant.build.label,
        runtime=variant.runtime,
        threads=variant.threads,
        options=variant.options,
    ).text


def _searches(session: Session, study_id: int, device_id: int) -> list[list[RunRow]]:
    """The runs of each search on a device, in the order in which they were made."""
    query = select(RunRow).where(RunRow.study_id == study_id, RunRow.device_id == device_id)
    found: dict[int, list[RunRow]] = {}
    for run in session.scalars(query.order_by(RunRow.block, RunRow.position)):
        found.setdefault(run.variant_id, []).append(run)
    return list(found.values())


def _add(session: Session, last: RunRow, search: Search, following: Next) -> None:
    session.add(
        RunRow(
            id=secrets.token_hex(6),
            study_id=last.study_id,
            device_id=last.device_id,
            variant_id=last.variant_id,
            block=last.block + 1,
            position=last.position,
            rate_per_s=following.rate_per_s,
            step_s=search.long_s if following.is_long else search.step_s,
        )
    )


def _told(steps: Sequence[Step]) -> str:
    """What a search has come to."""
    bracket = bracket_of(steps)
    held = "no rate held" if bracket.low is None else f"{bracket.low:.4g}/s held"
    if bracket.high == float("inf"):
        return f"{held} after {len(steps)} steps"
    refused = "beyond its speed" if bracket.is_speed else "not held"
    return f"{held}, {bracket.high:.4g}/s {refused}, after {len(steps)} steps"


def _say(session: Session, kind: EventKind, run: RunRow, text: str) -> None:
    """Write into the diary what is not there yet: an ended search is looked at again with each other of its device."""
    message = f"{variant_name(run)}: {text}"
    known = select(EventRow.id).where(
        EventRow.study_id == run.study_id,
        EventRow.device_id == run.device_id,
        EventRow.kind == kind.value,
        EventRow.message == message,
    )
    if session.scalar(known.limit(1)) is None:
        record(session, kind, message, study_id=run.study_id, device_id=run.device_id, run_id=run.id)
