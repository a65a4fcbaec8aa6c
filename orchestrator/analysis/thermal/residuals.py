"""What the residuals of a thermal fit say: how sure its figures are, and whether something moved unrecorded."""

import numpy as np
import numpy.typing as npt

from orchestrator.analysis.thermal.projection import Design

BLOCK = 30
CANDIDATES = 40
EDGE_S = 30.0
SIGMAS = 4.0
EDGE_SHARE = 0.1
Floats = npt.NDArray[np.float64]


def block_draws(
    jacobian: Floats, residuals: Floats, rng: np.random.Generator, resamples: int, block: int = BLOCK
) -> Floats:
    """How far a refit would move each parameter: (resamples, parameters).

    Moving block bootstrap (Kuensch, Annals of Statistics 17, 1989) of the residuals, in blocks (of 30 samples) that
    keep their autocorrelation; each replicate is one Gauss-Newton step from the optimum instead of a new search.
    """
    count, free = jacobian.shape
    scaled = (residuals - residuals.mean()) * np.sqrt(count / (count - free))
    length = min(block, count // 2)
    starts = rng.integers(0, count - length + 1, size=(resamples, -(-count // length), 1))
    picks = (starts + np.arange(length)).reshape(resamples, -1)[:, :count]
    moves: Floats = scaled[picks] @ np.linalg.pinv(jacobian, rcond=1e-10).T
    return moves


def unexplained_step_c(design: Design, tau_s: float, jacobian: Floats, residuals: Floats) -> tuple[float, float]:
    """The step of the room, in C, that explains the residuals best (0: none beyond four standard errors), and the least
    step that could be seen at any time but the first and the last tenth.

    A step of the room reaches the die through the slow node. What the fit could have taken for something else is taken
    out first. A wrong power law leaves residuals of the same kind, so it is found here too, but not told apart.
    """
    edges = np.linspace(design.at_s[0] + EDGE_S, design.at_s[-1] - EDGE_S, CANDIDATES)
    since = design.at_s[:, None] - edges
    steps = np.where(since > 0, 1 - np.exp(-np.maximum(since, 0) / tau_s), 0.0)
    norms = np.linalg.norm(jacobian, axis=0)
    basis = np.linalg.qr(jacobian / np.where(norms > 0, norms, 1.0))[0]
    own = steps - basis @ (basis.T @ steps)
    weight = (own**2).sum(axis=0)
    seen = weight > 1e-3
    if not bool(seen.any()):
        return 0.0, float("inf")
    sizes = (own.T @ residuals)[seen] / weight[seen]
    noise = float(np.std(np.diff(residuals))) / np.sqrt(2)
    middle = slice(int(EDGE_SHARE * CANDIDATES), CANDIDATES - int(EDGE_SHARE * CANDIDATES))
    least = SIGMAS * noise / float(np.sqrt(max(weight[middle].min(), 1e-9)))
    scores = np.abs(sizes) * np.sqrt(weight[seen]) / max(noise, 1e-9)
    best = int(np.argmax(scores))
    return (float(sizes[best]) if scores[best] > SIGMAS else 0.0), least
