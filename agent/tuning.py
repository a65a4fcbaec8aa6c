"""Preparing a board: governor `performance` and f_min = f_max, proven by the true clock, and back again.

What was there before lies in ``tuning.json`` in the home, so it outlives a reboot; a second `prepare` never overwrites
it, and `restore` forgets it only when all of it is back. The limit f_max is kept as it is: raising it is its owner's
decision. `renew` writes the same again: after a throttle a governor may be shown and yet not be applied until a cpufreq
file is touched (raspberrypi/firmware#1469).
"""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.home import Home, write_whole
from agent.kernel_file import Write, set_file, write_directly
from agent.sensors import read_text
from agent.sensors.firmware import Mailbox, open_firmware, parse_clock_hz
from agent.wire.answers import Setting, Tuned, Way
from agent.wire.codec import dumps, loads
from agent.wire.spec import Scalar

GOVERNOR, LOWEST, HIGHEST = "scaling_governor", "scaling_min_freq", "scaling_max_freq"
WANTED_GOVERNOR = "performance"
SAME_CLOCK = 0.98
PATIENCE_S = 5.0
LOAD_S = 0.2
_FILE = "tuning.json"
_CPU = "sys/devices/system/cpu"
_POLICY = re.compile(r"policy\d{1,4}")
_VALUE = re.compile(r"[a-z0-9_]{1,32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """``tuning.json``: by policy, what its owner had (`before`) and what the farm set (`wanted`)."""

    before: Mapping[str, Mapping[str, str]]
    wanted: Mapping[str, Mapping[str, str]]


def is_prepared(home: Home) -> bool:
    """Whether the owner's settings are kept here, to be put back."""
    return (home.path / _FILE).exists()


def prepare(home: Home, *, write: Write | None = None, patience_s: float = PATIENCE_S, load_s: float = LOAD_S) -> Tuned:
    """Set governor and clock on every policy; what was there is stored before anything changes."""
    kept = _read_kept(home) or _look(home)
    if not kept.wanted:
        return Tuned(is_prepared=False, problem="the kernel shows no clock policy that could be set")
    was_prepared = is_prepared(home)
    if not was_prepared:
        write_whole(home.path / _FILE, dumps(kept))
    settings = _apply(home, kept.wanted, write or write_directly)
    if not was_prepared and all(setting.way is Way.NONE for setting in settings):
        (home.path / _FILE).unlink()  # nothing was changed, so there is nothing to put back
        patience_s = 0.0  # nor to wait for
    return _proven(home, settings, _wanted_hz(kept), patience_s, load_s)


def restore(home: Home, *, write: Write | None = None) -> Tuned:
    """Put back what was there before the first `prepare`, and forget it once all of it reads so. Harmless twice."""
    kept = _read_kept(home)
    if kept is None:
        return Tuned(is_prepared=False)
    settings = _apply(home, kept.before, write or write_directly)
    if all(setting.is_verified for setting in settings):
        (home.path / _FILE).unlink(missing_ok=True)
    return Tuned(is_prepared=is_prepared(home), settings=settings)


def renew(
    home: Home, *, write: Write | None = None, patience_s: float = 1.0, load_s: float = LOAD_S
) -> dict[str, Scalar]:
    """Facts for the environment after writing governor and clock again; empty where the board was never prepared."""
    kept = _read_kept(home)
    if kept is None:
        return {}
    settings = _apply(home, kept.wanted, write or write_directly)
    tuned = _proven(home, settings, _wanted_hz(kept), patience_s, load_s)
    facts: dict[str, Scalar] = {"governor_renewed": tuned.is_verified}
    if tuned.clock_hz is not None:
        facts["governor_renewed_clock_hz"] = tuned.clock_hz
    problems = [f"{setting.name}: {setting.problem}" for setting in settings if setting.problem]
    if told := "; ".join([*problems, *filter(None, [tuned.problem])]):
        facts["governor_renewal_problem"] = told[:200]
    return facts


def _read_kept(home: Home) -> Kept | None:
    return loads(Kept, (home.path / _FILE).read_bytes()) if is_prepared(home) else None


def _policies(home: Home) -> Iterator[Path]:
    for path in sorted((home.root / _CPU / "cpufreq").glob("policy*")):
        if _POLICY.fullmatch(path.name):
            yield path


def _look(home: Home) -> Kept:
    before: dict[str, Mapping[str, str]] = {}
    wanted: dict[str, Mapping[str, str]] = {}
    for policy in _policies(home):
        found = {name: read_text(policy / name) for name in (GOVERNOR, LOWEST, HIGHEST)}
        now = {name: text for name, text in found.items() if text is not None and _VALUE.fullmatch(text)}
        highest = now.get(HIGHEST)
        if GOVERNOR not in now or highest is None or not highest.isdigit():
            continue
        before[policy.name] = now
        wanted[policy.name] = {GOVERNOR: WANTED_GOVERNOR, HIGHEST: highest, LOWEST: highest}
    return Kept(before=before, wanted=wanted)


def _apply(home: Home, wanted: Mapping[str, Mapping[str, str]], write: Write) -> tuple[Setting, ...]:
    settings: list[Setting] = []
    for policy, values in sorted(wanted.items()):
        if not _POLICY.fullmatch(policy):
            continue
        folder = home.root / _CPU / "cpufreq" / policy
        for name in _in_order(folder, values):
            settings.append(set_file(home, folder / name, values[name], write))
    return tuple(settings)


def _in_order(folder: Path, values: Mapping[str, str]) -> Sequence[str]:
    """The kernel takes no f_min above f_max at any moment, so which of the two goes first depends on what is there."""
    now = read_text(folder / HIGHEST) or ""
    lowest = values.get(LOWEST, "")
    up = now.isdigit() and lowest.isdigit() and int(lowest) > int(now)
    order = (GOVERNOR, HIGHEST, LOWEST) if up else (GOVERNOR, LOWEST, HIGHEST)
    return [name for name in order if _VALUE.fullmatch(values.get(name, ""))]


def _wanted_hz(kept: Kept) -> float | None:
    clocks = [int(values[HIGHEST]) * 1e3 for values in kept.wanted.values() if values.get(HIGHEST, "").isdigit()]
    return min(clocks, default=None)


def _proven(
    home: Home, settings: tuple[Setting, ...], wanted_hz: float | None, patience_s: float, load_s: float
) -> Tuned:
    """With the true clock under a short load, for a clock that is read at rest is only what was asked for."""
    clock_hz, source = _clock_under_load(home, (wanted_hz or 0) * SAME_CLOCK, patience_s, load_s)
    problem = ""
    if clock_hz is None:
        problem = "the firmware does not tell the true clock: read back only"
    elif wanted_hz is not None and clock_hz < SAME_CLOCK * wanted_hz:
        problem = f"the true clock is {clock_hz / 1e6:.0f} of {wanted_hz / 1e6:.0f} MHz"
    return Tuned(
        is_prepared=is_prepared(home),
        settings=settings,
        wanted_hz=wanted_hz,
        clock_hz=clock_hz,
        clock_source=source,
        problem=problem,
    )


def _clock_under_load(
    home: Home, enough_hz: float, patience_s: float, load_s: float
) -> tuple[float | None, str | None]:
    firmware = open_firmware(home.root)
    if firmware is None:
        return None, None
    give_up = time.monotonic() + patience_s
    try:
        while True:
            _spin(load_s)
            if isinstance(firmware, Mailbox):
                clock_hz = firmware.clock_hz()
            else:
                clock_hz = parse_clock_hz(firmware.ask("measure_clock arm"))
            if clock_hz is None or clock_hz >= enough_hz or time.monotonic() >= give_up:
                return clock_hz, firmware.source
    finally:
        firmware.close()


def _spin(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
