"""A sweep: latency against the die's temperature on the way up and on the way down. Pure.

Temperature and clock are averaged over each inference. The first inference of each slot is left out: caches are cold
after whatever ran before it. What is compared are medians of slots. Heating and cooling are compared at equal
temperature, in cells of `CELL_C`, what temperature does both ways being taken out; the interval is from a moving block
bootstrap of the slots of either way (Kuensch, Annals of Statistics 17, 1989), blocks of `BLOCK_S`.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from agent.wire.ramp import Level, Ramp, Swept
from orchestrator.analysis.bins import bin_medians
from orchestrator.analysis.facts import RunFacts
from orchestrator.analysis.thermal.curve import Flags, Floats, Integers, Soak, soak_from
from orchestrator.analysis.thermal.elasticity import Elasticity, elasticity_of
from orchestrator.analysis.thermal.frame import Refusal
from orchestrator.db.columns import InferenceColumns

CELL_C, ROW_C = 1.0, 5.0
LEAST_CELLS, LEAST_IN_CELL = 3, 2
BLOCK_S = 30.0
RESAMPLES = 400
NORMAL_95 = 1.96


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slots:
    """The slots of a sweep in order: medians of latency, means of temperature and clock; float64, (slots,).

    NaN where not read. What came before heating began is neither `is_up` nor `is_down`. `at_ns` counts from the claim.
    """

    at_ns: Integers
    latency_s: Floats
    die_c: Floats
    clock_hz: Floats
    is_up: Flags
    is_down: Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class Hysteresis:
    """Latency while heating over that while cooling at equal temperature, minus 1, with its 95 % interval.

    From `cells` temperatures between `low_c` and `high_c` that were passed both ways.
    """

    share: float
    low: float
    high: float
    cells: int
    low_c: float
    high_c: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way through a range of temperatures: median latency, mean clock (null where not read), slots."""

    median_ms: float
    clock_hz: float | None
    slots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was seen from `from_c` to `from_c` + `ROW_C`; null where that way did not pass."""

    from_c: float
    up: Way | None
    down: Way | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLevel:
    """A level as it was held: null figures, and `why`, where it was not. `die_c` is the mean, `die_sd_c` the spread."""

    level_c: float
    held_s: float
    slots: int
    median_ms: float | None
    die_c: float | None
    die_sd_c: float | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A sweep's account. `ramp` is what was asked for, `swept` the board's own word of how far it came.

    Without a hysteresis `no_hysteresis` says why.
    """

    ramp: Ramp
    swept: Swept
    slots: int
    rows: tuple[Row, ...]
    hysteresis: Hysteresis | None
    no_hysteresis: str
    elasticity: Elasticity
    levels: tuple[HeldLevel, ...]


def sweep_of(facts: RunFacts, seed: int = 0) -> Sweep:
    """The account of a completed sweep; raises `Refusal` as `slots_of` does."""
    ramp, swept = _asked_and_came(facts)
    soak, slots = _counted_soak(facts, ramp), slots_of(facts)
    found, why = hysteresis_of(slots, seed)
    return Sweep(
        ramp=ramp,
        swept=swept,
        slots=len(slots.at_ns),
        rows=tuple(_rows(slots)),
        hysteresis=found,
        no_hysteresis=why,
        elasticity=elasticity_of(soak, seed),
        levels=tuple(_level(level, slots) for level in swept.levels),
    )


