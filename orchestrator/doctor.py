"""What stands in the way of good figures on a board, from what its probe found. Pure: looks, says, changes nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.wire.spec import Scalar

LEAST_FREE_BYTES = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it should be: what was found, and what to do about it."""

    code: str
    found: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """The findings on a board, and what could not be looked at because the board does not tell."""

    findings: tuple[Finding, ...]
    not_checked: tuple[str, ...]


Facts = Mapping[str, Scalar]


def examine(facts: Facts, absent: Sequence[str], disk_free_bytes: int, unsupported: Mapping[str, str]) -> Checkup:
    """Look through a probe; `facts` as in `agent.wire.answers.Probe`."""
    findings = [check(facts) for fact, check in _CHECKS.items() if fact in facts]
    if disk_free_bytes < LEAST_FREE_BYTES:
        found = f"{disk_free_bytes / 1e6:.0f} MB free"
        findings.append(Finding(code="disk_full", found=found, advice="free at least 1 GB for artifacts and journals"))
    for runtime, why in unsupported.items():
        advice = "choose a build of it for this board, or another runtime"
        findings.append(Finding(code="runtime_unsupported", found=f"{runtime}: {why}", advice=advice))
    return Checkup(
        findings=tuple(finding for finding in findings if finding is not None),
        not_checked=(*(fact for fact in _CHECKS if fact not in facts), *absent),
    )


def _check_governor(facts: Facts) -> Finding | None:
    if facts["governor"] == "performance":
        return None
    advice = "set it: echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
    return Finding(code="governor", found=str(facts["governor"]), advice=advice)


def _check_clock_limit(facts: Facts) -> Finding | None:
    limit, most = facts["clock_limit_hz"], facts.get("clock_max_hz")
    if not isinstance(limit, (int, float)) or not isinstance(most, (int, float)) or limit >= most:
        return None
    found = f"limited to {limit / 1e6:.0f} of {most / 1e6:.0f} MHz"
    return Finding(code="clock_limited", found=found, advice="raise scaling_max_freq, unless the limit is your study")


def _check_swap(facts: Facts) -> Finding | None:
    total, free = facts["swap_total_bytes"], facts.get("swap_free_bytes")
    if not isinstance(total, (int, float)) or not isinstance(free, (int, float)) or total - free < 16 * 1024**2:
        return None
    found = f"{(total - free) / 1e6:.0f} MB in use"
    return Finding(code="swap_used", found=found, advice="end what fills the memory, then: sudo swapoff -a")


def _check_zram(facts: Facts) -> Finding | None:
    if facts["zram"] is not True:
        return None
    return Finding(code="zram", found="compressed swap is on", advice="it takes CPU time under pressure; disable zram")


def _check_link(facts: Facts) -> Finding | None:
    if facts["link"] != "wifi":
        return None
    return Finding(code="wifi", found="reached by Wi-Fi", advice="use a cable: Wi-Fi heats the board and loses links")


_CHECKS: Mapping[str, Callable[[Facts], Finding | None]] = {
    "governor": _check_governor,
    "clock_limit_hz": _check_clock_limit,
    "swap_total_bytes": _check_swap,
    "zram": _check_zram,
    "link": _check_link,
}
