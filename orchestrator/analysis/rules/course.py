"""Notes about how latency went: what was not counted, what never settled, and why it became slower."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from agent.wire.spec import Regime
from orchestrator.analysis.facts import RunFacts
from orchestrator.analysis.rules.board import CLOCK_SHARE, SOFT_LIMIT_HZ, UNDER_VOLTAGE
from orchestrator.analysis.rules.rule import Finding
from orchestrator.analysis.steadiness import Steadiness

HOT_C, SOFT_LIMIT_HOT_C = 77.0, 57.0  # 3 C below what the firmware acts at


def head_was_trimmed(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Inferences of the window's head that do not count, because the warm-up was not over."""
    if facts.trimmed > threshold:
        yield Finding(figure=facts.trimmed)


def latency_never_settles(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """Percent of the window before latency was steady, where that is too much to leave out."""
    course = facts.course
    is_long = course.steadiness is Steadiness.WARM_UP and not facts.trimmed
    if course.steadiness is not Steadiness.NO_STEADY_STATE and not (is_long and facts.protocol.regime is Regime.BURST):
        return
    counted = facts.inferences.is_counted[facts.inferences.segments == facts.longest_segment]
    share = 100 * float(counted[: course.steady_from].sum()) / float(counted.sum())
    if share > threshold:
        yield Finding(figure=share, unit=f"% of the window: {course.steadiness.value}")


def latency_rose(facts: RunFacts, threshold: float) -> Iterator[Finding]:
    """By how much latency rose over a run, and what clock, temperature and supply say of the cause."""
    course = facts.course
    is_slower = course.steadiness in (Steadiness.SLOWDOWN, Steadiness.NO_STEADY_STATE)
    if is_slower and 100 * course.change > threshold:
        yield Finding(figure=100 * course.change, unit=f"% slower at the end; cause: {slowdown_cause(facts)}")


def slowdown_cause(facts: RunFacts) -> str:
    """Thermal, power, background load or memory, or which readings disagree or lack."""
    fell, is_hot = _clock_fell(facts), _is_hot(facts)
    has_power = bool((facts.bits(UNDER_VOLTAGE) & facts.in_window).any())
    if has_power and fell and is_hot:
        return "power or thermal: under-voltage, and a lower clock on a hot board"
    if has_power:
        return "power: under-voltage"
    if fell is None or is_hot is None:
        return "not known, for want of a true clock or a temperature"
    if fell:
        return "thermal" if is_hot else "the readings disagree: the clock fell on a board that was not hot"
    return "background load or memory: the clock held"


def _clock_fell(facts: RunFacts) -> bool | None:
    clock_hz = _known(facts, "clock_hz")
    quarter = len(clock_hz) // 4
    if not quarter:
        return None
    return float(np.median(clock_hz[-quarter:])) < CLOCK_SHARE * float(clock_hz.max())


def _is_hot(facts: RunFacts) -> bool | None:
    known = _known(facts, "temperature_c")
    hot_c = SOFT_LIMIT_HOT_C if facts.board_type in SOFT_LIMIT_HZ else HOT_C
    return float(known.max()) >= hot_c if len(known) else None


def _known(facts: RunFacts, series: str) -> npt.NDArray[np.float64]:
    values = facts.window_series(series)
    return values[~np.isnan(values)]
