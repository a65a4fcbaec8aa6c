"""Rules about the board while it measured: supply, throttling, clock, fan, governor, and what it cannot read.

Throttle bits: https://www.raspberrypi.com/documentation/computers/os.html#get_throttled. Bits 0 to 3 are
live, 16 to 19 say that the same has happened since boot or since they were cleared. The clock is the
measured one: the kernel's own figure is what it asked for and does not see the firmware's throttling.
"""

from collections.abc import Iterator

import numpy as np

from orchestrator.analysis.facts import HOST, Flags, RunFacts
from orchestrator.analysis.rules.rule import Finding, Severity

UNDER_VOLTAGE, UNDER_VOLTAGE_SEEN, SOFT_LIMIT = 1 << 0, 1 << 16, 1 << 3
LIVE_THROTTLE = (1 << 1) | (1 << 2) | SOFT_LIMIT
SOFT_LIMIT_HZ = {"pi3+": 1.2e9}
CLOCK_SHARE = 0.98
NEEDED_SERIES = ("temperature_c", "clock_hz", "throttled", "foreign_cpu")
NEEDED_FACTS = ("governor", "clock_limit_hz")


def under_voltage_is_live(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Samples of the whole attempt with bit 0 set."""
    count = int(facts.bits(UNDER_VOLTAGE).sum())
    if count > threshold:
        yield Finding(figure=count)


def under_voltage_was_seen(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Times at which bit 16 rose: an old sticky bit is no under-voltage of this run."""
    seen = facts.bits(UNDER_VOLTAGE_SEEN)[facts.telemetry.integers["throttled"].is_present]
    rises = int((seen[1:] & ~seen[:-1]).sum())
    if rises > threshold:
        yield Finding(figure=rises)


def throttle_bit_is_live(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Samples of the window with bit 1, 2 or 3 set."""
    count = int((facts.bits(LIVE_THROTTLE) & ~_is_at_soft_limit(facts) & facts.in_window).sum())
    if count > threshold:
        yield Finding(figure=count)


def clock_is_low(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Seconds of the window below 98 % of the declared clock, where two samples in a row say so."""
    if facts.clock_limit_hz is None:
        return
    limits = np.full(len(facts.telemetry.at_ns), facts.clock_limit_hz)
    soft = SOFT_LIMIT_HZ.get(facts.board_type, facts.clock_limit_hz)
    limits[facts.bits(SOFT_LIMIT)] = min(soft, facts.clock_limit_hz)
    clock_hz = facts.telemetry.series("clock_hz")
    is_known = facts.in_window & ~np.isnan(clock_hz)
    is_low = (clock_hz < CLOCK_SHARE * limits)[is_known]
    low_s = float(facts.lengths_s(is_known)[is_low].sum())
    if low_s >= threshold and bool((is_low[1:] & is_low[:-1]).any()):
        yield Finding(figure=low_s)


def clock_is_capped(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Percent of the board's highest clock that it was limited to when the run began."""
    limit, highest = facts.environment.get("clock_limit_hz"), facts.environment.get("clock_max_hz")
    if isinstance(limit, (int, float)) and isinstance(highest, (int, float)) and highest > 0:
        share = 100 * limit / highest
        if share < threshold:
            yield Finding(figure=share)


def threads_exceed_cores(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Threads of the runtime, where there are more of them than cores."""
    threads, cores = facts.environment.get("threads"), facts.environment.get("cores")
    if isinstance(threads, int) and isinstance(cores, int) and threads > cores:
        yield Finding(figure=threads, threshold=cores)


def governor_is_another(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """A CPU governor other than performance."""
    governor = facts.environment.get("governor")
    if governor is not None and governor != "performance":
        yield Finding(figure=str(governor), threshold="performance")


def fan_changed(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Change of the fan's speed from the first third of the window to the last."""
    rpm = facts.window_series("fan_rpm")
    rpm = rpm[~np.isnan(rpm)]
    third = len(rpm) // 3
    if third == 0:
        return
    change = float(np.median(rpm[-third:]) - np.median(rpm[:third]))
    if abs(change) > threshold:
        yield Finding(figure=change)


def swap_was_used(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Bytes that went to swap."""
    if facts.swapped_bytes is not None and facts.swapped_bytes > threshold:
        yield Finding(figure=facts.swapped_bytes)


def sensors_are_missing(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Readings that other rules need and that less than this percentage of the window has; on a host a note."""
    missing = [name for name in NEEDED_SERIES if 100 * _known_share(facts, name) < threshold]
    missing += [name for name in NEEDED_FACTS if name not in facts.environment]
    if missing:
        severity = Severity.NOTE if facts.board_type == HOST else Severity.SUSPECT
        yield Finding(figure=", ".join(missing), threshold=f"{threshold:g} %", severity=severity)


def room_was_not_measured(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """A room that no thermometer told: by somebody's word alone, or by nobody's."""
    if np.isnan(facts.telemetry.series("ambient_c")).all():
        who = "nobody" if facts.stated_room_c is None else "somebody's word"
        yield Finding(figure=who, threshold="a thermometer")


def _known_share(facts: RunFacts, series: str) -> float:
    return facts.covered_share(~np.isnan(facts.telemetry.series(series)), facts.held_s)


def _is_at_soft_limit(facts: RunFacts) -> Flags:
    """Samples with bit 3 alone on a 3B+ or 3A+ that holds its soft limit's clock: its declared state."""
    soft = SOFT_LIMIT_HZ.get(facts.board_type, np.inf)
    only_bit_3 = facts.bits(SOFT_LIMIT) & ~facts.bits(LIVE_THROTTLE & ~SOFT_LIMIT)
    return only_bit_3 & (facts.telemetry.series("clock_hz") >= CLOCK_SHARE * soft)
