"""Stores simulated soaks as if a board had measured them: raw data, environment and a verdict, without an attendant."""

import numpy as np
import numpy.typing as npt

from agent.wire.codec import encode
from agent.wire.records import Ended, Environment, Inferences, Outcome, Phase, StoppedBy, Telemetry
from agent.wire.spec import Scalar
from orchestrator.analysis.thermal.curve import Soak
from orchestrator.attending.lifecycle import AttemptState, RunState, Verdict
from orchestrator.db.columns import pack_inferences, pack_telemetry
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, ChunkRow, RunRow

AT_S = 200.0  # when the first inference began, since the claim


def store_soak(database: Database, run_id: str, soak: Soak, min_hz: float) -> None:
    """Give a run a counted attempt with this soak as its raw data; `min_hz` is the lowest clock of its board."""
    inferences = Inferences(
        phase=Phase.WINDOW,
        first_index=0,
        starts_ns=_ns(soak.starts_s),
        durations_ns=tuple((soak.durations_s * 1e9).astype(np.int64).tolist()),
    )
    telemetry = Telemetry(
        at_ns=_ns(soak.at_s),
        temperature_c=_present(soak.die_c),
        clock_hz=_present(soak.clock_hz),
        requested_hz=_present(soak.requested_hz),
        throttled=tuple(None if bits < 0 else int(bits) for bits in soak.bits),
        memory_available_bytes=(3_000_000_000,) * len(soak.at_s),
        rss_bytes=(120_000_000,) * len(soak.at_s),
        foreign_cpu=_present(soak.foreign_cpu),
        fan_rpm=_present(soak.fan_rpm),
        power_w=_present(soak.power_w),
        ambient_c=_present(soak.ambient_c),
    )
    top_hz = float(np.nanmax(soak.clock_hz))
    facts: dict[str, Scalar] = {"governor": "performance", "clock_limit_hz": top_hz, "clock_min_hz": min_hz}
    ended = Ended(at_ns=telemetry.at_ns[-1], outcome=Outcome.COMPLETED, stopped_by=StoppedBy.ENOUGH)
    with database.write() as session:
        run = session.get_one(RunRow, run_id)
        attempt = AttemptRow(
            run_id=run_id,
            number=1,
            device_id=run.device_id,
            state=AttemptState.ENDED,
            environment=encode(Environment(measuring_hash="cd" * 16, facts=facts)),
            ended=encode(ended),
        )
        session.add(attempt)
        session.flush()
        chunks = {Phase.WINDOW.value: pack_inferences(inferences), "telemetry": pack_telemetry(telemetry)}
        session.add_all(
            ChunkRow(attempt_id=attempt.id, seq=seq, kind=kind, count=1, blob=blob)
            for seq, (kind, blob) in enumerate(chunks.items())
        )
        run.state, run.verdict = RunState.DONE, Verdict.VALID
        run.attempts_made = run.counted_attempt = 1
        run.median_ns = float(np.median(soak.durations_s) * 1e9)
        run.ended_at_s = 1_790_000_000.0


def _ns(at_s: npt.NDArray[np.float64]) -> tuple[int, ...]:
    return tuple(((at_s + AT_S) * 1e9).astype(np.int64).tolist())


def _present(values: npt.NDArray[np.float64]) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(value) else value for value in values.tolist())