def slots_of(facts: RunFacts) -> Slots:
    """The slots of a completed sweep; raises `Refusal` for another run and where no slot has a second inference, and
    `WireError` where there are fewer than two telemetry samples."""
    ramp, swept = _asked_and_came(facts)
    soak = _counted_soak(facts, ramp)
    is_first = _is_first(facts.inferences, ramp)
    counts = _counts(facts.inferences, is_first)
    starts_ns = facts.inferences.starts_ns[counts]
    number = np.cumsum(is_first)[counts]
    edges = np.append(np.flatnonzero(np.diff(number, prepend=-1)), len(number))
    at_ns = starts_ns[edges[:-1]]
    up_ns, down_ns = (math.inf if ns is None else ns for ns in (swept.up_from_ns, swept.down_from_ns))
    return Slots(
        at_ns=at_ns,
        latency_s=bin_medians(soak.durations_s, edges.tolist()),
        die_c=_means(soak.mean_over_inferences(soak.die_c), edges),
        clock_hz=_means(soak.mean_over_inferences(soak.clock_hz), edges),
        is_up=(at_ns >= up_ns) & (at_ns < down_ns),
        is_down=at_ns >= down_ns,
    )


def hysteresis_of(slots: Slots, seed: int = 0) -> tuple[Hysteresis | None, str]:
    """The hysteresis of a sweep's slots, or why there is none."""
    known = np.isfinite(slots.die_c)
    up, down = (np.flatnonzero(way & known) for way in (slots.is_up, slots.is_down))
    if not len(up) or not len(down):
        return None, "it was not seen both ways"
    first = math.floor(float(slots.die_c[known].min()) / CELL_C)
    cells = np.floor(np.where(known, slots.die_c, 0.0) / CELL_C).astype(np.int64) - first
    most = int(cells[known].max()) + 1
    logs = np.log(slots.latency_s) - _trend(slots, cells, np.concatenate((up, down)))
    share, both = _difference(logs, cells, up, down, most)
    if len(both) < LEAST_CELLS:
        wanted = f"{LEAST_CELLS} temperatures with {LEAST_IN_CELL} slots either way"
        return None, f"expected {wanted}, got {len(both)}"
    rng = np.random.default_rng(seed)
    draws = [
        _difference(logs, cells, _resampled(up, slots.at_ns, rng), _resampled(down, slots.at_ns, rng), most)[0]
        for _ in range(RESAMPLES)
    ]
    error = float(np.nanstd(draws, ddof=1))
    return Hysteresis(
        share=math.expm1(share),
        low=math.expm1(share - NORMAL_95 * error),
        high=math.expm1(share + NORMAL_95 * error),
        cells=len(both),
        low_c=(first + int(both[0])) * CELL_C,
        high_c=(first + int(both[-1]) + 1) * CELL_C,
    ), ""


def _asked_and_came(facts: RunFacts) -> tuple[Ramp, Swept]:
    ramp, swept = facts.protocol.ramp, None if facts.ended is None else facts.ended.swept
    if ramp is None or swept is None:
        raise Refusal("it is no sweep, or it did not end as one")
    return ramp, swept


def _counted_soak(facts: RunFacts, ramp: Ramp) -> Soak:
    """The run's telemetry with the inferences that count, as arrays."""
    counts = _counts(facts.inferences, _is_first(facts.inferences, ramp))
    if not counts.any():
        raise Refusal("no slot has a second inference")
    inferences = InferenceColumns(
        starts_ns=facts.inferences.starts_ns[counts],
        durations_ns=facts.inferences.durations_ns[counts],
        is_counted=facts.inferences.is_counted[counts],
        segments=facts.inferences.segments[counts],
    )
    return soak_from(facts.board_type, inferences, facts.telemetry)


def _is_first(inferences: InferenceColumns, ramp: Ramp) -> Flags:
    """Which inferences begin a slot: those after a pause. Within a slot they follow each other at once."""
    ends_ns = inferences.starts_ns + inferences.durations_ns
    pauses_ns = inferences.starts_ns[1:] - ends_ns[:-1]
    is_first: Flags = np.concatenate(([True], pauses_ns >= ramp.every_s / 2 * 1e9))
    is_first[np.argmax(inferences.is_counted)] = True  # the first slot may follow the warm-up at once
    return is_first


def _counts(inferences: InferenceColumns, is_first: Flags) -> Flags:
    counts: Flags = inferences.is_counted & ~is_first
    return counts


