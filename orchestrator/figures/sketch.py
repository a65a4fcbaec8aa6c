"""What is kept of a soak to draw it: enough for each figure, and no more however long the soak was. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.thermal.curve import Floats, Soak
from orchestrator.analysis.thermal.fit import fit
from orchestrator.analysis.thermal.frame import Refusal
from orchestrator.analysis.thermal.onset import onset_of
from orchestrator.analysis.thermal.stability import early_durations, residency_of, settled_durations
from orchestrator.charts.thinning import every_so_many
from orchestrator.figures.bursts import evenly
from orchestrator.queries.rows import RunView

MOST_POINTS = 1200
CLOCK_STEP_MHZ = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """Telemetry over time, NaN where there is none: seconds since the load began, the die, the fitted curve."""

    at_s: Floats
    die_c: Floats
    fit_c: Floats | None
    room_c: float | None
    start_c: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sketch:
    """A soak as its figures need it; latencies in milliseconds, early and settled ones in order of size.

    `die_c`, `clock_mhz` and `latency_ms` belong to the same inferences. `shares` are of the loaded time, by the true
    clock to the next 100 MHz; None where it was not read.
    """

    run: RunView
    early_ms: Floats
    settled_ms: Floats
    shares: Mapping[int, float] | None
    die_c: Floats
    clock_mhz: Floats
    latency_ms: Floats


def sketch_of(run: RunView, soak: Soak) -> Sketch:
    """What is kept of a soak."""
    latency_ms = soak.durations_s * 1e3
    kept = every_so_many(len(latency_ms), MOST_POINTS)
    return Sketch(
        run=run,
        early_ms=evenly(early_durations(soak, onset_of(soak)) * 1e3),
        settled_ms=evenly(settled_durations(soak) * 1e3),
        shares=_shares(soak),
        die_c=soak.mean_over_inferences(soak.die_c)[kept],
        clock_mhz=soak.mean_over_inferences(soak.clock_hz)[kept] / 1e6,
        latency_ms=latency_ms[kept],
    )


def curve_of(soak: Soak) -> Curve | None:
    """The heating curve with its fit, where there is one; None without readings of the die before or under load."""
    before = soak.die_c[(soak.at_s <= soak.starts_s[0] + soak.period_s) & np.isfinite(soak.die_c)]
    if not len(before):
        return None
    return Curve(at_s=soak.at_s, die_c=soak.die_c, fit_c=_fitted(soak), room_c=soak.room_c, start_c=float(before[-1]))


def _fitted(soak: Soak) -> Floats | None:
    try:
        found = fit(soak)
    except Refusal:
        return None
    fitted: Floats = np.full(len(soak.at_s), np.nan)
    fitted[np.searchsorted(soak.at_s, found.at_s)] = found.fitted_c
    return fitted


def _shares(soak: Soak) -> dict[int, float] | None:
    clocks_mhz = soak.clock_hz[soak.is_loaded & np.isfinite(soak.clock_hz)] / 1e6
    if not len(clocks_mhz):
        return None
    low, high = (round(edge / CLOCK_STEP_MHZ) for edge in (clocks_mhz.min(), clocks_mhz.max()))
    steps_mhz = [step * CLOCK_STEP_MHZ for step in range(low, high + 1)]
    found = residency_of(soak, [(step - CLOCK_STEP_MHZ / 2) * 1e6 for step in steps_mhz])
    return {step: share for step, (_, share) in zip(steps_mhz, found.shares or (), strict=True) if share > 0}
