"""What stands in the way of good figures on a board, from its probe and its examination. Pure: changes nothing.

Throttle bits: https://www.raspberrypi.com/documentation/computers/os.html#get_throttled. A Pi 5 wants more than 4.8 V
at its input.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.wire.answers import BusyProcess, Examined, Timer
from agent.wire.spec import Scalar

LEAST_FREE_BYTES = 1024**3
LEAST_INPUT_VOLTS = 4.8
WARM_AT_REST_C = 65.0
BUSY_CORES = 0.05
STICKY_SHIFT = 16
BITS = ("under-voltage", "clock capped", "throttled", "soft temperature limit")
"""Meaning of live bits 0 to 3 of ``get_throttled``; bits 16 to 19 say that it happened since boot."""
NOISY_TIMERS = ("apt-daily", "apt-daily-upgrade", "fstrim", "man-db", "dpkg-db-backup", "logrotate", "e2scrub_all")
NOISY_SERVICES = ("cron", "unattended-upgrades", "packagekit", "systemd-timesyncd", "chrony")


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
Labels = Mapping[str, str]


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


def look_closer(seen: Examined, labels: Labels) -> Checkup:
    """Look through an examination; `labels` are those of the device, for what its owner says of its cooling."""
    findings = [check(seen.facts[fact]) for fact, check in _CLOSER_CHECKS.items() if fact in seen.facts]
    findings += [_check_busy(seen.busy), _check_timers(seen.timers), _check_cooling(seen.facts, labels)]
    return Checkup(findings=tuple(finding for finding in findings if finding is not None), not_checked=seen.absent)


def merged(first: Checkup, second: Checkup) -> Checkup:
    """Both checkups as one, nothing said twice."""
    not_checked = dict.fromkeys((*first.not_checked, *second.not_checked))
    return Checkup(findings=(*first.findings, *second.findings), not_checked=tuple(not_checked))


def _check_governor(facts: Facts) -> Finding | None:
    if facts["governor"] == "performance":
        return None
    advice = "device doctor --fix sets it, and --restore puts back what was there"
    return Finding(code="governor", found=str(facts["governor"]), advice=advice)


def _check_clock_limit(facts: Facts) -> Finding | None:
    limit, most = facts["clock_limit_hz"], facts.get("clock_max_hz")
    if not isinstance(limit, (int, float)) or not isinstance(most, (int, float)) or limit >= most:
        return None
    found = f"limited to {limit / 1e6:.0f} of {most / 1e6:.0f} MHz"
    return Finding(code="clock_limited", found=found, advice="raise scaling_max_freq, unless the limit is your study")


def _check_clock_floor(facts: Facts) -> Finding | None:
    floor, limit = facts["clock_floor_hz"], facts.get("clock_limit_hz")
    if not isinstance(floor, (int, float)) or not isinstance(limit, (int, float)) or floor >= limit:
        return None
    found = f"may fall to {floor / 1e6:.0f} of {limit / 1e6:.0f} MHz"
    return Finding(code="clock_floor", found=found, advice="device doctor --fix sets f_min = f_max")


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
    "clock_floor_hz": _check_clock_floor,
    "swap_total_bytes": _check_swap,
    "zram": _check_zram,
    "link": _check_link,
}


def bits_in_words(bits: int) -> str:
    """`throttled now, under-voltage since boot`; empty where no bit is set."""
    live = [f"{meaning} now" for bit, meaning in enumerate(BITS) if bits >> bit & 1]
    past = [f"{meaning} since boot" for bit, meaning in enumerate(BITS) if bits >> (bit + STICKY_SHIFT) & 1]
    return ", ".join([*live, *past]) or ("unknown bits" if bits else "")


def _check_throttled(bits: Scalar) -> Finding | None:
    if not isinstance(bits, int) or not bits:
        return None
    found = f"0x{bits:x}: {bits_in_words(bits)}"
    advice = "under-voltage: supply and cable; the rest: cooling. What is since boot only, a reboot clears"
    return Finding(code="throttle_history", found=found, advice=advice)


def _check_alarm(alarm: Scalar) -> Finding | None:
    if not alarm:
        return None
    advice = "the board's own supply and a short, thick cable: runs with under-voltage are invalid"
    return Finding(code="power_supply", found="the kernel's low-voltage alarm is set", advice=advice)


def _check_input(volts: Scalar) -> Finding | None:
    if not isinstance(volts, (int, float)) or volts >= LEAST_INPUT_VOLTS:
        return None
    found = f"{volts:.2f} V at the input, expected at least {LEAST_INPUT_VOLTS} V"
    return Finding(code="input_voltage", found=found, advice="the board's own supply and a short, thick cable")


def _check_services(services: Scalar) -> Finding | None:
    active = [name for name in str(services).split(", ") if name in NOISY_SERVICES]
    if not active:
        return None
    advice = "they may wake up during a run: stop those that you do not need"
    return Finding(code="services", found=f"active: {', '.join(active)}", advice=advice)


def _check_fan(why: Scalar) -> Finding | None:
    advice = "only sweeps steer it: a line for sudo lets them (docs/boards.md), else they leave it to the kernel"
    return Finding(code="fan_fixed", found=f"its fan cannot be steered: {why}", advice=advice)


def _check_busy(busy: Sequence[BusyProcess]) -> Finding | None:
    loud = [process for process in busy if process.cores >= BUSY_CORES]
    if not loud:
        return None
    found = ", ".join(f"{process.name} {process.cores:.0%} of a core" for process in loud)
    return Finding(code="other_load", found=found, advice="end it: runs with foreign load become suspect")


def _check_timers(timers: Sequence[Timer]) -> Finding | None:
    noisy = [timer for timer in timers if timer.name.removesuffix(".timer") in NOISY_TIMERS]
    if not noisy:
        return None
    found = ", ".join(f"{timer.name} {_when(timer.next_in_s)}" for timer in noisy)
    return Finding(code="timers", found=found, advice="stop them for a study: sudo systemctl stop NAME.timer")


def _when(next_in_s: float | None) -> str:
    return "at an unknown time" if next_in_s is None else f"in {next_in_s / 60:.0f} min"


def _check_cooling(facts: Facts, labels: Labels) -> Finding | None:
    rest_c, has_fan, told = facts.get("temperature_c"), facts.get("fan_present") is True, labels.get("cooling")
    if isinstance(rest_c, (int, float)) and rest_c >= WARM_AT_REST_C:
        is_still = "; its fan stands still" if has_fan and not facts.get("fan_rpm") else ""
        advice = "a heatsink or a fan, or let it rest first: it throttles from 80 C"
        return Finding(code="hot_at_rest", found=f"{rest_c:.1f} C without a run{is_still}", advice=advice)
    if told is None or (has_fan and told in ("bare", "heatsink", "none", "passive")):
        fan = "a fan that the board controls" if has_fan else "no fan that the board controls"
        advice = "say how it is cooled when it is added: --label cooling=fan, =heatsink or =bare"
        return Finding(code="cooling_label", found=f"label cooling={told or 'not set'}, and {fan}", advice=advice)
    return None


_CLOSER_CHECKS: Mapping[str, Callable[[Scalar], Finding | None]] = {
    "throttled": _check_throttled,
    "low_voltage_alarm": _check_alarm,
    "input_volts": _check_input,
    "services": _check_services,
    "fan_fixed": _check_fan,
}