def _difference(logs: Floats, cells: Integers, up: Integers, down: Integers, most: int) -> tuple[float, Integers]:
    """Mean log ratio of the cells that both ways have, by how much each tells; NaN and none where there is none."""
    sums, counts = [], []
    for way in (up, down):
        counts.append(np.bincount(cells[way], minlength=most).astype(np.float64))
        sums.append(np.bincount(cells[way], weights=logs[way], minlength=most))
    both = np.flatnonzero((counts[0] >= LEAST_IN_CELL) & (counts[1] >= LEAST_IN_CELL))
    if not len(both):
        return math.nan, both
    (up_n, down_n), (up_sum, down_sum) = ([each[both] for each in pair] for pair in (counts, sums))
    weights = up_n * down_n / (up_n + down_n)
    return float(np.average(up_sum / up_n - down_sum / down_n, weights=weights)), both


def _trend(slots: Slots, cells: Integers, chosen: Integers) -> Floats:
    """What temperature does to log latency both ways; taken out, so that a place within a cell matters less."""
    counts = np.bincount(cells[chosen])
    used = np.flatnonzero(counts)
    middles, levels = (
        np.bincount(cells[chosen], weights=values[chosen])[used] / counts[used]
        for values in (slots.die_c, np.log(slots.latency_s))
    )
    trend: Floats = np.interp(slots.die_c, middles, levels)
    return trend


def _resampled(way: Integers, at_ns: Integers, rng: np.random.Generator) -> Integers:
    """As many slots of a way, in blocks of neighbours."""
    count = len(way)
    spacing_s = float(np.median(np.diff(at_ns[way]))) / 1e9 if count > 1 else BLOCK_S
    length = min(max(2, round(BLOCK_S / max(spacing_s, 1e-9))), max(count // 2, 1))
    starts = rng.integers(0, count - length + 1, size=(-(-count // length), 1))
    picked: Integers = way[(starts + np.arange(length)).ravel()[:count]]
    return picked


def _rows(slots: Slots) -> Iterator[Row]:
    known = np.isfinite(slots.die_c)
    if not known.any():
        return
    low_c, high_c = (float(pick(slots.die_c[known])) for pick in (np.min, np.max))
    for number in range(math.floor(low_c / ROW_C), math.floor(high_c / ROW_C) + 1):
        from_c = number * ROW_C
        inside = known & (slots.die_c >= from_c) & (slots.die_c < from_c + ROW_C)
        yield Row(from_c=from_c, up=_way(slots, inside & slots.is_up), down=_way(slots, inside & slots.is_down))


def _way(slots: Slots, chosen: Flags) -> Way | None:
    if not chosen.any():
        return None
    clocks = slots.clock_hz[chosen]
    is_read = bool(np.isfinite(clocks).any())
    return Way(
        median_ms=float(np.median(slots.latency_s[chosen])) * 1e3,
        clock_hz=float(np.nanmean(clocks)) if is_read else None,
        slots=int(chosen.sum()),
    )


def _level(level: Level, slots: Slots) -> HeldLevel:
    ends_ns = level.at_ns + level.held_s * 1e9
    chosen = (slots.at_ns >= level.at_ns) & (slots.at_ns < ends_ns) & np.isfinite(slots.die_c)
    count = int(chosen.sum())
    return HeldLevel(
        level_c=level.level_c,
        held_s=level.held_s,
        slots=count,
        median_ms=float(np.median(slots.latency_s[chosen])) * 1e3 if count else None,
        die_c=float(slots.die_c[chosen].mean()) if count else None,
        die_sd_c=float(slots.die_c[chosen].std(ddof=1)) if count > 1 else None,
        why=level.why or ("" if count else "no slot was in it"),
    )


def _means(values: Floats, edges: Integers) -> Floats:
    return np.array([values[start:end].mean() for start, end in itertools.pairwise(edges.tolist())])
