"""Adds blocks on a device until its intervals are as narrow as the study asks, in the transaction that ends a run.

Whoever ends the last run of a device sees all its others, since the study is locked: it alone decides.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from orchestrator.analysis.stopping import STALLED_AFTER, Precision, Stop, stated_coverage, why_stop
from orchestrator.attending import leases
from orchestrator.attending.lifecycle import ENDED_RUN_STATES, RunState, Verdict
from orchestrator.db.tables import RunRow, StudyRow
from orchestrator.events import EventKind, record
from orchestrator.studies.extension import continue_blocks


@dataclass(slots=True)
class Usable:
    """A study's usable medians on a device, by variant and (start group, block); groups are never paired."""

    blocks: int = 0
    medians: dict[str, dict[Hashable, float]] = field(default_factory=dict)
    places: set[tuple[int, int]] = field(default_factory=set)

    def note(self, variant: str, group: int, block: int, median_ns: float | None) -> None:
        """Take in one run; without a median it was not usable."""
        self.blocks = max(self.blocks, block + 1)
        own = self.medians.setdefault(variant, {})
        if median_ns is not None:
            own[group, block] = median_ns
            self.places.add((group, block))

    @property
    def precision(self) -> Precision:
        """How narrow the intervals are."""
        from orchestrator.analysis.precision import measure_precision  # statistics: who only submits does without

        from_block = self.blocks - STALLED_AFTER
        return measure_precision(self.medians, frozenset(place for place in self.places if place[1] >= from_block))


def continue_until_narrow(session: Session, study: StudyRow, device_id: int) -> bool:
    """Add a block on a device whose runs have all ended, unless there is a reason to stop; whether one was added.

    The caller has locked the study.
    """
    if study.until_ci is None or study.max_blocks is None or _has_open_runs(session, study.id, device_id):
        return False
    usable = read_usable(session, study.id, device_id)
    precision = usable.precision
    reason = why_stop(precision, wanted=study.until_ci, blocks=usable.blocks, max_blocks=study.max_blocks)
    text = _text(precision, study.until_ci, usable.blocks)
    if reason is not None:
        kind = EventKind.STUDY_NARROW if reason is Stop.NARROW else EventKind.STUDY_NOT_NARROW
        covers = f"; such intervals really cover about {stated_coverage(study.blocks):.0%}"
        message = f"{reason.value}: {text}{covers if reason is Stop.NARROW else ''}"
        record(session, kind, message, study_id=study.id, device_id=device_id)
        return False
    added = continue_blocks(session, study, device_id, 1)
    leases.call(session, [device_id])
    record(session, EventKind.STUDY_EXTENDED, f"{added} runs more: {text}", study_id=study.id, device_id=device_id)
    return True


def read_usable(session: Session, study_id: int, device_id: int) -> Usable:
    """The medians of a study on a device that may be compared."""
    query = select(
        RunRow.variant_id, RunRow.start_group, RunRow.block, RunRow.state, RunRow.verdict, RunRow.median_ns
    ).where(RunRow.study_id == study_id, RunRow.device_id == device_id)
    usable = Usable()
    for variant, group, block, state, verdict, median_ns in session.execute(query):
        usable.note(str(variant), group, block, usable_median(state, verdict, median_ns))
    return usable


def usable_median(state: RunState, verdict: Verdict | None, median_ns: float | None) -> float | None:
    """A run's median, None where the run may not be compared."""
    return median_ns if state is RunState.DONE and verdict is not Verdict.INVALID else None


def _has_open_runs(session: Session, study_id: int, device_id: int) -> bool:
    open_runs = select(RunRow.id).where(
        RunRow.study_id == study_id, RunRow.device_id == device_id, RunRow.state.not_in(ENDED_RUN_STATES)
    )
    return session.scalar(open_runs.limit(1)) is not None


def _text(precision: Precision, wanted: float, blocks: int) -> str:
    width = "no interval yet" if precision.half_width is None else f"+-{precision.half_width:.2%}"
    left_out = f", {len(precision.left_out)} variants without recent results left out" if precision.left_out else ""
    return f"{width} after {blocks} blocks, wanted +-{wanted:.2%}{left_out}"
