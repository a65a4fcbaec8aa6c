"""Figures as texts, the same in every table, page and report. Pure.

A figure has three significant digits, or as many as its interval needs to be seen: at least five units of the last
digit. Whatever is unknown reads `n/a`, never 0. Sizes are decimal (1 kB = 1000 B).
"""

import math
from collections.abc import Callable, Mapping

ABSENT = "n/a"

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400
_MAX_DECIMALS = 6


def ms(value_ms: float | None) -> str:
    """`12.3 ms`."""
    return _with_unit(value_ms, "ms")


def ms_interval(low_ms: float | None, high_ms: float | None) -> str:
    """`11.9 to 12.8 ms`: both ends with the same decimals."""
    if low_ms is None or high_ms is None:
        return ABSENT
    decimals = _decimals_within(low_ms, low_ms, high_ms)
    return f"{low_ms:.{decimals}f} to {high_ms:.{decimals}f} ms"


def ms_with_interval(value_ms: float | None, low_ms: float | None, high_ms: float | None) -> str:
    """`12.3 ms [11.9, 12.8]`, or the figure alone where there is no interval."""
    if value_ms is None or low_ms is None or high_ms is None:
        return ms(value_ms)
    decimals = _decimals_within(value_ms, low_ms, high_ms)
    return f"{value_ms:.{decimals}f} ms [{low_ms:.{decimals}f}, {high_ms:.{decimals}f}]"


def ratio(value: float | None) -> str:
    """`1.42×`."""
    return ABSENT if value is None else f"{value:.{_decimals(value)}f}×"


def ratio_with_interval(value: float | None, interval: tuple[float, float] | None) -> str:
    """`1.42× [1.38, 1.46]`, or the figure alone where there is no interval."""
    if value is None or interval is None:
        return ratio(value)
    low, high = interval
    decimals = _decimals_within(value, low, high)
    return f"{value:.{decimals}f}× [{low:.{decimals}f}, {high:.{decimals}f}]"


def ratio_interval(interval: tuple[float, float] | None) -> str:
    """`1.38 to 1.46×`: both ends with the same decimals."""
    if interval is None:
        return ABSENT
    low, high = interval
    decimals = _decimals_within(low, low, high)
    return f"{low:.{decimals}f} to {high:.{decimals}f}×"


def size(size_bytes: float | None) -> str:
    """`1.25 MB`."""
    if size_bytes is None:
        return ABSENT
    value, units = float(size_bytes), iter(("B", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while value >= 999.5 and unit != "TB":
        value, unit = value / 1000, next(units)
    return f"{value:.0f} B" if unit == "B" else _with_unit(value, unit)


def duration(duration_s: float | None) -> str:
    """`850 ms`, `4.2 s`, `42 s`, `3 min 20 s`, `2 h 05 min`, `3 d 4 h`."""
    if duration_s is None:
        return ABSENT
    if duration_s < 0.9995:
        return f"{duration_s * 1000:.0f} ms"
    if duration_s < 9.95:
        return f"{duration_s:.1f} s"
    whole_s = round(duration_s)
    if whole_s < _MINUTE_S:
        return f"{whole_s} s"
    if whole_s < _HOUR_S:
        return f"{whole_s // _MINUTE_S} min {whole_s % _MINUTE_S:02d} s"
    if whole_s < _DAY_S:
        return f"{whole_s // _HOUR_S} h {whole_s % _HOUR_S // _MINUTE_S:02d} min"
    return f"{whole_s // _DAY_S} d {whole_s % _DAY_S // _HOUR_S} h"


def time_left(left_s: float | None) -> str:
    """`about 16 min 00 s left`, `ought to end now` where it takes longer than was thought; nothing where not known."""
    if left_s is None:
        return ""
    return f"about {duration(left_s)} left" if left_s >= 1 else "ought to end now"


def age(age_s: float | None) -> str:
    """`just now`, `12 s ago`, `3 min ago`, `5 h ago`, `2 d ago`; `never` where there was no such moment."""
    if age_s is None:
        return "never"
    if age_s < 2:
        return "just now"
    for unit_s, unit in ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min")):
        if age_s >= unit_s:
            return f"{int(age_s // unit_s)} {unit} ago"
    return f"{int(age_s)} s ago"


def celsius(temperature_c: float | None) -> str:
    """`61.5 °C`."""
    return ABSENT if temperature_c is None else f"{temperature_c:.1f} °C"


def megahertz(frequency_hz: float | None) -> str:
    """`2400 MHz`."""
    return ABSENT if frequency_hz is None else f"{frequency_hz / 1e6:.0f} MHz"


def percent(share: float | None) -> str:
    """`12.3 %` of a share of 0.123."""
    return ABSENT if share is None else f"{share * 100:.1f} %"


def joules(energy_j: float | None) -> str:
    """`1.23 J`."""
    return _with_unit(energy_j, "J")


def plain(value: float | None) -> str:
    """`0.699`: a figure without a unit."""
    return ABSENT if value is None else f"{value:.{_decimals(value)}f}"


def count(number: int | None) -> str:
    """`12,345`."""
    return ABSENT if number is None else f"{number:,}"


def counted(number: int, noun: str) -> str:
    """`1 run`, `2,000 runs`."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def fact(name: str, value: object) -> str:
    """A fact of a board, in the unit that its name ends with: `clock_limit_hz` of 2.4e9 is `2400 MHz`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    say = next((say for suffix, say in _FACTS.items() if name.endswith(suffix)), None)
    return str(value) if say is None else say(float(value))


_FACTS: Mapping[str, Callable[[float], str]] = {
    "_hz": megahertz,
    "_bytes": size,
    "_s": duration,
    "_c": celsius,
    "_w": lambda power_w: _with_unit(power_w, "W"),
}


def _with_unit(value: float | None, unit: str) -> str:
    return ABSENT if value is None else f"{value:.{_decimals(value)}f} {unit}"


def _decimals(value: float) -> int:
    """The decimals that leave three significant digits."""
    if value == 0 or not math.isfinite(value):
        return 0
    magnitude = math.floor(math.log10(float(f"{abs(value):.2e}")))
    return min(_MAX_DECIMALS, max(0, 2 - magnitude))


def _decimals_within(value: float, low: float, high: float) -> int:
    """The decimals that also leave five units of the last digit between low and high."""
    width = high - low
    if width <= 0 or not math.isfinite(width):
        return _decimals(value)
    needed = math.ceil(math.log10(5 / width))
    return min(_MAX_DECIMALS, max(_decimals(value), needed))
