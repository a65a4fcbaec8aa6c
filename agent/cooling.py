"""What a cooling board tends to, and how fast: an exponential fit to its temperatures. Pure, no I/O.

``T = asymptote + c exp(-t / tau)``: a one-dimensional search over log tau, linear least squares for the rest. The first
`SETTLE_S` are left out, in which the die itself follows its board (fast time constants: 7 to 17 s). Readings scatter by
0.4 C and come in steps of 0.5 C, so they are averaged over `BIN_S` first. Errors come from the spread over all time
constants that fit, widened by how much the residuals scatter and hang together.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.wire.codec import require

BIN_S = 5.0
SETTLE_S = 75.0
LEAST_BINS = 4
READING_SD_C = 0.43
_SHORTEST_TAU_S, _LONGEST_TAU_S, _TAUS = 60.0, 1500.0, 40
_STEP = math.log(_LONGEST_TAU_S / _SHORTEST_TAU_S) / (_TAUS - 1)
_TAU_GRID_S = tuple(_SHORTEST_TAU_S * math.exp(_STEP * index) for index in range(_TAUS))
_FLAT_WITHIN = 9.0  # an exponential that improves the fit by less (chi squared) is not seen in it
_HIDDEN_SHARE = 0.5  # of the way that a slow curve, unseen in the noise, may still have to go
_TELLS_TAU_WITHIN = 0.4  # standard error of log tau
_ROOM_C = 0.25  # what a room that moves by about 3 C an hour adds to the error in five minutes
_HANGS_TOGETHER_AT_MOST = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What is known before a fit: the asymptote, and the natural logarithm of tau in seconds, each with its error.

    By default only what holds for every board: time constants of 120 to 720 s.
    """

    asymptote_c: float | None = None
    asymptote_error_c: float = 1.5
    log_tau: float = math.log(350.0)
    log_tau_error: float = 0.8

    def __post_init__(self) -> None:
        require(self.asymptote_error_c > 0, "asymptote_error_c", "more than 0", self.asymptote_error_c)
        require(self.log_tau_error > 0, "log_tau_error", "more than 0", self.log_tau_error)
        within = math.log(_SHORTEST_TAU_S) <= self.log_tau <= math.log(_LONGEST_TAU_S)
        require(within, "log_tau", f"log of {_SHORTEST_TAU_S:g}..{_LONGEST_TAU_S:g} s", self.log_tau)


NOTHING = Prior()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One curve that fits, with its share among all; `scale_c` is the height above the asymptote at time 0."""

    share: float
    tau_s: float
    asymptote_c: float
    scale_c: float

    def at_c(self, at_s: float) -> float:
        """Temperature at a time of the fit's clock."""
        return self.asymptote_c + self.scale_c * math.exp(-at_s / self.tau_s)

    def reaches_s(self, level_c: float) -> float:
        """When the curve is down at a level; 0 where it always was, infinite where it never comes so low."""
        if self.asymptote_c >= level_c:
            return math.inf
        height_c = level_c - self.asymptote_c
        return self.tau_s * math.log(self.scale_c / height_c) if self.scale_c > height_c else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooling:
    """A fit: the temperature that the board tends to, and its standard error; `tau_s` is None where none can be told.

    `log_tau_error` is the standard error of the logarithm of tau. `candidates` are the curves that fit.
    """

    asymptote_c: float
    error_c: float
    tau_s: float | None
    log_tau_error: float
    candidates: tuple[Candidate, ...]

    def spread(self, figure: Callable[[Candidate], float]) -> tuple[float, float, float]:
        """A figure of the curves that fit: its 10 %, 50 % and 90 % points."""
        return self._quantile(figure, 0.1), self._quantile(figure, 0.5), self._quantile(figure, 0.9)

    def _quantile(self, figure: Callable[[Candidate], float], share: float) -> float:
        ordered = sorted((figure(candidate), candidate.share) for candidate in self.candidates)
        total = 0.0
        for value, weight in ordered:
            total += weight
            if total >= share:
                return value
        return ordered[-1][0]


