"""Rules about the latencies and what disturbed them: number, drift, dispersion, foreign load."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from orchestrator.analysis.drift import LEAST_INFERENCES, drift_of
from orchestrator.analysis.facts import RunFacts, Segment
from orchestrator.analysis.rules.rule import Finding

Floats = npt.NDArray[np.float64]

BURST_OF_LOAD_S = 5.0
# The kernel counts in ticks of 10 ms: clean windows of 1.5 s read up to 1.6 % of foreign load.
LOAD_RESOLUTION_S = 0.024


def window_is_short(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Fewer inferences than the protocol's minimum, and no heat to excuse it."""
    if not facts.was_heat_limited and len(facts.durations_ns) < facts.floor:
        yield Finding(figure=len(facts.durations_ns), threshold=facts.floor)


def heat_left_too_little(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Fewer inferences before the heat limit, all segments together, than a median needs."""
    if facts.was_heat_limited and len(facts.durations_ns) < facts.floor:
        yield Finding(figure=len(facts.durations_ns), threshold=facts.floor)


def heat_ended_the_window(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """A window that the heat limit ended early or cut into segments, with enough inferences."""
    if facts.was_heat_limited and len(facts.durations_ns) >= facts.floor:
        yield Finding(figure=facts.window_s, threshold=facts.protocol.window.min_s)


def latency_drifts(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Change of latency over the window, or its longest segment, beyond what noise explains."""
    starts_ns, durations_ns = facts.longest
    if len(durations_ns) < LEAST_INFERENCES:
        return
    drift = drift_of(starts_ns, durations_ns)
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
    spans = [_loads(facts, segment, segment.length_s) for segment in facts.segments]
    busy_s, seen_s = (sum(float(span[row].sum()) for span in spans) for row in (0, 1))
    if seen_s >= facts.window_s / 2:
        yield from _beyond(busy_s / seen_s, threshold, facts.window_s)


def foreign_load_bursts(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """The same in the worst five seconds of the window."""
    worst = 0.0
    for segment in facts.segments:
        if segment.length_s > BURST_OF_LOAD_S:
            busy_s, seen_s = _loads(facts, segment, BURST_OF_LOAD_S)
            is_known = seen_s >= BURST_OF_LOAD_S / 2
            worst = max(worst, float((busy_s[is_known] / seen_s[is_known]).max(initial=0.0)))
    yield from _beyond(worst, threshold, BURST_OF_LOAD_S)


def _beyond(load: float, threshold: float, span_s: float) -> Iterator[Finding]:
    """An alarm if a load over a span exceeds the threshold by more than the resolution."""
    resolution = 100 * LOAD_RESOLUTION_S / span_s
    if 100 * load - resolution > threshold:
        yield Finding(figure=100 * load, unit=f"% of all cores over {span_s:.1f} s, known to {resolution:.2g} %")


def _loads(facts: RunFacts, segment: Segment, span_s: float) -> tuple[Floats, Floats]:
    """For each span of this length in a segment: time that others were busy, and time that is known; spans begin or
    end at samples, and each reading is of the time since the sample before.
    """
    at_s, load = facts.telemetry.at_ns / 1e9, facts.telemetry.series("foreign_cpu")
    if len(at_s) < 2:
        return np.zeros(0), np.zeros(0)
    known_s = np.where(np.isnan(load), 0.0, np.diff(at_s, prepend=at_s[0]))
    used, known = np.cumsum(known_s * np.nan_to_num(load)), np.cumsum(known_s)
    first, last = segment.from_ns / 1e9, segment.to_ns / 1e9 - span_s
    starts = np.unique(np.clip(np.concatenate((at_s, at_s - span_s)), first, max(first, last)))
    busy = np.interp(starts + span_s, at_s, used) - np.interp(starts, at_s, used)
    seen = np.interp(starts + span_s, at_s, known) - np.interp(starts, at_s, known)
    return busy, seen
