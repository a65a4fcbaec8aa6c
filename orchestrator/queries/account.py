"""One run in full: when what happened, what the board did meanwhile, and what that says of the figures. Opens blobs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from sqlalchemy import func, select

from agent.wire.codec import WireError
from agent.wire.records import StoppedBy
from orchestrator.analysis.facts import RunFacts
from orchestrator.analysis.pacing import PaceSummary, summarise_pace
from orchestrator.analysis.thermal.sweep import Sweep
from orchestrator.attending.known_onsets import ending_before
from orchestrator.attending.results import load_facts
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, RunRow
from orchestrator.queries.progress import RunProgress, run_progress
from orchestrator.queries.rows import AttemptView, RunView
from orchestrator.queries.runs import get_run
from orchestrator.queries.scores import RunScores, read_scores
from orchestrator.queries.soak import SoakView, soak_view
from orchestrator.queries.sweep import sweep_view

LIVE_BITS = {0: "under-voltage", 1: "clock capped", 2: "throttled", 3: "soft temperature limit"}
_STICKY_SHIFT = 16
_LOAD_BEGINS_WITHIN_S = 1.0  # of the order to warm up


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A phase of the attempt, in seconds since the claim; `length_s` is null for the one that it ended in."""

    phase: str
    from_s: float
    length_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentView:
    """One stretch of the window, seconds since the claim, with the warm-up before it."""

    warm_up_from_s: float
    from_s: float
    length_s: float
    inferences: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A sensor's first, last, lowest and highest reading in the window, and their mean."""

    first: float
    last: float
    low: float
    high: float
    mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetrySummary:
    """What the board did in the window; a sensor is null where it gave nothing. Keys of `spans` as in telemetry.

    `live_bits` were set at some time of the attempt, `sticky_bits` at its end, since boot.
    """

    samples: int
    coverage: float
    longest_gap_s: float
    spans: Mapping[str, Span | None]
    clock_limit_hz: float | None
    live_bits: tuple[str, ...]
    sticky_bits: tuple[str, ...]
    knows_bits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceView:
    """A paced run: whether the rate is held, and what came of the inferences that were due."""

    answer: str
    rate_per_s: float
    deadline_ms: float
    offered: int
    missed: int
    missed_low: float
    missed_high: float
    median_ms: float
    p90_ms: float | None
    p99_ms: float | None
    busy: float
    backlog: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowEnd:
    """What ended the window, as the board said: enough, time or heat.

    `onset_s` is the known onset whose 80 % were over then; null for a window that ended otherwise.
    """

    stopped_by: str
    onset_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAccount:
    """A run and the raw data of the attempt that counts, or of the last one, put in words and figures.

    `change` is the last steady level over the one it is told from, minus 1; `trimmed` inferences of the window came
    before the run was steady. What needs a measurement is null without one. `not_checked` are the notes of the verdict.
    `progress` is that of a run under way, `scores` are those of one that answered a data set.
    """

    run: RunView
    attempt: int | None
    timeline: tuple[Step, ...]
    segments: tuple[SegmentView, ...]
    window_end: WindowEnd | None
    telemetry: TelemetrySummary | None
    steadiness: str | None
    change: float | None
    trimmed: int | None
    pace: PaceView | None
    soak: SoakView | None
    sweep: Sweep | None
    progress: RunProgress | None
    not_checked: tuple[Mapping[str, Any], ...]
    scores: RunScores | None = None


def account_for(database: Database, run_id: str) -> RunAccount:
    """All that is known of a run, by its id or an unambiguous beginning; raises `NotFoundError` or `SpecError`."""
    run = get_run(database, run_id)
    attempt = shown_attempt(run)
    facts = read_facts(database, run.run)
    return RunAccount(
        run=run,
        attempt=attempt.number if attempt else None,
        timeline=tuple(_timeline(attempt)) if attempt else (),
        segments=tuple(_segments(facts)) if facts else (),
        window_end=_window_end(facts, attempt) if facts and attempt else None,
        telemetry=_telemetry(facts) if facts and len(facts.telemetry.at_ns) else None,
        steadiness=facts.course.steadiness.value if facts else None,
        change=facts.course.change if facts else None,
        trimmed=facts.trimmed if facts else None,
        pace=_pace(facts),
        soak=soak_view(facts) if facts else None,
        sweep=sweep_view(facts) if facts else None,
        progress=run_progress(database, run.run),
        not_checked=tuple(reason for reason in run.reasons if reason.get("severity") == "note"),
        scores=read_scores(database, run),
    )


