"""Ends the steps of searches for the highest rate as a board with a known limit would."""

from collections.abc import Callable
from typing import Any

from agent.wire.codec import encode
from orchestrator.analysis.rate_search import Search, StepAnswer, StepFound
from orchestrator.attending.lifecycle import StudyKind
from orchestrator.db.session import Database
from orchestrator.db.tables import RunRow
from orchestrator.protocols import for_search
from tests.orchestrator.studies.measuring import measure_next

SEARCH = Search()
Limit = Callable[[RunRow], float]


def wish(search: Search = SEARCH, **changes: Any) -> dict[str, Any]:
    """What a submission says of its search."""
    return {"kind": StudyKind.PACE, "search": search, "protocol": for_search(search), **changes}


def found(rate_per_s: float, limit: float) -> StepFound:
    """What a step of a board with this limit shows; it says itself where that is."""
    return StepFound(
        answer=StepAnswer.HELD if rate_per_s <= limit else StepAnswer.THROTTLED,
        is_for_ever=rate_per_s <= limit,
        deadlines="held",
        offered=1000,
        missed=0,
        service_s=0.1,
        limit_c=80.0,
        settled_c=50.0 + 30.0 * rate_per_s / limit,
        settled_error_c=0.2,
        idle_c=50.0,
        rise_c=30.0 * rate_per_s / limit,
        room_c=25.0,
    )


def step(database: Database, study_id: int, limit: Limit, device_id: int | None = None) -> bool:
    """End the next queued step, False where none is; a limit of 0 lets it fail, a negative one makes it invalid."""

    def median_ns(run: RunRow) -> float | None:
        run.step = encode(found(run.rate_per_s or 0.0, abs(limit(run)) or 1.0))
        return None if limit(run) == 0 else 1e8 if limit(run) > 0 else -1e8

    return measure_next(database, study_id, median_ns, device_id)


def steps(database: Database, study_id: int, limit: Limit, device_id: int | None = None) -> int:
    """End steps until none is queued; returns how many."""
    count = 0
    while step(database, study_id, limit, device_id):
        count += 1
    return count
