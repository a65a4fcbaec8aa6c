"""The thermal fit of a soak: gains, time constants and settled temperature, with errors, or why there are none.

What temperature can show is the effective gain dT/dP: leakage is a linear feedback and is part of it. With the drive
`LOAD` gains are kelvin at the soak's own full load and clock; only measured power gives K/W. Resistances and capacities
of single nodes are not given: they do not follow from a die temperature alone.
"""

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.thermal.curve import Flags, Floats, Soak
from orchestrator.analysis.thermal.frame import LEAST_KNOWN, Drive, Frame, Refusal, drive_of, framed, main_level
from orchestrator.analysis.thermal.onset import onset_of
from orchestrator.analysis.thermal.power_law import VOLTAGES, Points
from orchestrator.analysis.thermal.projection import Design, Solution, solve
from orchestrator.analysis.thermal.residuals import block_draws, unexplained_step_c

GAIN_AT, GAINS_AT = 1, 3  # among the figures of a fit: the total gain; single gains, then constants
SHORTEST_TAU_S, LONGEST_TAU_S, LONGEST_SHARE = 2.0, 3000.0, 1.5
NOT_SETTLED_C = 1.0
AMBIENT_MOVED_C, MOVED_SHARE, BLIND_SHARE = 0.5, 0.02, 0.04
LEAST_SLOW_TAUS = 1.5
MODEL_ERROR = 0.015
"""Of gains and constants, as a share: two nodes are not the whole board. What the bootstrap cannot see, from simulated
boards (docs/thermal.md)."""
LARGEST_ERROR = 0.025


