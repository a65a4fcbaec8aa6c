"""Runs without a fault, made up: latencies of a noise cell, and the telemetry of a board that does what it should.

The noise is that of inference on small boards: lognormal, correlated between neighbours or not, 1 % of hiccups of 5 to
30 %, a few slow first inferences, one run in twenty slower as a whole. Telemetry jitters by the resolution of its
sources: thermometer steps, the kernel's ticks in the foreign load, the steps of a clock. All from one generator.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent.wire.records import Ended, GatePassed, Outcome, StoppedBy
from orchestrator.analysis.facts import RunFacts
from orchestrator.db.columns import InferenceColumns, IntegerSeries, TelemetryColumns
from orchestrator.protocols import preset

Floats = npt.NDArray[np.float64]

LIMIT_HZ, CLOCK_STEP_HZ = 2.4e9, 6e6
CORES, TICK_S = 4, 0.01
FOREIGN_CPU = 0.004
START_C, RISE_C, WARMING_S = 52.0, 9.0, 20.0
SENSOR_STEP_C, SENSOR_NOISE_C = 0.55, 0.4
HICCUP_SHARE, BAD_SHARE, BAD_BY = 0.01, 0.05, 0.05
GATE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseCell:
    """Scatter of latencies, between runs and inside one, as a share; correlation of neighbours inside a run."""

    sigma: float
    correlation: float

    @property
    def text(self) -> str:
        """Its name in a table."""
        return f"sigma {self.sigma:.1%}, AR {self.correlation:g}"


NOISE_CELLS = tuple(
    NoiseCell(sigma=sigma, correlation=correlation) for sigma in (0.005, 0.010, 0.015) for correlation in (0.0, 0.5)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How many inferences a window of a protocol holds."""

    protocol: str
    inferences: int


LENGTHS = (
    Length(protocol="quick", inferences=20),
    Length(protocol="standard", inferences=30),
    Length(protocol="standard", inferences=120),
    Length(protocol="standard", inferences=600),
)


def clean_run(rng: np.random.Generator, cell: NoiseCell, length: Length) -> RunFacts:
    """One run of a Pi 5 that nothing disturbed."""
    protocol = preset(length.protocol).protocol
    median_ns = 1.02e9 * max(protocol.window.min_s, 0.05 * length.inferences) / length.inferences
    warm_up = max(protocol.warm_up.min_inferences, round(1e9 * protocol.warm_up.min_s / median_ns))
    durations_ns = (median_ns * np.exp(_noise(rng, cell, warm_up + length.inferences))).astype(np.int64)
    slow = int(rng.integers(1, 4))
    durations_ns[:slow] = durations_ns[:slow] * rng.uniform(1.2, 3.0, slow)
    starts_ns = int(GATE_S * 1e9) + np.concatenate(([0], np.cumsum(durations_ns + 3000)[:-1]))
    inferences = InferenceColumns(
        starts_ns=starts_ns,
        durations_ns=durations_ns,
        is_counted=np.arange(len(starts_ns)) >= warm_up,
        segments=np.zeros(len(starts_ns), np.int64),
    )
    end_ns = int(starts_ns[-1] + durations_ns[-1])
    return RunFacts(
        protocol=protocol,
        board_type="pi5",
        inferences=inferences,
        telemetry=_telemetry(rng, end_ns + 10**9, protocol.telemetry_period_s),
        environment={"governor": "performance", "clock_limit_hz": LIMIT_HZ, "clock_max_hz": LIMIT_HZ},
        gate=GatePassed(
            at_ns=1, waited_s=GATE_S, timed_out=False, reason="open", temperature_c=START_C, start_c=START_C
        ),
        ended=Ended(at_ns=end_ns, outcome=Outcome.COMPLETED, stopped_by=StoppedBy.ENOUGH, swapped_bytes=0),
    )


def _noise(rng: np.random.Generator, cell: NoiseCell, count: int) -> Floats:
    """Logarithms of latency over its median: of the run, of the inference, of hiccups."""
    innovations = rng.normal(0, cell.sigma, count)
    noise = innovations.copy()
    for index in range(1, count):
        noise[index] = cell.correlation * noise[index - 1] + np.sqrt(1 - cell.correlation**2) * innovations[index]
    hiccups = (rng.random(count) < HICCUP_SHARE) * np.log1p(rng.uniform(0.05, 0.30, count))
    bad = np.log1p(BAD_BY) if rng.random() < BAD_SHARE else 0.0
    total: Floats = noise + hiccups + bad + rng.normal(0, cell.sigma)
    return total


def _telemetry(rng: np.random.Generator, to_ns: int, period_s: float) -> TelemetryColumns:
    at_s = np.arange(0, to_ns / 1e9, period_s)
    count = len(at_s)
    at_s = np.maximum.accumulate(at_s + rng.uniform(0, 0.02, count))
    loaded_s = (at_s - GATE_S).clip(min=0)
    true_c = START_C + RISE_C * (1 - np.exp(-loaded_s / WARMING_S)) + rng.normal(0, SENSOR_NOISE_C, count)
    shown_c: Floats = np.round(true_c / SENSOR_STEP_C) * SENSOR_STEP_C
    ticks_s = rng.integers(-1, 2, count).astype(np.float64) * TICK_S  # what a look charges to its neighbour instead
    foreign: Floats = FOREIGN_CPU + (ticks_s - np.roll(ticks_s, 1)) / (CORES * period_s)
    nothing = np.full(count, np.nan)
    clock_hz: Floats = LIMIT_HZ - CLOCK_STEP_HZ * rng.integers(-1, 2, count).astype(np.float64)
    return TelemetryColumns(
        at_ns=(at_s * 1e9).astype(np.int64),
        floats={
            "temperature_c": shown_c,
            "clock_hz": clock_hz,
            "requested_hz": np.full(count, LIMIT_HZ),
            "foreign_cpu": foreign,
            "fan_rpm": nothing,
            "power_w": 9.0 + rng.normal(0, 0.3, count),
            "ambient_c": nothing,
        },
        integers={
            "throttled": _integers(count, 0),
            "memory_available_bytes": _integers(count, 3_000_000_000),
            "rss_bytes": _integers(count, 120_000_000),
        },
    )


def _integers(count: int, value: int) -> IntegerSeries:
    return IntegerSeries(values=np.full(count, value, np.int64), is_present=np.ones(count, np.bool_))
