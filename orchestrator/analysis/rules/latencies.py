"""Rules about the latencies and what disturbed them: number, drift, dispersion, foreign load."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from agent.wire.records import StoppedBy
from orchestrator.analysis.drift import LEAST_INFERENCES, drift_of
from orchestrator.analysis.facts import RunFacts
from orchestrator.analysis.rules.rule import Finding

Floats = npt.NDArray[np.float64]

BURST_OF_LOAD_S = 5.0
# The kernel counts in ticks of 10 ms: clean windows of 1.5 s read up to 1.6 % of foreign load.
LOAD_RESOLUTION_S = 0.024
HEAT_FLOOR, SLOW_HEAT_FLOOR, SLOW_NS = 20, 8, 1e9


def window_is_short(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Fewer inferences than the protocol's minimum, and no heat to excuse it."""
    floor, count = facts.protocol.window.min_inferences, len(facts.durations_ns)
    if not _was_stopped_by_heat(facts) and count < floor:
        yield Finding(figure=count, threshold=floor)


def heat_left_too_little(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Fewer inferences before the heat limit than a median needs."""
    floor, count = _heat_floor(facts), len(facts.durations_ns)
    if _was_stopped_by_heat(facts) and count < floor:
        yield Finding(figure=count, threshold=floor)


def heat_ended_the_window(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """A window that the heat limit ended early, with enough inferences."""
    if _was_stopped_by_heat(facts) and len(facts.durations_ns) >= _heat_floor(facts):
        yield Finding(figure=facts.window_s, threshold=facts.protocol.window.min_s)


def latency_drifts(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Change of latency over the window, beyond what noise explains."""
    if len(facts.durations_ns) < LEAST_INFERENCES:
        return
    drift = drift_of(facts.starts_ns, facts.durations_ns)
    if drift.is_beyond(threshold / 100):
        yield Finding(figure=100 * drift.theil_sen)


def latency_is_dispersed(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Scaled MAD in percent of the median."""
    dispersion = 100 * facts.summary.dispersion
    if dispersion > threshold:
        yield Finding(figure=dispersion)


def latency_has_a_tail(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """90th percentile over median, where there are enough inferences for it."""
    p90_ns = facts.summary.p90_ns
    if p90_ns is not None and p90_ns / facts.summary.median_ns > threshold:
        yield Finding(figure=p90_ns / facts.summary.median_ns)


def foreign_load_is_high(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Percent of all cores that others used in the window."""
    yield from _load_beyond(facts, threshold, facts.window_s)


def foreign_load_bursts(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """The same in the worst five seconds of the window."""
    if facts.window_s > BURST_OF_LOAD_S:
        yield from _load_beyond(facts, threshold, BURST_OF_LOAD_S)


def _load_beyond(facts: RunFacts, threshold: float, span_s: float) -> Iterator[Finding]:
    """An alarm if the load over the worst span exceeds the threshold by more than the resolution."""
    worst = 100 * float(_mean_loads(facts, span_s).max(initial=0.0))
    resolution = 100 * LOAD_RESOLUTION_S / span_s
    if worst - resolution > threshold:
        yield Finding(figure=worst, unit=f"% of all cores over {span_s:.1f} s, known to {resolution:.2g} %")


def _mean_loads(facts: RunFacts, span_s: float) -> Floats:
    """Mean load over spans of the window; each reading is of the time since the sample before.

    Spans begin and end at samples; those of which less than half is known are left out.
    """
    at_s, load = facts.telemetry.at_ns / 1e9, facts.telemetry.series("foreign_cpu")
    if len(at_s) < 2:
        return np.zeros(0)
    known_s = np.where(np.isnan(load), 0.0, np.diff(at_s, prepend=at_s[0]))
    used, known = np.cumsum(known_s * np.nan_to_num(load)), np.cumsum(known_s)
    first, last = facts.window_from_ns / 1e9, facts.window_to_ns / 1e9 - span_s
    starts = np.unique(np.clip(np.concatenate((at_s, at_s - span_s)), first, max(first, last)))
    busy = np.interp(starts + span_s, at_s, used) - np.interp(starts, at_s, used)
    seen = np.interp(starts + span_s, at_s, known) - np.interp(starts, at_s, known)
    is_known = seen >= span_s / 2
    loads: Floats = busy[is_known] / seen[is_known]
    return loads


def _was_stopped_by_heat(facts: RunFacts) -> bool:
    return facts.ended is not None and facts.ended.stopped_by is StoppedBy.HEAT


def _heat_floor(facts: RunFacts) -> int:
    floor = SLOW_HEAT_FLOOR if facts.summary.median_ns > SLOW_NS else HEAT_FLOOR
    return min(floor, facts.protocol.window.min_inferences)
