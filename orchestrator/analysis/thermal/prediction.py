"""What a reliable fit says of soaks that were not run: when a board throttles, how slow it gets, in which room.

Each figure has a 95 % interval from the bootstrap of the fit, widened by what such a fit misses (`MODEL_ERROR` of the
rise; `ROOM_ERROR_C`, or `STATED_ROOM_ERROR_C` where no thermometer told the room; `LATENCY_ERROR` between runs; all
assumed), and says where it leaves its range. Firmware:
the clock falls on a straight line from the top at the soft limit to the lowest at the hard one (sbc-bench logs of a
Pi 3B lie within 90 MHz of that).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from agent.wire.codec import require
from orchestrator.analysis.thermal.curve import Floats
from orchestrator.analysis.thermal.fit import MODEL_ERROR, Estimate, ThermalFit
from orchestrator.analysis.thermal.frame import Drive
from orchestrator.analysis.thermal.power_law import Points, relative_power

SOFT_C, HARD_C = 80.0, 85.0
SOFT_LIMITS_C = {"pi3+": 60.0}  # elsewhere `SOFT_C` (Raspberry Pi documentation, frequency management)
ROOM_ERROR_C, STATED_ROOM_ERROR_C, LATENCY_ERROR = 0.25, 1.0, 0.01
ROOM_REACH_C = 10.0
NEAR_NEVER_C = 1.5
STANDARD_ROOM_C = 25.0
LEAST_SHARE, MOST_SHARE = 0.05, 1.2  # of the cold latency that goes by the clock
ASSUMED_ELASTICITY = (0.6, 1.0)  # a memory-bound share of 0.1 to 0.3, assumed
CLOCKS, MOMENTS = 160, 400
INTERVAL = (0.025, 0.975)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A value and its 95 % interval; infinite means never. `outside` says which limits of validity it leaves."""

    value: float
    low: float
    high: float
    outside: tuple[str, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether it lies within the range that the fit was made for."""
        return not self.outside


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A forecast against a held-out soak: error over the measured value (None if either is never), covered or not."""

    relative_error: float | None
    is_covered: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictor:
    """A fit, with what else a forecast needs. Clocks in Hz; `latency_s` is that at `top_hz`, cold.

    `elasticity` of latency to clock around the clock `elasticity_at_hz`, None where no soak showed it: then 0.6 to 1 at
    the top clock is assumed. From it follows which share of the cold latency goes by the clock; the rest, waiting for
    memory, does not. Raises `WireError` unless the fit is of the drive `LOAD`, has gains and a recorded ambient.
    """

    fit: ThermalFit
    top_hz: float
    min_hz: float
    latency_s: float
    voltages: Points
    elasticity: Estimate | None = None
    elasticity_at_hz: float | None = None
    limit_c: float = SOFT_C
    seed: int = 0
    _draws: Floats = field(init=False)
    _colds_s: Floats = field(init=False)
    _powers: Floats = field(init=False)

    def __post_init__(self) -> None:
        fit = self.fit
        require(fit.drive is Drive.LOAD and fit.gains is not None, "fit", "gains at full load", fit.drive.value)
        require(fit.room_c is not None, "fit.room_c", "a recorded ambient", fit.room_c)
        rng = np.random.default_rng(self.seed)
        best = [fit.idle_c, fit.gain, fit.settled_c, *(fit.gains or ()), *fit.taus_s]
        draws = np.vstack(([each.value if each else math.nan for each in best], fit.draws))
        room_error_c = ROOM_ERROR_C if fit.is_room_recorded else STATED_ROOM_ERROR_C
        draws[1:, 0] += rng.normal(0.0, room_error_c, len(draws) - 1)
        scale = np.append(1.0, rng.normal(1.0, MODEL_ERROR, len(draws) - 1))
        nodes = len(fit.taus_s)
        draws[:, 1] *= scale
        draws[:, 3 : 3 + nodes] *= scale[:, None]
        low, high = ASSUMED_ELASTICITY
        known = self.elasticity
        mixed = rng.normal(known.value, known.error, len(draws)) if known else rng.uniform(low, high, len(draws))
        mixed[0] = known.value if known else (low + high) / 2
        slowed = self.top_hz / (self.elasticity_at_hz or self.top_hz)
        shares = np.clip(mixed / np.maximum(slowed - mixed * (slowed - 1.0), 0.05), LEAST_SHARE, MOST_SHARE)
        object.__setattr__(self, "_draws", np.column_stack((draws, shares)))
        colds_s = self.latency_s * np.append(1.0, np.exp(rng.normal(0.0, LATENCY_ERROR, len(draws) - 1)))
        object.__setattr__(self, "_colds_s", colds_s)
        clocks = np.linspace(self.min_hz, self.top_hz, CLOCKS)
        object.__setattr__(self, "_powers", relative_power(clocks, self.top_hz, self.voltages))

    def seconds_to_throttle(self, start_c: float, room_c: float) -> Forecast:
        """Seconds of load until the die reaches the soft limit, from an idle die of `start_c` in a room; or never."""
        gains, taus = self._gains(), self._taus()
        idle_c = self._idle_c(room_c)
        moments = np.concatenate(([0.0], np.geomspace(0.5, 12 * float(taus[:, -1].max()), MOMENTS)))
        decays = np.exp(-moments / taus[:, :, None])
        heated = (gains[:, :, None] * (1 - decays)).sum(axis=1)
        die_c = idle_c[:, None] + heated + (start_c - idle_c)[:, None] * decays[:, -1]
        return self._spread(_crossings(moments, die_c - self.limit_c), self._outside(room_c, start_c))

    def margin_c(self, room_c: float) -> Forecast:
        """How far the unthrottled die would settle above the soft limit; negative: it never throttles."""
        settled_c = self._idle_c(room_c) + self._gains().sum(axis=1)
        return self._spread(settled_c - self.limit_c, self._outside(room_c))

    def settled_latency_s(self, room_c: float) -> Forecast:
        """Latency when the board has come to rest between heat and firmware."""
        return self._spread(self._latencies_s(room_c), self._outside(room_c))

    def normalised_s(self, measured_s: float, room_c: float, to_c: float = STANDARD_ROOM_C) -> Forecast:
        """A settled latency measured in one room, as it would be in another."""
        ratios = self._latencies_s(to_c) / self._latencies_s(room_c)
        return self._spread(measured_s * ratios, (*self._outside(room_c), *self._outside(to_c)))

    def highest_room_c(self, latency_s: float) -> Forecast:
        """The warmest room in which the settled latency is at most this; minus infinity: in none."""
        ratio = self.latency_s / latency_s
        share = self._draws[:, -1]
        slowed = 1.0 + (max(1.0 / ratio, 1.0) - 1.0) / share
        clock = np.maximum(self.top_hz / slowed, self.min_hz)
        power = relative_power(clock, self.top_hz, self.voltages)
        rise_c = self._idle_c(0.0) + self._gains().sum(axis=1) * power
        rooms_c = self._law_c(clock) - rise_c if ratio <= 1 else np.full(len(clock), -math.inf)
        return self._spread(rooms_c, self._outside(float(rooms_c[0])))

    def highest_rate_per_s(self, room_c: float, below_c: float = 0.0) -> Forecast:
        """The rate of an open loop at which the die settles `below_c` below the soft limit, one after another at most.

        Heat is taken for even: inferences that are long beside the fast constant heat in pulses.
        """
        share = (self.limit_c - below_c - self._idle_c(room_c)) / self._draws[:, 1]
        return self._spread(np.clip(share, 0.0, 1.0) / self._colds_s, self._outside(room_c, is_cold=True))

    def highest_room_for_rate_c(self, rate_per_s: float) -> Forecast:
        """The warmest room in which an open loop of this rate does not throttle; minus infinity: it is too fast."""
        share = rate_per_s * self._colds_s
        rooms_c = np.where(share <= 1.0, self.limit_c - self._idle_c(0.0) - self._draws[:, 1] * share, -math.inf)
        return self._spread(rooms_c, self._outside(float(rooms_c[0]), is_cold=True))

    def cool_down_s(self, from_c: float, to_c: float, room_c: float) -> Forecast:
        """Seconds from the end of a long load at `from_c` to `to_c`, idle; infinite where idle is warmer than that."""
        gains, taus = self._gains(), self._taus()
        idle_c = self._idle_c(room_c)
        starts = np.where(np.arange(gains.shape[1]) < gains.shape[1] - 1, gains, 0.0)
        starts[:, -1] = from_c - idle_c - starts.sum(axis=1)
        moments = np.concatenate(([0.0], np.geomspace(0.5, 12 * float(taus[:, -1].max()), MOMENTS)))
        die_c = idle_c[:, None] + (starts[:, :, None] * np.exp(-moments / taus[:, :, None])).sum(axis=1)
        return self._spread(_crossings(moments, to_c - die_c), self._outside(room_c))

    def _gains(self) -> Floats:
        nodes = len(self.fit.taus_s)
        return self._draws[:, 3 : 3 + nodes] * self.fit.full_drive

    def _taus(self) -> Floats:
        nodes = len(self.fit.taus_s)
        return self._draws[:, 3 + nodes : 3 + 2 * nodes]

    def _idle_c(self, room_c: float) -> Floats:
        return self._draws[:, 0] + room_c - (self.fit.room_c or 0.0)

    def _law_c(self, clock_hz: Floats) -> Floats:
        share = (self.top_hz - clock_hz) / (self.top_hz - self.min_hz)
        return self.limit_c + (HARD_C - SOFT_C) * share

    def _latencies_s(self, room_c: float) -> Floats:
        clocks = np.linspace(self.min_hz, self.top_hz, CLOCKS)
        settled_c = self._idle_c(room_c)[:, None] + self._gains().sum(axis=1)[:, None] * self._powers
        clock = _crossings(clocks, settled_c - self._law_c(clocks))
        clock = np.clip(clock, self.min_hz, self.top_hz)
        return self._colds_s * (1.0 + self._draws[:, -1] * (self.top_hz / clock - 1.0))

    def _outside(self, room_c: float, start_c: float | None = None, *, is_cold: bool = False) -> tuple[str, ...]:
        fit = self.fit
        idle_c = float(self._idle_c(room_c)[0])
        said = {
            f"the fit is unreliable: {', '.join(flaw.value for flaw in fit.flaws)}": not fit.is_reliable,
            f"a room of {room_c:.1f} C is over 10 C from that of the fit": ROOM_REACH_C
            < abs(room_c - (fit.room_c or 0.0))
            < math.inf,
            "the room was stated, not recorded": not fit.is_room_recorded,
            "a start below the idle temperature": start_c is not None and start_c < idle_c - 1.0,
            "elasticity of latency to clock is assumed": self.elasticity is None and start_c is None and not is_cold,
        }
        return tuple(words for words, is_so in said.items() if is_so)

    def _spread(self, values: Floats, outside: tuple[str, ...]) -> Forecast:
        low, high = np.quantile(values[1:], INTERVAL, method="nearest")
        value = float(values[0])
        return Forecast(value=value, low=min(float(low), value), high=max(float(high), value), outside=outside)


def soft_limit_c(board_type: str) -> float:
    """The temperature at which the firmware of such a board begins to throttle."""
    return SOFT_LIMITS_C.get(board_type, SOFT_C)


def check(forecast: Forecast, measured: float | None) -> Check:
    """A forecast against a held-out soak; a measured None means that it never happened."""
    seen = math.inf if measured is None else measured
    is_covered = forecast.low <= seen <= forecast.high
    if not math.isfinite(seen) or not math.isfinite(forecast.value):
        return Check(relative_error=None, is_covered=is_covered)
    return Check(relative_error=forecast.value / seen - 1, is_covered=is_covered)


def share_covered(checks: Sequence[Check]) -> float:
    """Which share of held-out soaks lay within their intervals; NaN of none."""
    return sum(each.is_covered for each in checks) / len(checks) if checks else math.nan


def _crossings(at: Floats, rows: Floats) -> Floats:
    """Where each row first rises through 0; infinite where it never does, the first place where it begins above."""
    is_above = rows >= 0
    first = is_above.argmax(axis=1)
    found: Floats = np.full(len(rows), math.inf)
    found[is_above[:, 0]] = at[0]
    rises = np.flatnonzero(is_above.any(axis=1) & (first > 0))
    place = first[rises]
    before, after = rows[rises, place - 1], rows[rises, place]
    found[rises] = at[place - 1] + (at[place] - at[place - 1]) * before / (before - after)
    return found
