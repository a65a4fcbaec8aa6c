"""How latency follows the true clock and the die's temperature, from a soak or a ramp up and down.

``ln latency = a - e ln clock + b (T - mean T)``: e is 1 where the clock decides alone, 0 where memory does. Clock and
temperature are averaged over each inference, since one of a slow model heats the die by kelvins.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.bins import bin_medians
from orchestrator.analysis.thermal.curve import Floats, Soak
from orchestrator.analysis.thermal.fit import Estimate
from orchestrator.analysis.thermal.residuals import block_draws

MOST_BINS, LEAST_BINS = 240, 12
LEAST_CLOCK_RANGE, LEAST_RANGE_C = 0.03, 3.0
MOST_CORRELATION = 0.9
SLOPE_S = 30.0
BLOCK_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Elasticity:
    """Each with its standard error; None where the soak cannot tell, and `why` says what was missing.

    `to_clock` is e; `to_temperature_per_k` is b: what temperature changes beyond what the clock does; None where both
    moved together (correlation above 0.9), then e holds both. `at_hz` is the clock around which e was found: where
    memory takes a part of the time, e is smaller at a higher one. `hysteresis` is the latency while heating over that
    while cooling at the same clock and temperature, minus 1.
    """

    to_clock: Estimate | None
    to_temperature_per_k: Estimate | None
    hysteresis: Estimate | None
    clock_range_hz: tuple[float, float] | None
    temperature_range_c: tuple[float, float] | None
    why: tuple[str, ...]
    at_hz: float | None = None


def elasticity_of(soak: Soak, seed: int = 0, resamples: int = 400) -> Elasticity:
    """The elasticity of a soak's inferences, by least squares on medians of neighbours, errors by block bootstrap."""
    count = len(soak.durations_s)
    edges = np.unique(np.linspace(0, count, min(count, MOST_BINS) + 1).astype(np.int64))
    latency = bin_medians(np.log(soak.durations_s), edges.tolist())
    clock = _means(np.log(soak.mean_over_inferences(soak.clock_hz)), edges.tolist())
    die_c = _means(soak.mean_over_inferences(soak.die_c), edges.tolist())
    at_s = _means(soak.starts_s, edges.tolist())
    why: list[str] = []
    has_clock, has_die = bool(np.isfinite(clock).all()), bool(np.isfinite(die_c).all())
    if len(latency) < LEAST_BINS:
        why.append(f"inferences: expected {LEAST_BINS} or more, got {count}")
    moved_clock = has_clock and float(np.ptp(clock)) >= LEAST_CLOCK_RANGE
    moved_die = has_die and float(np.ptp(die_c)) >= LEAST_RANGE_C
    if not moved_clock:
        why.append("clock: not read, or it moved by less than 3 %")
    if not moved_die:
        why.append("temperature: not read, or it moved by less than 3 C")
    together = moved_clock and moved_die and abs(float(np.corrcoef(clock, die_c)[0, 1])) > MOST_CORRELATION
    if together:
        why.append("clock and temperature moved together: what temperature does is part of the clock's figure")
    columns: dict[str, Floats] = {"level": np.ones(len(latency))}
    if moved_clock:
        columns["clock"] = clock.mean() - clock
    if moved_die and not together:
        columns["die"] = die_c - die_c.mean()
    heating = _is_heating(at_s, die_c) if has_die else None
    if heating is not None and moved_die and 0.15 < float((heating > 0).mean()) < 0.85:
        columns["heating"] = heating / 2
    found = _regress(columns, latency, float(np.ptp(at_s)), seed, resamples) if len(latency) >= LEAST_BINS else {}
    return Elasticity(
        to_clock=_with_steps(found.get("clock"), soak),
        to_temperature_per_k=found.get("die"),
        hysteresis=found.get("heating"),
        clock_range_hz=(float(np.exp(clock.min())), float(np.exp(clock.max()))) if has_clock else None,
        temperature_range_c=(float(die_c.min()), float(die_c.max())) if has_die else None,
        why=tuple(why),
        at_hz=float(np.exp(clock.mean())) if moved_clock else None,
    )


def _with_steps(found: Estimate | None, soak: Soak) -> Estimate | None:
    """With what a clock that is told in coarse steps may hide: a whole step of the range, uniform."""
    if found is None:
        return None
    clocks = np.unique(np.round(soak.clock_hz[soak.is_loaded & np.isfinite(soak.clock_hz)]))
    share = float(np.median(np.diff(clocks)) / np.ptp(clocks)) if len(clocks) > 1 else 0.0
    return Estimate(value=found.value, error=math.hypot(found.error, found.value * share / math.sqrt(3)))


def _means(values: Floats, edges: list[int]) -> Floats:
    return np.array([values[start:end].mean() for start, end in itertools.pairwise(edges)])


def _is_heating(at_s: Floats, die_c: Floats) -> Floats:
    """+1 where the die was warmer 30 s later than 30 s before, else -1."""
    later, before = (np.interp(at_s + shift, at_s, die_c) for shift in (SLOPE_S, -SLOPE_S))
    signs: Floats = np.where(later >= before, 1.0, -1.0)
    return signs


def _regress(
    columns: dict[str, Floats], wanted: Floats, length_s: float, seed: int, resamples: int
) -> dict[str, Estimate]:
    matrix = np.column_stack(list(columns.values()))
    terms = np.linalg.lstsq(matrix, wanted)[0]
    residuals = wanted - matrix @ terms
    block = max(2, round(len(wanted) * BLOCK_S / max(length_s, BLOCK_S)))
    moves = block_draws(matrix, residuals, np.random.default_rng(seed), resamples, block)
    errors = moves.std(axis=0, ddof=1)
    return {
        name: Estimate(value=float(term), error=float(error))
        for name, term, error in zip(columns, terms, errors, strict=True)
    }
