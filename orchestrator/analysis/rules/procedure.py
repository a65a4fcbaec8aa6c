"""Rules about the procedure: gate, telemetry, contacts, and whether what ran is what was asked for."""

from collections.abc import Iterator

import numpy as np

from orchestrator.analysis.facts import RunFacts
from orchestrator.analysis.rules.rule import Figure, Finding, Severity


def gate_timed_out(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Seconds waited at a gate that never opened."""
    if facts.gate is not None and facts.gate.timed_out:
        yield Finding(figure=facts.gate.waited_s, threshold=facts.protocol.gate.timeout_s)


def start_is_outside(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """A start outside the band around the study's start temperature, or above the gate's maximum."""
    gate, asked = facts.gate, facts.protocol.gate
    if gate is None or gate.temperature_c is None:
        return
    start_c = gate.start_c if gate.start_c is not None else asked.start_c
    if start_c is not None and abs(gate.temperature_c - start_c) > asked.band_c + threshold:
        yield Finding(figure=abs(gate.temperature_c - start_c), threshold=asked.band_c, unit="C off the start")
    if asked.max_c is not None and gate.temperature_c > asked.max_c + threshold:
        yield Finding(figure=gate.temperature_c, threshold=asked.max_c)


def went_back_to_the_gate(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Returns to the gate after a warm-up: a note up to `threshold`, then suspect."""
    count = facts.ended.back_to_gate if facts.ended is not None else 0
    if count > 0:
        yield Finding(figure=count, severity=Severity.SUSPECT if count > threshold else Severity.NOTE)


def somebody_spoke_to_the_board(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Contacts in the quiet window; a long run may be asked once a minute."""
    times = facts.ended.contacts_ns if facts.ended is not None else ()
    count = sum(part.quiet_from_ns <= at_ns <= part.to_ns for at_ns in times for part in facts.segments)
    allowed = threshold + (facts.window_s // 60 + 1 if facts.protocol.is_long else 0)
    if count > allowed:
        yield Finding(figure=count, threshold=allowed)


def telemetry_has_a_gap(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """The longest time between telemetry samples in the window."""
    longest = facts.longest_gap_s()
    if longest > threshold:
        yield Finding(figure=longest)


def telemetry_covers_too_little(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Percent of the window that is at most two periods later than a telemetry sample."""
    every_sample = np.ones(len(facts.telemetry.at_ns), np.bool_)
    coverage = 100 * facts.covered_share(every_sample, 2 * facts.protocol.telemetry_period_s)
    if coverage < threshold:
        yield Finding(figure=coverage)


def threads_differ(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Another number of threads than asked for."""
    used = facts.loaded.options.get("intra_op_threads") if facts.loaded is not None else None
    yield from _differs(facts.declared.threads, facts.environment.get("threads") if used is None else used)


def runtime_differs(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Another runtime than asked for, or another version of it than the study began with on this device."""
    yield from _differs(facts.declared.runtime, facts.environment.get("runtime"))
    version = facts.loaded.runtime_version if facts.loaded is not None else None
    yield from _differs(facts.reference.runtime_version, version)


def model_differs(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Another model file than asked for."""
    yield from _differs(facts.declared.artifact_id, facts.environment.get("artifact_id"))


def _differs(asked: Figure | None, came: Figure | None) -> Iterator[Finding]:
    if asked is not None and came is not None and asked != came:
        yield Finding(figure=came, threshold=asked)