def shown_attempt(run: RunView) -> AttemptView | None:
    """The attempt that counts, or the last one."""
    return next((each for each in run.attempts if each.counted), run.attempts[-1] if run.attempts else None)


def read_facts(database: Database, run_id: str) -> RunFacts | None:
    """What the rules look at; None for a run without a counted inference."""
    number = func.coalesce(RunRow.counted_attempt, RunRow.attempts_made)
    query = select(AttemptRow).join(AttemptRow.run).where(RunRow.id == run_id, AttemptRow.number == number)
    with database.read() as session:
        attempt = session.scalar(query)
        try:
            return load_facts(session, attempt) if attempt is not None else None
        except WireError:
            return None


def _timeline(attempt: AttemptView) -> Iterator[Step]:
    phases = sorted(attempt.phases.items(), key=lambda entry: entry[1])
    for (phase, from_s), (_, to_s) in pairwise(phases):
        yield Step(phase=phase, from_s=from_s, length_s=to_s - from_s)
    if phases:
        yield Step(phase=phases[-1][0], from_s=phases[-1][1], length_s=None)


def _segments(facts: RunFacts) -> Iterator[SegmentView]:
    for segment in facts.segments:
        inside = (facts.starts_ns >= segment.from_ns) & (facts.starts_ns < segment.to_ns)
        yield SegmentView(
            warm_up_from_s=segment.quiet_from_ns / 1e9,
            from_s=segment.from_ns / 1e9,
            length_s=segment.length_s,
            inferences=int(inside.sum()),
        )


def _window_end(facts: RunFacts, attempt: AttemptView) -> WindowEnd | None:
    stopped_by = facts.ended.stopped_by if facts.ended is not None else None
    if stopped_by is None:
        return None
    window, last = ending_before(facts.protocol, attempt.known_onset_s).window, facts.segments[-1]
    loaded_s = (last.to_ns - last.quiet_from_ns) / 1e9
    is_over = window.longest_load_s is not None and loaded_s >= window.longest_load_s - _LOAD_BEGINS_WITHIN_S
    is_by_onset = stopped_by is StoppedBy.HEAT and is_over
    return WindowEnd(stopped_by=stopped_by.value, onset_s=window.onset_s if is_by_onset else None)


def _telemetry(facts: RunFacts) -> TelemetrySummary:
    names = ("temperature_c", "clock_hz", "requested_hz", "foreign_cpu", "fan_rpm", "power_w", "ambient_c")
    bits = facts.telemetry.integers["throttled"]
    everywhere = np.ones(len(facts.telemetry.at_ns), np.bool_)
    known = bits.values[bits.is_present]
    at_end = int(known[-1]) if len(known) else 0
    return TelemetrySummary(
        samples=int(facts.in_window.sum()),
        coverage=facts.covered_share(everywhere, 2 * facts.protocol.telemetry_period_s),
        longest_gap_s=facts.longest_gap_s(),
        spans={name: _span(facts, name) for name in names},
        clock_limit_hz=facts.clock_limit_hz,
        live_bits=tuple(name for bit, name in LIVE_BITS.items() if facts.bits(1 << bit).any()),
        sticky_bits=tuple(name for bit, name in LIVE_BITS.items() if at_end & (1 << (bit + _STICKY_SHIFT))),
        knows_bits=bool(len(known)),
    )


def _span(facts: RunFacts, name: str) -> Span | None:
    series = facts.window_series(name)
    known = series[~np.isnan(series)]
    if not len(known):
        return None
    return Span(
        first=float(known[0]),
        last=float(known[-1]),
        low=float(known.min()),
        high=float(known.max()),
        mean=float(known.mean()),
    )


def _pace(facts: RunFacts | None) -> PaceView | None:
    if facts is None or facts.protocol.pace is None:
        return None
    found: PaceSummary = summarise_pace(facts.inferences, facts.protocol.pace)
    return PaceView(
        answer=found.answer.value,
        rate_per_s=found.rate_per_s,
        deadline_ms=found.deadline_ns / 1e6,
        offered=found.offered,
        missed=found.missed,
        missed_low=found.missed_low,
        missed_high=found.missed_high,
        median_ms=found.latency.median_ns / 1e6,
        p90_ms=_ms(found.latency.p90_ns),
        p99_ms=_ms(found.latency.p99_ns),
        busy=found.busy,
        backlog=found.backlog,
    )


def _ms(value_ns: float | None) -> float | None:
    return None if value_ns is None else value_ns / 1e6
