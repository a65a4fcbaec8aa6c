"""Energy of an inference, gross and net of idle, where the board measures its power (a Pi 5); else null."""

import math
from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.thermal.curve import Flags, Floats, Soak
from orchestrator.analysis.thermal.fit import Estimate

LEAST_SAMPLES = 50
BLOCK = 20
LONGEST_REACH_C = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """Joules an inference; None with the reason in `why`.

    `net_j` is above idle at the same governor and the load's temperature: idle power is a straight line of temperature,
    because a hot die leaks more. `reach_c` is how far the load was hotter than the hottest idle sample.
    """

    gross_j: Estimate | None
    net_j: Estimate | None
    load_w: float | None
    idle_w: float | None
    reach_c: float | None
    why: str


def energy_of(soak: Soak, *, is_same_governor: bool = True) -> Energy:
    """The energy of one soak's inferences; `is_same_governor` tells whether idle ran under that of the load.

    Null below 50 samples of power. Errors from means of blocks of 20 samples; the meter's own calibration (on a Pi 5
    linear, 1.1451 P + 0.588 W against a USB meter, jfikar/RPi5-power) comes on top and is not known for a board.
    """
    known = np.isfinite(soak.power_w) & np.isfinite(soak.die_c)
    loaded, idle = known & soak.is_loaded, known & ~soak.is_loaded
    if int(loaded.sum()) < LEAST_SAMPLES:
        return _nothing(f"power: expected {LEAST_SAMPLES} samples under load, got {int(loaded.sum())}")
    per_inference_s = soak.end_s / len(soak.durations_s)
    load_w = float(soak.power_w[loaded].mean())
    load_error_w = _block_error(soak.power_w[loaded])
    gross = Estimate(value=load_w * per_inference_s, error=load_error_w * per_inference_s)
    idle_found = _idle(soak, idle, float(soak.die_c[loaded].mean()))
    why = ""
    if int(idle.sum()) < LEAST_SAMPLES:
        why = f"idle: expected {LEAST_SAMPLES} samples of power, got {int(idle.sum())}"
    elif not is_same_governor:
        why = "idle: it ran under another governor"
    elif idle_found is not None and idle_found[1] > LONGEST_REACH_C:
        why = f"idle: expected samples within {LONGEST_REACH_C:.0f} C of the load, got {idle_found[1]:.0f} C"
    if why or idle_found is None:
        return Energy(gross_j=gross, net_j=None, load_w=load_w, idle_w=None, reach_c=None, why=why)
    at_load, reach_c = idle_found
    error_w = math.hypot(load_error_w, at_load.error)
    return Energy(
        gross_j=gross,
        net_j=Estimate(value=(load_w - at_load.value) * per_inference_s, error=error_w * per_inference_s),
        load_w=load_w,
        idle_w=at_load.value,
        reach_c=reach_c,
        why="",
    )


def _nothing(why: str) -> Energy:
    return Energy(gross_j=None, net_j=None, load_w=None, idle_w=None, reach_c=None, why=why)


def _idle(soak: Soak, idle: Flags, load_c: float) -> tuple[Estimate, float] | None:
    """Idle power at the load's temperature, and how far that lies above the hottest idle sample."""
    if int(idle.sum()) < LEAST_SAMPLES:
        return None
    die_c, watts = soak.die_c[idle], soak.power_w[idle]
    spread_c = float(np.ptp(die_c))
    columns = np.column_stack((np.ones(len(die_c)), die_c - load_c))[:, : 2 if spread_c > 3.0 else 1]
    terms = np.linalg.lstsq(columns, watts)[0]
    residuals = watts - columns @ terms
    variance = float(residuals @ residuals) / (len(watts) - columns.shape[1])
    error = math.sqrt(variance * float(np.linalg.inv(columns.T @ columns)[0, 0]))
    return Estimate(value=float(terms[0]), error=error), max(0.0, load_c - float(die_c.max()))


def _block_error(watts: Floats) -> float:
    """Standard error of a mean whose samples are correlated."""
    blocks = len(watts) // BLOCK
    means = watts[: blocks * BLOCK].reshape(blocks, BLOCK).mean(axis=1)
    return float(means.std(ddof=1) / math.sqrt(blocks))
