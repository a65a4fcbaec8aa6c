"""Rules that look at other runs: whether this one agrees with what earlier ones gave."""

from collections.abc import Iterator

import numpy as np

from orchestrator.analysis.facts import RunFacts
from orchestrator.analysis.rules.rule import Finding, Severity

SURE_RUNS = 2
SHOWN_DIGITS = 12


def output_differs(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """A first output that is not, bit for bit, what earlier runs of the variant gave; a note for several threads."""
    expected = facts.reference.output_sha256
    came = facts.loaded.output_sha256 if facts.loaded is not None else None
    if expected is None or came is None or came == expected:
        return
    runs = facts.reference.output_runs
    yield Finding(
        figure=came[:SHOWN_DIGITS],
        threshold=expected[:SHOWN_DIGITS],
        unit=f"was the digest of the output, unlike that of {runs} earlier run{'s' if runs > 1 else ''}",
        severity=_gravity(facts),
    )


def kernel_changed(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Another kernel than in the study's first attempt on this device."""
    yield from _changed(facts.reference.kernel, facts.environment.get("kernel"))


def firmware_changed(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Another firmware than in the study's first attempt on this device."""
    yield from _changed(facts.reference.firmware, facts.environment.get("firmware"))


def ambient_moved(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Range of the room's temperature, from this run's samples and the means of the earlier runs of its block."""
    own = facts.telemetry.series("ambient_c")
    own = own[~np.isnan(own)]
    if not len(own):
        return
    others = (facts.reference.ambient_low_c, facts.reference.ambient_high_c)
    seen = np.append(own, [value for value in others if value is not None])
    moved = float(seen.max() - seen.min())
    if moved > threshold:
        yield Finding(figure=moved)


def _gravity(facts: RunFacts) -> Severity:
    """Sums of floats by several threads need not be equal; one earlier run alone may be the wrong one."""
    if facts.declared.threads != 1:
        return Severity.NOTE
    return Severity.INVALID if facts.reference.output_runs >= SURE_RUNS else Severity.SUSPECT


def _changed(before: str | None, now: object) -> Iterator[Finding]:
    if before is not None and now is not None and now != before:
        yield Finding(figure=str(now), threshold=before)
