"""What one step of a search for the highest rate showed: whether it was held, and where its temperature tends to.

A step is held where no live bit says capped, throttled or soft limit, the true clock did not fall below what was asked
for, no more deadlines were missed than `pacing` allows, and the die settles below the temperature at which its firmware
begins to throttle, peaks of single inferences included. Where it settles is said by a fit without a flaw that matters
here, or by the die itself once it stands still; without either a rate is held for the time of the step, not for ever.
"""

import math

import numpy as np

from agent.wire.codec import WireError
from orchestrator.analysis.facts import RunFacts
from orchestrator.analysis.pacing import ALLOWED_MISSES, PaceAnswer, PaceSummary, summarise_pace
from orchestrator.analysis.rate_search import StepAnswer, StepFound
from orchestrator.analysis.thermal.curve import HEAT_BITS, Soak, soak_of
from orchestrator.analysis.thermal.fit import Flaw, ThermalFit, fit
from orchestrator.analysis.thermal.frame import LAST_S, Refusal
from orchestrator.analysis.thermal.onset import CLOCK_SHARE, LEAST_LOW_S
from orchestrator.analysis.thermal.prediction import ROOM_ERROR_C, soft_limit_c

ERRORS = 2.0
TOLERATED = {Flaw.IMPRECISE}  # the error of the settled temperature says it already
STILL_C, STILL_BELOW_C = 0.5, 2.0  # 0.5 C in 300 s leave under 2 C to come, up to a slow constant of 1300 s
RESAMPLES = 100


def step_of(facts: RunFacts) -> StepFound:
    """What a paced run showed; raises `ValueError` where its protocol has no pace."""
    pace = facts.protocol.pace
    if pace is None:
        raise ValueError("protocol.pace: expected one, got none")
    paced, durations_s = summarise_pace(facts.inferences, pace), facts.durations_ns / 1e9
    try:
        soak = soak_of(facts)
    except WireError:
        return _found(paced, float(durations_s.mean()), None, None, facts.board_type, ("no telemetry",))
    fitted, unsure = _fit(soak)
    missing = {
        "throttle bits were not read": bool((soak.bits >= 0).any()),
        "the true clock was not read": bool(np.isfinite(soak.clock_hz).any()),
    }
    said = (*(words for words, is_known in missing.items() if not is_known), *unsure)
    return _found(paced, float(durations_s.mean()), soak, fitted, facts.board_type, said)


def was_throttled(soak: Soak) -> bool:
    """Whether a live bit 1, 2 or 3 was seen under load, or the true clock fell below what was asked for."""
    is_live = soak.is_loaded & (soak.bits >= 0) & ((soak.bits & HEAT_BITS) != 0)
    asked_hz = np.fmin(soak.requested_hz, np.nan if soak.top_hz is None else soak.top_hz)
    is_low = soak.is_loaded & (soak.clock_hz < CLOCK_SHARE * asked_hz)
    is_long = float(is_low.sum()) * soak.period_s >= LEAST_LOW_S
    return bool(is_live.any()) or (is_long and bool((is_low[1:] & is_low[:-1]).any()))


def _found(
    paced: PaceSummary,
    service_s: float,
    soak: Soak | None,
    fitted: ThermalFit | None,
    board_type: str,
    unsure: tuple[str, ...],
) -> StepFound:
    limit_c = soft_limit_c(board_type)
    usable = fitted if fitted is not None and set(fitted.flaws) <= TOLERATED else None
    pulse_c = _pulse_c(fitted, service_s, 1 / paced.rate_per_s)
    return StepFound(
        answer=_answer(paced, soak, usable, limit_c - pulse_c),
        is_for_ever=_is_below(soak, usable, limit_c - pulse_c),
        deadlines=paced.answer.value,
        offered=paced.offered,
        missed=paced.missed,
        service_s=service_s,
        limit_c=limit_c,
        settled_c=_finite(fitted.settled_c.value) if fitted else None,
        settled_error_c=_finite(fitted.settled_c.error) if fitted else None,
        idle_c=_finite(fitted.idle_c.value) if fitted and fitted.idle_c else None,
        rise_c=_finite(fitted.gain.value * fitted.full_drive) if fitted and fitted.gain else None,
        room_c=soak.room_c if soak else None,
        pulse_c=pulse_c,
        unsure=unsure,
    )


def _answer(paced: PaceSummary, soak: Soak | None, usable: ThermalFit | None, limit_c: float) -> StepAnswer:
    if soak is not None and was_throttled(soak):
        return StepAnswer.THROTTLED
    is_missed = paced.answer is PaceAnswer.CANNOT_TELL and paced.missed_share > ALLOWED_MISSES
    if is_missed or paced.answer is PaceAnswer.NOT_HELD:
        return StepAnswer.MISSED
    if usable is not None and usable.settled_c.value >= limit_c:
        return StepAnswer.WOULD_THROTTLE
    return StepAnswer.HELD


def _is_below(soak: Soak | None, usable: ThermalFit | None, limit_c: float) -> bool:
    """Whether it is known that the temperature settles below the limit."""
    if usable is not None:
        return usable.settled_c.value + ERRORS * math.hypot(usable.settled_c.error, ROOM_ERROR_C) < limit_c
    if soak is None or soak.end_s < 2 * LAST_S:
        return False
    halves = [
        soak.die_c[(soak.at_s > soak.end_s - from_s) & (soak.at_s <= soak.end_s - to_s)]
        for from_s, to_s in ((2 * LAST_S, LAST_S), (LAST_S, 0.0))
    ]
    if not all(bool(np.isfinite(half).any()) for half in halves):
        return False
    before_c, last_c = (float(np.nanmean(half)) for half in halves)
    return abs(last_c - before_c) <= STILL_C and last_c + STILL_BELOW_C < limit_c


def _pulse_c(fitted: ThermalFit | None, service_s: float, period_s: float) -> float:
    """How far the die's peaks are above its mean: each node follows a train of pulses by its own constant."""
    if fitted is None or fitted.gains is None or service_s >= period_s:
        return 0.0
    share, pulse_c = service_s / period_s, 0.0
    for gain, tau in zip(fitted.gains, fitted.taus_s, strict=True):
        top = math.expm1(-service_s / tau.value) / math.expm1(-period_s / tau.value)
        pulse_c += max(gain.value, 0.0) * (top - share)
    return pulse_c if math.isfinite(pulse_c) else 0.0


def _fit(soak: Soak) -> tuple[ThermalFit | None, tuple[str, ...]]:
    try:
        fitted = fit(soak, resamples=RESAMPLES)
    except Refusal as refused:
        return None, (f"no thermal fit: {refused}",)
    flaws = (flaw for flaw in fitted.flaws if flaw not in TOLERATED)
    return fitted, tuple(f"the thermal fit is unreliable: {flaw.value}" for flaw in flaws)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