class Trace:
    """The temperatures of a board that cools or idles, in bins of `BIN_S`; times are since it was left alone.

    Lifecycle: `add` in order of time; made anew when something heats the board.
    """

    def __init__(self) -> None:
        self.began_s: float | None = None
        self.last_s = 0.0
        self._bins: list[list[float]] = []

    @property
    def lasted_s(self) -> float:
        """Time between the first reading and the newest."""
        return self.last_s - self.began_s if self.began_s is not None else 0.0

    def add(self, at_s: float, temperature_c: float) -> None:
        """Take a reading."""
        if self.began_s is None:
            self.began_s = at_s
        self.last_s = at_s
        index = int(self.lasted_s // BIN_S)
        if not self._bins or self._bins[-1][0] != index:
            self._bins.append([index, 0.0, 0.0, 0.0])
        newest = self._bins[-1]
        newest[1] += 1
        newest[2] += self.lasted_s
        newest[3] += temperature_c

    def points(self, since_s: float = 0.0) -> list[tuple[float, float, float]]:
        """(time, temperature, readings) of each bin from a time on."""
        return [
            (seconds / count, total_c / count, count)
            for index, count, seconds, total_c in self._bins
            if index * BIN_S >= since_s
        ]


def fit_cooling(trace: Trace, prior: Prior = NOTHING) -> Cooling | None:
    """What the board tends to; None before `LEAST_BINS` bins after `SETTLE_S`."""
    points = trace.points(SETTLE_S)
    if len(points) < LEAST_BINS:
        return None
    fits = [_fit(points, tau_s, prior) for tau_s in _TAU_GRID_S]
    best = min(fits, key=lambda fit: fit.misfit)
    widened = _widening(points, best)
    flat_c, flat_misfit = _flat(points)
    is_prior_free = prior.asymptote_c is None
    if is_prior_free and flat_misfit - best.misfit < _FLAT_WITHIN * widened:
        hidden_c = abs(_average(fits, best.misfit, widened).asymptote_c - flat_c) * _HIDDEN_SHARE
        error_c = math.sqrt(READING_SD_C**2 * widened / sum(count for *_, count in points) + _ROOM_C**2 + hidden_c**2)
        level = Candidate(share=1.0, tau_s=_LONGEST_TAU_S, asymptote_c=flat_c, scale_c=0.0)
        return Cooling(asymptote_c=flat_c, error_c=error_c, tau_s=None, log_tau_error=math.inf, candidates=(level,))
    return _average(fits, best.misfit, widened)


def mean_c(trace: Trace) -> float:
    """The mean of all readings; raises `ZeroDivisionError` before the first."""
    points = trace.points()
    return sum(value_c * count for _, value_c, count in points) / sum(count for *_, count in points)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    tau_s: float
    asymptote_c: float
    variance: float
    scale_c: float
    misfit: float


def _fit(points: Sequence[tuple[float, float, float]], tau_s: float, prior: Prior) -> _Fit:
    """The line in exp(-t / tau) with the least misfit, with the prior as one more observation of each parameter."""
    weight = 1 / READING_SD_C**2
    n = e = ee = y = ey = 0.0
    basis = [math.exp(-at_s / tau_s) for at_s, *_ in points]
    for part, (_, value_c, count) in zip(basis, points, strict=True):
        n += weight * count
        e += weight * count * part
        ee += weight * count * part * part
        y += weight * count * value_c
        ey += weight * count * part * value_c
    known_c, known = prior.asymptote_c or 0.0, 0.0
    if prior.asymptote_c is not None:
        known = 1 / prior.asymptote_error_c**2
    determinant = (n + known) * ee - e * e
    asymptote_c = ((y + known * known_c) * ee - e * ey) / determinant
    scale_c = ((n + known) * ey - e * (y + known * known_c)) / determinant
    misfit = known * (asymptote_c - known_c) ** 2 + sum(
        weight * count * (value_c - asymptote_c - scale_c * part) ** 2
        for part, (_, value_c, count) in zip(basis, points, strict=True)
    )
    misfit += ((math.log(tau_s) - prior.log_tau) / prior.log_tau_error) ** 2
    return _Fit(tau_s=tau_s, asymptote_c=asymptote_c, variance=ee / determinant, scale_c=scale_c, misfit=misfit)


def _flat(points: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """The weighted mean, and its misfit."""
    total = sum(count for *_, count in points)
    flat_c = sum(value_c * count for _, value_c, count in points) / total
    return flat_c, sum(count * (value_c - flat_c) ** 2 for _, value_c, count in points) / READING_SD_C**2


def _widening(points: Sequence[tuple[float, float, float]], best: _Fit) -> float:
    """By how much residuals scatter more than readings do, and hang together (first-order autocorrelation); >= 1."""
    residuals = [
        (value_c - best.asymptote_c - best.scale_c * math.exp(-at_s / best.tau_s)) * math.sqrt(count) / READING_SD_C
        for at_s, value_c, count in points
    ]
    squares = sum(value * value for value in residuals)
    if squares == 0:
        return 1.0
    along = sum(before * after for before, after in itertools.pairwise(residuals)) / squares
    along = min(max(along, 0.0), _HANGS_TOGETHER_AT_MOST)
    return max(1.0, squares / max(1, len(points) - 3) * (1 + along) / (1 - along))


def _average(fits: Sequence[_Fit], least: float, widened: float) -> Cooling:
    """All fits together, each by how well it fits."""
    weights = [math.exp(-(fit.misfit - least) / (2 * widened)) for fit in fits]
    total = sum(weights)
    shares = [weight / total for weight in weights]
    pairs = list(zip(shares, fits, strict=True))
    asymptote_c = sum(share * fit.asymptote_c for share, fit in pairs)
    variance = sum(share * (fit.variance * widened + (fit.asymptote_c - asymptote_c) ** 2) for share, fit in pairs)
    log_tau = sum(share * math.log(fit.tau_s) for share, fit in pairs)
    log_error = math.sqrt(sum(share * (math.log(fit.tau_s) - log_tau) ** 2 for share, fit in pairs) + _STEP**2 / 12)
    return Cooling(
        asymptote_c=asymptote_c,
        error_c=math.hypot(math.sqrt(variance), _ROOM_C),
        tau_s=math.exp(log_tau) if log_error <= _TELLS_TAU_WITHIN else None,
        log_tau_error=log_error,
        candidates=tuple(
            Candidate(share=share, tau_s=fit.tau_s, asymptote_c=fit.asymptote_c, scale_c=fit.scale_c)
            for share, fit in pairs
            if share > 1e-3
        ),
    )
