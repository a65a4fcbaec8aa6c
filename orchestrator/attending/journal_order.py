"""The order that a journal keeps, in whatever pieces it arrives: what results rely on is checked before it is stored.

One claim first; environment and load once; phases in the order of their times; inferences after the load, numbered
without a gap, none begun before the one before it had ended, in each segment warm-up before window, and no window
before its phase; a further segment only behind a window, with gate and phase entered since; telemetry in the order of
time; a profile once, behind the window; a completed run has a window in its last segment; the end last. A run that
evaluates has answers in place of all inferences, and some when it is completed. Pure but for what `progress_of` reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from agent.wire.codec import WireError
from agent.wire.evaluation import Predicted
from agent.wire.profile import Profiled
from agent.wire.records import (
    Claimed,
    Ended,
    Environment,
    Inferences,
    Loaded,
    Outcome,
    Phase,
    PhaseEntered,
    Record,
    Telemetry,
)
from orchestrator.db.columns import unpack_inferences, unpack_telemetry
from orchestrator.db.tables import AttemptRow, ChunkRow

TELEMETRY = "telemetry"
PROFILE = "profile"
PREDICTED = "predicted"
_TIMED = (Phase.IDLE, Phase.WARM_UP, Phase.WINDOW, Phase.COOLING)


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far an attempt's journal has come. `counts` are of inferences by phase; times are the latest, nanoseconds.

    `segment` is the segment of the latest inferences; `has_window` whether it has some in its window. `answers` counts
    the examples of a data set that are answered.
    """

    is_claimed: bool = False
    has_environment: bool = False
    is_loaded: bool = False
    is_ended: bool = False
    phases: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    inferred_ns: int = 0
    sampled_ns: int = 0
    segment: int = 0
    has_window: bool = False
    has_profile: bool = False
    answers: int = 0

    def take(self, record: Record) -> None:
        """Go on past a record; raises `WireError` where it cannot come now."""
        _require(not self.is_ended, "a line after the end record")
        _require(isinstance(record, Claimed) is not self.is_claimed, "expected the claim first, and only there")
        match record:
            case Claimed():
                self.is_claimed = True
            case Environment():
                _require(not self.has_environment, "a second environment")
                self.has_environment = True
            case Loaded():
                _require(not self.is_loaded, "a second load")
                self.is_loaded = True
            case PhaseEntered():
                self._take_phase(record)
            case Inferences():
                self._take_inferences(record)
            case Telemetry() if record.at_ns:
                _require(record.at_ns[0] >= self.sampled_ns, "telemetry from before the telemetry before it")
                self.sampled_ns = record.at_ns[-1]
            case Profiled():
                _require(self.has_window and not self.has_profile, "a profile elsewhere than once behind the window")
                self.has_profile = True
            case Predicted():
                _require(self.is_loaded, "answers of a model that was never loaded")
                _require(self._is_evaluation, "answers in a run that is not evaluating")
                self.answers += len(record.examples)
            case Ended():
                self._take_end(record)

    @property
    def _is_evaluation(self) -> bool:
        return Phase.EVALUATING.value in self.phases

    @property
    def _phase_ns(self) -> int:
        return max(self.phases.values(), default=0)

    def _take_phase(self, record: PhaseEntered) -> None:
        _require(record.at_ns >= self._phase_ns, "a phase that was entered before the one before it")
        if record.phase in _TIMED:
            _require(not self._is_evaluation, f"a {record.phase.value} in a run that is evaluating")
        if record.phase is Phase.EVALUATING:
            is_timed = any(phase.value in self.phases for phase in _TIMED)
            _require(not is_timed and not self._is_evaluation, "an evaluation elsewhere than once in place of a window")
        self.phases[record.phase.value] = record.at_ns

    def _take_inferences(self, record: Inferences) -> None:
        phase = record.phase.value
        _require(self.is_loaded, "inferences of a model that was never loaded")
        _require(phase in self.phases, f"inferences of a {phase} that never began")
        _require(record.first_index == self.counts.get(phase, 0), "inferences that do not go on in their numbering")
        _require(record.starts_ns[0] >= self.inferred_ns, "an inference that began before the one before it ended")
        if record.segment != self.segment:
            self._enter_segment(record)
        if record.phase is Phase.WINDOW:
            _require(record.starts_ns[0] >= self.phases[phase], "an inference from before its window")
            self.has_window = True
        else:
            _require(not self.has_window, "a warm-up after the window")
        self.counts[phase] = record.first_index + len(record.starts_ns)
        self.inferred_ns = record.end_ns

    def _enter_segment(self, record: Inferences) -> None:
        _require(record.segment == self.segment + 1, "segments that do not go on in their numbering")
        _require(self.has_window, "a further segment of a run that had no window yet")
        for phase in (Phase.GATE, record.phase):
            is_entered = self.phases.get(phase.value, -1) >= self.inferred_ns
            _require(is_entered, f"a further segment that entered no {phase.value} of its own")
        self.segment, self.has_window = record.segment, False

    def _take_end(self, record: Ended) -> None:
        _require(record.at_ns >= max(self._phase_ns, self.inferred_ns), "an end from before what it ends")
        if record.outcome is Outcome.COMPLETED:
            _require(self.has_environment, "a completed run without its environment")
            if self._is_evaluation:
                _require(self.answers > 0, "a completed evaluation without an answer")
            else:
                _require(self.has_window, "a completed run without an inference in its window")
        self.is_ended = True


def progress_of(session: Session, attempt: AttemptRow) -> Progress:
    """How far the stored part of an attempt's journal has come."""
    progress = Progress(
        is_claimed=attempt.claimed is not None,
        has_environment=attempt.environment is not None,
        is_loaded=attempt.loaded is not None,
        is_ended=attempt.ended is not None,
        phases=dict(attempt.phases),
    )
    segments = dict[str, int]()
    for kind, (count, blob) in _last_chunks(session, attempt).items():
        if kind == PROFILE:
            progress.has_profile = True
            continue
        if kind == PREDICTED:
            progress.answers = count
            continue
        if kind == TELEMETRY:
            progress.sampled_ns = int(unpack_telemetry(blob).at_ns[-1]) if count else 0
            continue
        last = unpack_inferences(blob)
        progress.counts[kind] = count
        progress.inferred_ns = max(progress.inferred_ns, int(last.starts_ns[-1] + last.durations_ns[-1]))
        segments[kind] = int(last.segments[-1])
    progress.segment = max(segments.values(), default=0)
    progress.has_window = segments.get(Phase.WINDOW.value) == progress.segment
    return progress


def _last_chunks(session: Session, attempt: AttemptRow) -> Mapping[str, tuple[int, bytes]]:
    """The number of samples of each kind that is stored, and the last chunk that holds some."""
    session.flush()
    stored = (
        select(ChunkRow.kind, func.sum(ChunkRow.count).label("count"), func.max(ChunkRow.seq).label("seq"))
        .where(ChunkRow.attempt_id == attempt.id, ChunkRow.count > 0)
        .group_by(ChunkRow.kind)
        .subquery()
    )
    query = select(stored.c.kind, stored.c.count, ChunkRow.blob).join(
        ChunkRow, (ChunkRow.seq == stored.c.seq) & (ChunkRow.attempt_id == attempt.id)
    )
    return {kind: (int(count), blob) for kind, count, blob in session.execute(query)}


def _require(condition: bool, expected: str) -> None:
    if not condition:
        raise WireError(expected)
