"""A sweep in words and table rows: the same on every surface. Pure."""

import math
from collections.abc import Callable

from orchestrator.analysis.thermal.fit import Estimate
from orchestrator.analysis.thermal.sweep import HeldLevel, Hysteresis, Row, Sweep, Way
from orchestrator.text import numbers_text
from orchestrator.text.numbers_text import ABSENT, celsius, duration, megahertz, ms, percent

COLUMNS = ("die", "heating", "clock, heating", "slots, heating", "cooling", "clock, cooling", "slots, cooling")
LEVEL_COLUMNS = ("level", "held", "die", "median", "slots", "why not")


def figures(found: Sweep) -> list[list[str]]:
    """How far it came, and what latency follows."""
    came, asked, elasticity = found.swept, found.ramp, found.elasticity
    return [
        ["reached", f"{celsius(came.low_c)} to {celsius(came.high_c)}"],
        ["asked for", f"{celsius(asked.low_c)}: {came.low.value}; {celsius(asked.high_c)}: {came.high.value}"],
        ["safety limit", f"{celsius(asked.limit_c)}, {came.limited} readings at or above it"],
        ["slots", numbers_text.count(found.slots)],
        ["one inference warms the die by", ABSENT if came.inference_c is None else f"{came.inference_c:+.2f} K"],
        ["burner at rest before a slot, at the latest after", duration(came.stand_ns / 1e9)],
        ["heating over cooling, at equal temperature", _hysteresis(found.hysteresis, found.no_hysteresis)],
        ["latency against clock, elasticity", _with_error(elasticity.to_clock, lambda value: f"{value:.2f}")],
        ["latency for 10 K at the same clock", _with_error(elasticity.to_temperature_per_k, _for_ten_kelvin)],
        *([["not told", "; ".join(elasticity.why)]] if elasticity.why else []),
    ]


def row(seen: Row, width_c: float) -> list[str]:
    """One range of temperatures, both ways."""
    return [f"{seen.from_c:.0f} to {seen.from_c + width_c:.0f} °C", *_way(seen.up), *_way(seen.down)]


def level(held: HeldLevel) -> list[str]:
    """One level, as held or why not."""
    spread = "" if held.die_sd_c is None else f" (sd {held.die_sd_c:.2f} K)"
    return [
        celsius(held.level_c),
        duration(held.held_s) if held.held_s else "not held",
        celsius(held.die_c) + spread,
        ms(held.median_ms),
        numbers_text.count(held.slots),
        held.why,
    ]


def _way(way: Way | None) -> list[str]:
    return ["", "", ""] if way is None else [ms(way.median_ms), megahertz(way.clock_hz), str(way.slots)]


def _hysteresis(found: Hysteresis | None, why: str) -> str:
    if found is None:
        return f"{ABSENT}: {why}"
    interval = f"[{percent(found.low)}, {percent(found.high)}]"
    return f"{percent(found.share)} {interval}, {celsius(found.low_c)} to {celsius(found.high_c)}"


def _for_ten_kelvin(per_k: float) -> str:
    return percent(math.expm1(10 * per_k))


def _with_error(found: Estimate | None, say: Callable[[float], str]) -> str:
    return ABSENT if found is None else f"{say(found.value)} (standard error {say(found.error)})"
