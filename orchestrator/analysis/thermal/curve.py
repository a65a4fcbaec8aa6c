"""A soak as arrays: recorded idle, continuous inference, recorded cooling. What every other module here reads.

Times are seconds since the first inference, so recorded idle lies before 0. A float is NaN where it was not read.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from agent.wire.codec import require
from orchestrator.analysis.facts import RunFacts
from orchestrator.db.columns import InferenceColumns, TelemetryColumns

UNDER_VOLTAGE, CAPPED, THROTTLED, SOFT_LIMITED = 1 << 0, 1 << 1, 1 << 2, 1 << 3
HEAT_BITS = CAPPED | THROTTLED | SOFT_LIMITED
SAME_FAN = 0.08
_SAMPLED = ("at_s", "die_c", "clock_hz", "requested_hz", "bits", "ambient_c", "power_w", "fan_rpm", "foreign_cpu")
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Soak:
    """One soak: telemetry in order of time, and its inferences. `bits` is -1 where the throttle bits were not read.

    `ambient_c` is what a thermometer showed; `stated_room_c` is what somebody said of the room where none did.

    Raises `WireError` unless it has an inference, two samples in order of time, and series of equal length.
    """

    board_type: str
    at_s: Floats
    die_c: Floats
    clock_hz: Floats
    requested_hz: Floats
    bits: Integers
    ambient_c: Floats
    power_w: Floats
    fan_rpm: Floats
    foreign_cpu: Floats
    starts_s: Floats
    durations_s: Floats
    stated_room_c: float | None = None

    def __post_init__(self) -> None:
        count = len(self.at_s)
        series = (self.die_c, self.clock_hz, self.requested_hz, self.bits, self.ambient_c, self.power_w, self.fan_rpm)
        require(count > 1 and bool((np.diff(self.at_s) > 0).all()), "at_s", "two samples or more, ascending", count)
        require(all(len(each) == count for each in series), "series", f"{count} samples each", list(map(len, series)))
        require(len(self.starts_s) == len(self.durations_s) > 0, "starts_s", "an inference", len(self.starts_s))

    @property
    def ends_s(self) -> Floats:
        """When each inference ended."""
        return self.starts_s + self.durations_s

    @property
    def end_s(self) -> float:
        """When the last inference ended."""
        return float(self.starts_s[-1] + self.durations_s[-1])

    @property
    def is_loaded(self) -> Flags:
        """Which samples lie between the first inference and the end of the last."""
        is_loaded: Flags = (self.at_s >= self.starts_s[0]) & (self.at_s <= self.end_s)
        return is_loaded

    @property
    def period_s(self) -> float:
        """The usual time between samples."""
        return float(np.median(np.diff(self.at_s)))

    @property
    def top_hz(self) -> float | None:
        """The highest true clock under load, that of an unthrottled board; None where the clock was not read."""
        clocks = self.clock_hz[self.is_loaded]
        return float(np.nanmax(clocks)) if np.isfinite(clocks).any() else None

    @property
    def is_room_recorded(self) -> bool:
        """Whether a thermometer showed the room, so that its moves are known."""
        return bool(np.isfinite(self.ambient_c).any())

    @property
    def room_c(self) -> float | None:
        """The mean of what a thermometer showed, else what somebody said; None where neither is known."""
        return float(np.nanmean(self.ambient_c)) if self.is_room_recorded else self.stated_room_c

    def busy(self) -> Floats:
        """The share of the time from each sample to the next in which an inference ran, 0 to 1."""
        edges = np.column_stack((self.starts_s, self.ends_s)).ravel()
        done = np.concatenate(([0.0], np.cumsum(self.durations_s)))
        spent = np.column_stack((done[:-1], done[1:])).ravel()
        steps = np.append(np.diff(self.at_s), self.period_s)
        passed: Floats = np.interp(self.at_s + steps, edges, spent) - np.interp(self.at_s, edges, spent)
        share: Floats = np.clip(passed / steps, 0.0, 1.0)
        return share

    def fan_levels(self) -> Integers:
        """A number for each sample, equal where the fan ran alike (within 8 % of its fastest); 0 where not read."""
        levels, centers = np.zeros(len(self.at_s), np.int64), list[float]()
        if not np.isfinite(self.fan_rpm).any():
            return levels
        near = SAME_FAN * max(float(np.nanmax(self.fan_rpm)), 1.0)
        for index, rpm in enumerate(np.nan_to_num(self.fan_rpm, nan=0.0)):
            known = [number for number, center in enumerate(centers) if abs(center - rpm) <= near]
            if not known:
                centers.append(float(rpm))
            levels[index] = known[0] if known else len(centers) - 1
        return levels

    def mean_over_inferences(self, series: Floats) -> Floats:
        """A telemetry series averaged over each inference (trapezoids between samples), as a slow one heats the die."""
        known = np.isfinite(series)
        if int(known.sum()) < 2:
            return np.full(len(self.starts_s), np.nan)
        at, values = self.at_s[known], series[known]
        areas = np.concatenate(([0.0], np.cumsum(np.diff(at) * (values[1:] + values[:-1]) / 2)))
        first, last = (_area(at, values, areas, edge) for edge in (self.starts_s, self.ends_s))
        means: Floats = (last - first) / self.durations_s
        return means


def soak_of(facts: RunFacts) -> Soak:
    """The soak that an attempt was, from its recorded idle on.

    Before that a gate may have warmed the board by its burner, and the model was loaded and answered once: heat that no
    recorded inference accounts for.
    """
    whole = soak_from(facts.board_type, facts.inferences, facts.telemetry, facts.stated_room_c)
    is_own = whole.at_s >= -facts.protocol.recorded_idle_s
    return replace(whole, **{name: getattr(whole, name)[is_own] for name in _SAMPLED})


def soak_from(
    board_type: str, inferences: InferenceColumns, telemetry: TelemetryColumns, stated_room_c: float | None = None
) -> Soak:
    """The soak of raw columns; raises `WireError` where there is too little for one."""
    require(len(inferences.starts_ns) > 0, "inferences", "at least one", 0)
    zero_ns = int(inferences.starts_ns[0])
    throttled = telemetry.integers["throttled"]
    clock_hz = telemetry.series("clock_hz")  # of a running board it is never 0
    return Soak(
        board_type=board_type,
        at_s=(telemetry.at_ns - zero_ns) / 1e9,
        die_c=telemetry.series("temperature_c"),
        clock_hz=np.where(clock_hz > 0, clock_hz, np.nan),
        requested_hz=telemetry.series("requested_hz"),
        bits=np.where(throttled.is_present, throttled.values, -1),
        ambient_c=telemetry.series("ambient_c"),
        power_w=telemetry.series("power_w"),
        fan_rpm=telemetry.series("fan_rpm"),
        foreign_cpu=telemetry.series("foreign_cpu"),
        starts_s=(inferences.starts_ns - zero_ns) / 1e9,
        durations_s=inferences.durations_ns / 1e9,
        stated_room_c=stated_room_c,
    )


def thinned(soak: Soak, most: int) -> Soak:
    """The soak with every n-th telemetry sample, so that there are at most so many; its inferences stay whole."""
    step = -(-len(soak.at_s) // most)
    return soak if step == 1 else replace(soak, **{name: getattr(soak, name)[::step] for name in _SAMPLED})


def _area(at: Floats, values: Floats, areas: Floats, edges: Floats) -> Floats:
    """The integral up to each edge, of straight lines between the samples; the ends go on level."""
    place = np.clip(np.searchsorted(at, edges, side="right") - 1, 0, len(at) - 1)
    here: Floats = np.interp(edges, at, values)
    area: Floats = areas[place] + (edges - at[place]) * (values[place] + here) / 2
    return area
