"""Journals for tests: a run's records in their order, and the bytes that an agent would have written of them."""

from collections.abc import Iterable, Sequence
from typing import Any

from agent.wire.evaluation import DETECTION_ROW, pack_predictions
from agent.wire.journal import encode_line
from agent.wire.records import (
    Claimed,
    Ended,
    Environment,
    Fault,
    GatePassed,
    Inferences,
    Loaded,
    Outcome,
    Phase,
    PhaseEntered,
    Record,
    StoppedBy,
    Telemetry,
    TensorFact,
)

SECOND_NS = 1_000_000_000
WARM_UP_FROM_NS = 10 * SECOND_NS
STEADY_NS = tuple(800_000_000 + 100_000 * (index % 7) for index in range(24))
UNDER_VOLTAGE = 1


def encode_journal(records: Iterable[Record]) -> bytes:
    """The journal of these records."""
    return b"".join(encode_line(seq, record) for seq, record in enumerate(records))


def completed_records(run_id: str, attempt: int = 1, **changes: Any) -> list[Record]:
    """A completed run without a fault: three inferences of warm-up, then `durations_ns` of window.

    `throttled` are the bits of every telemetry sample; `start_c` is what the gate was held against.
    """
    durations: Sequence[int] = changes.get("durations_ns", STEADY_NS)
    warm_up = make_inferences(Phase.WARM_UP, durations[:3], WARM_UP_FROM_NS)
    window_from_ns = end_of(warm_up)
    window = make_inferences(Phase.WINDOW, durations, window_from_ns)
    end_ns = end_of(window)
    return [
        *opening_records(run_id, attempt, start_c=changes.get("start_c")),
        PhaseEntered(phase=Phase.WARM_UP, at_ns=WARM_UP_FROM_NS),
        warm_up,
        PhaseEntered(phase=Phase.WINDOW, at_ns=window_from_ns),
        window,
        make_telemetry(WARM_UP_FROM_NS - SECOND_NS, end_ns + SECOND_NS, throttled=changes.get("throttled", 0)),
        Ended(at_ns=end_ns, outcome=Outcome.COMPLETED, stopped_by=StoppedBy.ENOUGH, peak_rss_bytes=90_000_000),
    ]


def evaluated_records(run_id: str, attempt: int = 1, examples: Sequence[str] = ("7", "9", "12")) -> list[Record]:
    """A completed run that has answered examples of a data set, each with one detection, in chunks of two."""
    at_ns = 4 * SECOND_NS
    chunks = [examples[first : first + 2] for first in range(0, len(examples), 2)]
    return [
        *opening_records(run_id, attempt),
        PhaseEntered(phase=Phase.EVALUATING, at_ns=at_ns),
        *(
            pack_predictions(
                names, [[[10.0, 20.0, 30.5, 40.25, 0.75, float(len(name))]] for name in names], DETECTION_ROW
            )
            for names in chunks
        ),
        make_telemetry(at_ns, at_ns + SECOND_NS),
        PhaseEntered(phase=Phase.END, at_ns=6 * SECOND_NS),
        Ended(at_ns=6 * SECOND_NS, outcome=Outcome.COMPLETED, peak_rss_bytes=90_000_000),
    ]


def failed_records(
    run_id: str, attempt: int = 1, fault: Fault = Fault.DEVICE, code: str = "killed", message: str = "ended by a signal"
) -> list[Record]:
    """A run that failed before its window."""
    end = Ended(at_ns=2 * SECOND_NS, outcome=Outcome.FAILED, fault=fault, code=code, message=message)
    return [*opening_records(run_id, attempt), end]


def aborted_records(run_id: str, attempt: int = 1) -> list[Record]:
    """A run that somebody ended on the board."""
    return [*opening_records(run_id, attempt), Ended(at_ns=2 * SECOND_NS, outcome=Outcome.ABORTED)]


def opening_records(run_id: str, attempt: int = 1, start_c: float | None = None) -> list[Record]:
    """What every journal begins with, up to the loaded model."""
    return [
        Claimed(run_id=run_id, attempt=attempt, bundle_hash="b" * 64, boot_id="boot-1", board_time_s=1_790_000_000.0),
        Environment(measuring_hash="c" * 64, facts={"governor": "performance", "clock_limit_hz": 2_400_000_000}),
        PhaseEntered(phase=Phase.GATE, at_ns=1_000),
        GatePassed(at_ns=SECOND_NS, waited_s=1.0, timed_out=False, reason="cool", temperature_c=45.0, start_c=start_c),
        PhaseEntered(phase=Phase.LOAD, at_ns=SECOND_NS),
        Loaded(
            at_ns=3 * SECOND_NS,
            load_ns=SECOND_NS,
            first_ns=900_000_000,
            runtime_version="1.32.0",
            inputs=(TensorFact(name="images", dtype="float32", shape=(1, 3, 640, 640)),),
            outputs=(),
            output_sha256="d" * 64,
        ),
    ]


def make_inferences(
    phase: Phase, durations_ns: Sequence[int], from_ns: int, first_index: int = 0, segment: int = 0
) -> Inferences:
    """Inferences without a pause between them."""
    starts = [from_ns]
    for duration_ns in durations_ns[:-1]:
        starts.append(starts[-1] + duration_ns)
    return Inferences(
        phase=phase,
        first_index=first_index,
        starts_ns=tuple(starts),
        durations_ns=tuple(durations_ns),
        segment=segment,
    )


def end_of(inferences: Inferences) -> int:
    """When the last of these inferences ended."""
    return inferences.starts_ns[-1] + inferences.durations_ns[-1]


def make_telemetry(from_ns: int, to_ns: int, throttled: int = 0) -> Telemetry:
    """A sample each quarter of a second: a board that warms from 45 to 55 °C at full clock, alone."""
    at_ns = tuple(range(from_ns, to_ns, SECOND_NS // 4))
    count = len(at_ns)
    return Telemetry(
        at_ns=at_ns,
        temperature_c=tuple(45.0 + 10.0 * index / count for index in range(count)),
        clock_hz=(2.4e9,) * count,
        requested_hz=(2.4e9,) * count,
        throttled=(throttled,) * count,
        memory_available_bytes=(3_000_000_000,) * count,
        rss_bytes=(80_000_000,) * count,
        foreign_cpu=(0.001,) * count,
        fan_rpm=(2500.0,) * count,
        power_w=(None,) * count,
    )
