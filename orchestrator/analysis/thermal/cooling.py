"""How a board cools after the load: the constant and the asymptote of the recorded cooling."""

import math
from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.thermal.curve import Soak
from orchestrator.analysis.thermal.fit import Estimate, chosen
from orchestrator.analysis.thermal.frame import Refusal, require_movement
from orchestrator.analysis.thermal.projection import Design
from orchestrator.analysis.thermal.residuals import block_draws

LEAST_COOLING_S, LEAST_SAMPLES = 120.0, 60
LONGEST_SHARE = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooling:
    """Time constants, fastest first, and the asymptote, of `watched_s` of cooling; `rms_c` is what is left."""

    taus_s: tuple[Estimate, ...]
    asymptote_c: Estimate
    watched_s: float
    rms_c: float

    @property
    def is_long_enough(self) -> bool:
        """Whether it was watched for a slow time constant: the asymptote is an extrapolation before."""
        return self.watched_s >= self.taus_s[-1].value


def cooling_of(soak: Soak, seed: int = 0, resamples: int = 200) -> Cooling:
    """The cooling after the last inference, at the fan level that most of it had.

    One exponential or two, by AICc; errors by block bootstrap. Raises `Refusal` below 120 s or 60 samples.
    """
    levels = soak.fan_levels()
    after = (soak.at_s > soak.end_s) & np.isfinite(soak.die_c)
    if not bool(after.any()):
        raise Refusal("cooling: expected 120 s after the load, got none")
    level = int(np.bincount(levels[after]).argmax())
    own = np.flatnonzero(after & (levels == level))
    runs = np.split(own, np.flatnonzero(np.diff(own) > 1) + 1)
    kept = max(runs, key=len)
    watched_s = float(np.ptp(soak.at_s[kept]))
    if watched_s < LEAST_COOLING_S or len(kept) < LEAST_SAMPLES:
        raise Refusal(f"cooling: expected 120 s and 60 samples at one fan level, got {watched_s:.0f} s, {len(kept)}")
    require_movement(soak.die_c[kept])
    zeros = np.zeros(len(kept))
    design = Design(
        at_s=soak.at_s[kept],
        die_c=soak.die_c[kept],
        drive=zeros,
        room_c=zeros,
        stretch=np.zeros(len(kept), np.int64),
        has_contrast=False,
    )
    solution, _ = chosen(design, LONGEST_SHARE * watched_s)
    errors = block_draws(solution.jacobian, solution.residuals, np.random.default_rng(seed), resamples).std(
        axis=0, ddof=1
    )
    nodes, free = len(solution.taus_s), solution.jacobian.shape[1]
    return Cooling(
        taus_s=tuple(
            Estimate(value=tau_s, error=float(tau_s * error))
            for tau_s, error in zip(solution.taus_s, errors[free - nodes :], strict=True)
        ),
        asymptote_c=Estimate(value=float(solution.terms[0]), error=float(errors[0])),
        watched_s=watched_s,
        rms_c=math.sqrt(solution.squares / (len(kept) - free)),
    )
