"""Specs for tests: short protocols, and only what a test changes has to be said."""

import dataclasses
from typing import Any

from agent.wire.spec import Fence, Gate, Limits, Protocol, Regime, RunSpec, WarmUp, Window

ARTIFACT_ID = "0123456789abcdef"
BUNDLE_HASH = "fedcba9876543210"


def short_protocol(
    *,
    gate: Gate | None = None,
    warm_up_s: float = 0.1,
    window_s: float = 0.3,
    regime: Regime = Regime.BURST,
    **window: Any,
) -> Protocol:
    """A protocol of well under a second."""
    bounds: dict[str, Any] = {"min_inferences": 5, "min_s": window_s, "max_s": max(window_s, 10.0)}
    return Protocol(
        name="short",
        regime=regime,
        gate=gate or Gate(timeout_s=30),
        warm_up=WarmUp(min_inferences=2, min_s=warm_up_s),
        window=Window(**(bounds | window)),
        telemetry_period_s=0.05,
    )


def make_spec(run_id: str = "run1", **changes: Any) -> RunSpec:
    """A spec for a scripted run of 2 ms an inference."""
    spec = RunSpec(
        wire_version=1,
        run_id=run_id,
        attempt=1,
        fence=Fence(farm_id="farm-a", number=1),
        bundle_hash=BUNDLE_HASH,
        artifact_id=ARTIFACT_ID,
        main_file="model.onnx",
        runtime="scripted",
        threads=1,
        protocol=short_protocol(),
        limits=Limits(wall_s=60, journal_bytes=4 * 1024 * 1024),
        runtime_options={"median_ms": 2.0},
    )
    return dataclasses.replace(spec, **changes)
