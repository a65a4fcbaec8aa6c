"""Variable projection of a heating curve: what is linear is solved, only the time constants are searched.

``T = c0 + sum_i [G_i (h_i * u) + c_i exp(-t / tau_i)]``: h_i is the response of a first order node, u the drive. Each
stretch of a curve has start terms c_i of its own, because no stretch starts at an equilibrium. (Golub and Pereyra, SIAM
Journal on Numerical Analysis 10, 1973.) For a pair of time constants the least squares need only inner products of
columns, so a grid is one matrix product; the grid is then narrowed around its best pair.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

COARSE, FINE, ROUNDS = 26, 7, 4
LEAST_RATIO = 2.0
RIDGE = 1e-11
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """What is fitted: temperature in C, the drive that holds from each sample to the next, `room_c` the ambient's
    distance from its mean (zeros where it was not recorded), and which stretch a sample belongs to (0, 1, ...).

    Without contrast in the drive its response cannot be told from the start terms, and `has_contrast` is False.
    """

    at_s: Floats
    die_c: Floats
    drive: Floats
    room_c: Floats
    stretch: Integers
    has_contrast: bool

    @property
    def stretches(self) -> int:
        """How many stretches there are."""
        return int(self.stretch[-1]) + 1

    def responses(self, taus_s: Sequence[float]) -> tuple[Floats, Floats]:
        """First order responses to drive and room, (samples, constants) each; exact for a drive that is held."""
        taus, count = np.asarray(taus_s), len(self.at_s)
        out, room = np.zeros((count, len(taus))), np.zeros((count, len(taus)))
        steps = np.diff(self.at_s, append=self.at_s[-1])
        kept = np.exp(-steps[:, None] / taus)
        begins = np.diff(self.stretch, prepend=-1) != 0
        state, air = np.zeros(len(taus)), np.zeros(len(taus))
        for index in range(count):
            if begins[index]:
                state, air = np.zeros(len(taus)), np.full(len(taus), self.room_c[index])
            out[index], room[index] = state, air
            state = self.drive[index] + (state - self.drive[index]) * kept[index]
            air = self.room_c[index] + (air - self.room_c[index]) * kept[index]
        return out, room

    def starts(self, taus_s: Sequence[float]) -> Floats:
        """Decays from each stretch's start: (samples, constants, stretches), 0 outside of their stretch."""
        firsts = np.array([self.at_s[self.stretch == number][0] for number in range(self.stretches)])
        since = self.at_s - firsts[self.stretch]
        decays = np.exp(-since[:, None] / np.asarray(taus_s))
        own = self.stretch[:, None] == np.arange(self.stretches)
        both: Floats = decays[:, :, None] * own[:, None, :]
        return both

    def columns(self, taus_s: Sequence[float]) -> tuple[Floats, Floats]:
        """The linear model for these constants, fastest first, and the temperature less what the room did.

        Columns: 1, the responses (with contrast), then the start terms, stretch by stretch for each constant.
        """
        responses, rooms = self.responses(taus_s)
        starts = self.starts(taus_s).reshape(len(self.at_s), -1)
        parts = [np.ones((len(self.at_s), 1)), *([responses] if self.has_contrast else []), starts]
        return np.hstack(parts), self.die_c - rooms[:, -1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solution:
    """The best constants, fastest first, with the linear terms in the order of `Design.columns`.

    `jacobian` holds the columns and then the derivative by the logarithm of each constant.
    """

    taus_s: tuple[float, ...]
    terms: Floats
    residuals: Floats
    jacobian: Floats

    @property
    def squares(self) -> float:
        """The sum of squared residuals."""
        return float(self.residuals @ self.residuals)


def solve(design: Design, nodes: int, shortest_s: float, longest_s: float) -> Solution:
    """The least squares of one or two nodes with constants between the two limits; deterministic."""
    grid = np.geomspace(shortest_s, longest_s, COARSE)
    step = float(grid[1] / grid[0])
    axes: list[Floats] = [grid] * nodes
    for _ in range(ROUNDS):
        best = _best(design, axes)
        span = step ** np.linspace(-1.0, 1.0, FINE)
        axes = [np.clip(tau * span, shortest_s, longest_s) for tau in best]
        step **= 2.0 / (FINE - 1)
    return _solution(design, _best(design, axes))


def _best(design: Design, axes: Sequence[Floats]) -> tuple[float, ...]:
    """The combination of constants with the least squares; the last axis is the slow node's."""
    taus = np.unique(np.concatenate(axes))
    count, stretches = len(taus), design.stretches
    responses, rooms = design.responses(taus.tolist())
    starts = design.starts(taus.tolist()).reshape(len(design.at_s), -1)
    die = (design.die_c - design.die_c.mean())[:, None]
    whole = np.hstack((np.ones_like(die), responses, starts, rooms, die))
    gram = whole.T @ whole
    at_starts, at_rooms, at_die = 1 + count, 1 + count * (1 + stretches), whole.shape[1] - 1
    places = [np.searchsorted(taus, axis) for axis in axes]
    combos = np.array([c for c in itertools.product(*places) if _is_apart(taus[list(c)])])
    begin = [at_starts + combos[:, [node]] * stretches + np.arange(stretches) for node in range(len(axes))]
    driven = [1 + combos] if design.has_contrast else []
    index = np.hstack((np.zeros((len(combos), 1), np.int64), *driven, *begin))
    room = at_rooms + combos[:, -1]
    inner = gram[index[:, :, None], index[:, None, :]]
    inner = inner + RIDGE * np.eye(index.shape[1]) * np.trace(inner, axis1=1, axis2=2)[:, None, None]
    outer = gram[index, at_die] - gram[index, room[:, None]]
    total = gram[at_die, at_die] - 2 * gram[at_die, room] + gram[room, room]
    terms = np.linalg.solve(inner, outer[:, :, None])[:, :, 0]
    squares = total - (terms * outer).sum(axis=1)
    return tuple(float(taus[place]) for place in combos[int(np.argmin(squares))])


def _is_apart(taus: Floats) -> bool:
    """Whether constants ascend and are far enough apart to be told from each other."""
    return all(after >= LEAST_RATIO * before for before, after in itertools.pairwise(taus.tolist()))


def _solution(design: Design, taus_s: tuple[float, ...]) -> Solution:
    columns, wanted = design.columns(taus_s)
    terms: Floats = np.linalg.lstsq(columns, wanted)[0].astype(np.float64)
    slopes = []
    for node, tau_s in enumerate(taus_s):
        sides = []
        for factor in (1.005, 1 / 1.005):
            moved = (*taus_s[:node], tau_s * factor, *taus_s[node + 1 :])
            shifted, target = design.columns(moved)
            sides.append(shifted @ terms - target)
        slopes.append((sides[0] - sides[1]) / (2 * np.log(1.005)))
    return Solution(
        taus_s=taus_s,
        terms=terms,
        residuals=wanted - columns @ terms,
        jacobian=np.column_stack((columns, *slopes)),
    )