class Flaw(enum.Enum):
    """Why a fit is unreliable."""

    MOVED = "something moved that was not recorded: the room, or the power law is wrong"
    BLIND = "no thermometer told the room, and its moves could not be seen in the temperature"
    SHORT = "it was watched for less than 1.5 slow time constants"
    AT_LIMIT = "a time constant lies at the limit of the search"
    IMPRECISE = "a gain or the slow time constant has an error above 2.5 %, so that 5 % cannot be promised"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value and its standard error; of gains and constants the model's own error is in it."""

    value: float
    error: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ThermalFit:
    """A fitted soak. Constants and gains are fastest first; gains are None where the drive did not change enough.

    `fitted_c` is the fitted curve at `at_s`, the samples that were fitted, float64, (samples,).
    `draws` are bootstrap replicates, a row each: idle asymptote, total gain, settled temperature, then gains (NaN where
    None), then constants. `room_c` is the mean ambient where a thermometer recorded it, else what somebody stated, None
    where nobody did. `full_drive` is the drive of
    the unthrottled load. `settled_c` is what the end of the load tends to or, unless `is_whole`, where it would settle
    if it did not throttle. `last_c` is the mean of the last 300 s, None where they were not fitted or at another level.
    """

    drive: Drive
    is_whole: bool
    fan_level: int
    taus_s: tuple[Estimate, ...]
    gains: tuple[Estimate, ...] | None
    gain: Estimate | None
    idle_c: Estimate | None
    settled_c: Estimate
    last_c: float | None
    room_c: float | None
    is_room_recorded: bool
    full_drive: float
    rms_c: float
    step_c: float
    why: str
    flaws: tuple[Flaw, ...]
    draws: Floats
    at_s: Floats
    fitted_c: Floats

    @property
    def is_reliable(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.flaws

    @property
    def is_settled(self) -> bool | None:
        """Whether the asymptote is within 1 C of the last 300 s; None where that cannot be said."""
        return None if self.last_c is None else abs(self.settled_c.value - self.last_c) <= NOT_SETTLED_C

    @property
    def rise_c(self) -> float | None:
        """How far the die settles above the room."""
        return None if self.room_c is None else self.settled_c.value - self.room_c


def fit(
    soak: Soak,
    *,
    drive: Drive = Drive.LOAD,
    voltages: Mapping[str, Points] = VOLTAGES,
    seed: int = 0,
    resamples: int = 200,
) -> ThermalFit:
    """The fit of one soak, of one or two nodes by AICc. Raises `Refusal`.

    What is not throttled comes first: before the onset and after the load. Only if that is not enough, the throttled
    part is fitted too, which needs the board's voltages and its true clock, or measured power. Where the fan changed,
    only the stretches at the level that most of the load ran at are used.
    """
    rng = np.random.default_rng(seed)
    onset_s = onset_of(soak).at_s
    if drive is Drive.POWER or onset_s is None:
        return _fit(soak, drive, voltages, None, rng, resamples)
    has_law = soak.board_type in voltages and bool(np.isfinite(soak.clock_hz[soak.is_loaded]).mean() >= LEAST_KNOWN)
    try:
        part = _fit(soak, drive, voltages, onset_s, rng, resamples)
    except Refusal:
        if not has_law:
            raise
        return _fit(soak, drive, voltages, None, rng, resamples)
    if part.is_reliable or not has_law:
        return part
    whole = _fit(soak, drive, voltages, None, rng, resamples)
    return whole if len(whole.flaws) <= len(part.flaws) else part


def _fit(
    soak: Soak,
    drive: Drive,
    voltages: Mapping[str, Points],
    onset_s: float | None,
    rng: np.random.Generator,
    resamples: int,
) -> ThermalFit:
    """The fit without what lies between `onset_s` and the end of the load; None: with it."""
    signal = drive_of(soak, drive, voltages, onset_s is None)
    level = main_level(soak)
    wanted: Flags = (soak.fan_levels() == level) & np.isfinite(signal) & np.isfinite(soak.die_c)
    if onset_s is not None:
        wanted &= (soak.at_s < onset_s) | (soak.at_s > soak.end_s)
    frame = framed(soak, wanted, signal, drive)
    design = frame.design
    longest_s = min(LONGEST_TAU_S, LONGEST_SHARE * _watched_s(design))
    solution, why = chosen(design, longest_s)
    terms, logs = solution.terms, np.log(solution.taus_s)
    moves = block_draws(solution.jacobian, solution.residuals, rng, resamples)
    draws = np.array(
        [frame.values(terms + move[: len(terms)], logs + np.clip(move[len(terms) :], -1, 1)) for move in moves]
    )
    values = frame.values(terms, logs)
    of_model = np.where(np.arange(len(values)) == GAIN_AT, MODEL_ERROR, 0.0)
    of_model[GAINS_AT:] = MODEL_ERROR
    errors = np.hypot(draws.std(axis=0, ddof=1), of_model * np.abs(values))
    each = [Estimate(value=float(value), error=float(error)) for value, error in zip(values, errors, strict=True)]
    nodes = len(logs)
    step_c, least_step_c = unexplained_step_c(design, solution.taus_s[-1], solution.jacobian, solution.residuals)
    return ThermalFit(
        drive=drive,
        is_whole=onset_s is None,
        fan_level=level,
        taus_s=tuple(each[3 + nodes :]),
        gains=tuple(each[3 : 3 + nodes]) if design.has_contrast else None,
        gain=each[1] if np.isfinite(values[1]) else None,
        idle_c=each[0] if design.has_contrast else None,
        settled_c=each[2],
        last_c=frame.last_c,
        room_c=frame.room_c,
        is_room_recorded=frame.is_room_recorded,
        full_drive=frame.full_drive,
        rms_c=math.sqrt(solution.squares / (len(design.at_s) - solution.jacobian.shape[1])),
        step_c=step_c,
        why=why,
        flaws=tuple(_flaws(frame, each, nodes, longest_s, (step_c, least_step_c))),
        draws=draws,
        at_s=design.at_s,
        fitted_c=design.die_c - solution.residuals,
    )


def _watched_s(design: Design) -> float:
    """The longest stretch."""
    return max(float(np.ptp(design.at_s[design.stretch == number])) for number in range(design.stretches))


def chosen(design: Design, longest_s: float) -> tuple[Solution, str]:
    """One node or two, by AICc (Hurvich and Tsai, Biometrika 76, 1989): two only where they explain enough more."""
    found = {nodes: solve(design, nodes, SHORTEST_TAU_S, longest_s) for nodes in (1, 2)}
    scores = {nodes: _aicc(each) for nodes, each in found.items()}
    nodes = 2 if scores[2] < scores[1] else 1
    return found[nodes], f"AICc of two nodes less that of one: {scores[2] - scores[1]:+.1f}"


def _aicc(solution: Solution) -> float:
    count, free = solution.jacobian.shape
    penalty = 2 * (free + 1) * count / (count - free - 2)
    return float(count * math.log(solution.squares / count) + penalty)


def _flaws(
    frame: Frame, each: list[Estimate], nodes: int, longest_s: float, steps_c: tuple[float, float]
) -> list[Flaw]:
    design, (step_c, least_step_c) = frame.design, steps_c
    rise_c = abs(each[1].value) * frame.full_drive if math.isfinite(each[1].value) else 0.0
    is_recorded = frame.is_room_recorded
    moved_c = max(AMBIENT_MOVED_C, MOVED_SHARE * rise_c) if is_recorded else AMBIENT_MOVED_C
    taus = each[3 + nodes :]
    precise = [taus[-1], *([each[1]] if math.isfinite(each[1].value) else [])]
    found = {
        Flaw.MOVED: abs(step_c) > moved_c,
        Flaw.BLIND: not is_recorded and least_step_c > BLIND_SHARE * rise_c,
        Flaw.SHORT: _watched_s(design) < LEAST_SLOW_TAUS * taus[-1].value,
        Flaw.AT_LIMIT: taus[-1].value > 0.99 * longest_s or taus[0].value < 1.01 * SHORTEST_TAU_S,
        Flaw.IMPRECISE: any(item.error > LARGEST_ERROR * abs(item.value) for item in precise),
    }
    return [flaw for flaw, is_there in found.items() if is_there]
