"""A run of a Pi 5 without a fault, for tests that change one thing about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.wire.records import Ended, GatePassed, Loaded, Outcome, Phase, StoppedBy
from agent.wire.spec import Scalar
from orchestrator.analysis.facts import Declared, Reference, RunFacts
from orchestrator.db.columns import (
    join_inferences,
    pack_inferences,
    pack_telemetry,
    unpack_inferences,
    unpack_telemetry,
)
from orchestrator.protocols import preset
from tests import factories

MEDIAN_NS = 100e6
SAMPLES = 600
PERIOD_S = 0.25
WARM_UP_NS = 10_000_000_000
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a test may change. `telemetry` replaces columns: a value, or one for each sample of the attempt."""

    durations_ns: Integers
    board_type: str = "pi5"
    protocol: str = "standard"
    telemetry: Mapping[str, Any] = field(default_factory=dict)
    without_telemetry: tuple[float, float] = (0.0, 0.0)
    environment: Mapping[str, Scalar] = field(
        default_factory=lambda: {"governor": "performance", "clock_limit_hz": 2.4e9}
    )
    gate: GatePassed | None = None
    ended: Ended = field(default_factory=lambda: ended())
    declared: Declared = field(default_factory=Declared)
    reference: Reference = field(default_factory=Reference)
    loaded: Loaded | None = None
    swapped_bytes: int | None = None

    def facts(self) -> RunFacts:
        """The facts that a rule sees of it."""
        warm_up = factories.inferences([120_000_000] * 20, Phase.WARM_UP, WARM_UP_NS)
        from_ns = warm_up.starts_ns[-1] + 120_003_000
        window = factories.inferences(self.durations_ns.tolist(), Phase.WINDOW, from_ns)
        records = (warm_up, window)
        to_ns = window.starts_ns[-1] + window.durations_ns[-1] + 1_000_000_000
        clean = factories.telemetry(0, to_ns, PERIOD_S)
        columns = {name: _column(value, len(clean.at_ns)) for name, value in self.telemetry.items()}
        lost_from, lost_to = (from_ns / 1e9 + edge for edge in self.without_telemetry)
        sampled = unpack_telemetry(pack_telemetry(replace(clean, **columns)))
        kept = ~((sampled.at_ns / 1e9 > lost_from) & (sampled.at_ns / 1e9 < lost_to))
        return RunFacts(
            protocol=preset(self.protocol).protocol,
            board_type=self.board_type,
            inferences=join_inferences(unpack_inferences(pack_inferences(record)) for record in records),
            telemetry=replace(
                sampled,
                at_ns=sampled.at_ns[kept],
                floats={name: values[kept] for name, values in sampled.floats.items()},
                integers={
                    name: replace(series, values=series.values[kept], is_present=series.is_present[kept])
                    for name, series in sampled.integers.items()
                },
            ),
            environment=self.environment,
            gate=self.gate,
            ended=self.ended,
            declared=self.declared,
            reference=self.reference,
            loaded=self.loaded,
            swapped_bytes=self.swapped_bytes,
        )


def latencies(
    seed: int = 0, *, samples: int = SAMPLES, median_ns: float = MEDIAN_NS, sigma: float = 0.01, ar: float = 0.0
) -> Integers:
    """Lognormal latencies; `ar` correlates neighbours."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0.0, sigma, samples)
    for index in range(1, samples):
        noise[index] = ar * noise[index - 1] + np.sqrt(1 - ar**2) * noise[index]
    durations: Integers = (median_ns * np.exp(noise)).astype(np.int64)
    return durations


def run(seed: int = 0, **changes: Any) -> Run:
    """A clean run of about 60 s, or one with changes."""
    return Run(**{"durations_ns": latencies(seed), **changes})


def ended(**changes: Any) -> Ended:
    """How a clean run ends."""
    return Ended(**{"at_ns": 80_000_000_000, "outcome": Outcome.COMPLETED, "stopped_by": StoppedBy.ENOUGH, **changes})


def gate(**changes: Any) -> GatePassed:
    """A gate that opened within its band."""
    return GatePassed(
        **{
            "at_ns": 1,
            "waited_s": 30.0,
            "timed_out": False,
            "reason": "open",
            "temperature_c": 52.0,
            "start_c": 52.5,
            **changes,
        }
    )


def _column(value: object, count: int) -> tuple[Any, ...]:
    if isinstance(value, Sequence):
        return (*value, *[value[-1]] * (count - len(value)))
    return (value,) * count
