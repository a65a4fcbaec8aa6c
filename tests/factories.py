"""Farms for tests: a database filled with devices, models, studies and seeded measurements.

Every function takes a database and commits. What it stores is what the ingest would have stored of a clean run.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from agent.wire.codec import encode
from agent.wire.records import (
    Ended,
    Environment,
    GatePassed,
    Inferences,
    Loaded,
    Outcome,
    Phase,
    StoppedBy,
    Telemetry,
    TensorFact,
)
from agent.wire.spec import Inputs, Protocol
from orchestrator.analysis.latency import summarise
from orchestrator.analysis.validity import ANALYSIS_VERSION
from orchestrator.attending.lifecycle import AttemptState, RunState, StudyState, Verdict
from orchestrator.db.columns import pack_inferences, pack_telemetry
from orchestrator.db.model_tables import ArtifactRow, BuildRow, ModelRow, VariantRow
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, ChunkRow, DeviceRow, RunRow, StudyDeviceRow, StudyRow
from orchestrator.protocols import preset

START_S = 1_790_000_000.0
RUN_S = 90.0
MODEL = "yolov9-c"
RUNTIME = "onnxruntime"
RUNTIME_VERSION = "1.32.0"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
BOARDS = {
    "pi5": "Raspberry Pi 5 Model B Rev 1.0",
    "pi4": "Raspberry Pi 4 Model B Rev 1.4",
    "host": "x86_64 host",
}
WARM_UP_FROM_NS = 10_000_000_000
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What `fill` has made: a study of two variants on a real Pi 5 and on a simulated one, all measured."""

    study: int
    devices: tuple[str, ...]
    variants: tuple[str, ...]


def fill(database: Database) -> Example:
    """A small farm with one finished study: int8 is about 30 % faster than fp32, which is the baseline."""
    devices = ("pi5-1", "pi5-sim")
    add_device(database, devices[0])
    add_device(database, devices[1], simulated=True)
    add_model(database, metrics={"fp32": {"mAP50": 0.70}, "int8": {"mAP50": 0.68}})
    study = add_study(database, devices=devices)
    measure(database, study, {"fp32": 100.0, "int8": 70.0})
    return Example(study=study, devices=devices, variants=("fp32@onnxruntime,t4", "int8@onnxruntime,t4"))


def add_device(
    database: Database,
    name: str = "pi5-1",
    *,
    board_type: str = "pi5",
    simulated: bool = False,
    labels: Mapping[str, str] = MappingProxyType({"cooling": "fan"}),
) -> int:
    """A registered board; real ones have a machine of their own, simulated ones share their host's."""
    with database.write() as session:
        row = DeviceRow(
            name=name,
            address=f"pi@{name}.lan",
            host_key=HOST_KEY,
            labels=dict(labels),
            machine_key="simulator" if simulated else name,
            serial=name,
            board=BOARDS.get(board_type, board_type),
            board_type=board_type,
            simulated=simulated,
            probe={
                "facts": {"kernel": "6.12"},
                "absent": ["power_w"],
                "runtimes": {RUNTIME: RUNTIME_VERSION},
                "unsupported": {"ncnn": "not installed"},
            },
            probed_at_s=START_S,
            python="python3",
            bundle_hash="ab" * 16,
        )
        session.add(row)
        session.flush()
        return row.id


def add_model(
    database: Database,
    name: str = MODEL,
    labels: Sequence[str] = ("fp32", "int8"),
    *,
    metrics: Mapping[str, Mapping[str, float]] | None = None,
    sizes: Mapping[str, int] | None = None,
) -> None:
    """A model with one ONNX build per label; the first is the baseline, `metrics` and `sizes` are by label."""
    with database.write() as session:
        model = ModelRow(name=name)
        for index, label in enumerate(labels):
            size = (sizes or {}).get(label, 10_000_000 // (index + 1))
            declared = (metrics or {}).get(label, {})
            model.builds.append(
                BuildRow(
                    label=label,
                    is_baseline=index == 0,
                    artifact=_artifact(size),
                    metrics={key: {"value": value, "source": "declared"} for key, value in declared.items()},
                )
            )
        session.add(model)


def add_study(
    database: Database,
    *,
    model: str = MODEL,
    devices: Sequence[str] = ("pi5-1",),
    labels: Sequence[str] | None = None,
    threads: Sequence[int] = (4,),
    runtime: str = RUNTIME,
    protocol: Protocol | str = "standard",
    blocks: int = 3,
    priority: int = 0,
) -> int:
    """A study of every build (or of `labels`) with its runs queued in a fixed order; returns its id."""
    asked = preset(protocol).protocol if isinstance(protocol, str) else protocol
    with database.write() as session:
        builds = session.scalars(
            select(BuildRow).join(BuildRow.model).where(ModelRow.name == model).order_by(BuildRow.id)
        )
        chosen = [build for build in builds if labels is None or build.label in labels]
        variants = [_variant(session, build, runtime, count) for build in chosen for count in threads]
        rows = [session.scalars(select(DeviceRow).where(DeviceRow.name == name)).one() for name in devices]
        study = StudyRow(
            model_id=chosen[0].model_id,
            protocol_name=asked.name,
            protocol=encode(asked),
            blocks=blocks,
            priority=priority,
            seed=1,
            inputs=encode(Inputs()),
            bundle_hash="ab" * 16,
            created_at_s=START_S,
        )
        session.add(study)
        session.flush()
        for device, block in itertools.product(rows, range(blocks)):
            for position, variant in enumerate(variants):
                session.add(
                    RunRow(
                        id=f"{next(_numbers):012x}",
                        study_id=study.id,
                        device_id=device.id,
                        variant_id=variant.id,
                        block=block,
                        position=position,
                    )
                )
        session.add_all(StudyDeviceRow(study_id=study.id, device_id=device.id) for device in rows)
        return study.id


def measure(
    database: Database,
    study_id: int,
    medians_ms: Mapping[str, float],
    *,
    cv: float = 0.01,
    samples: int = 40,
    seed: int = 0,
    runtime_version: str = RUNTIME_VERSION,
) -> None:
    """Measure every queued run of a study whose label is in `medians_ms`; a run's median scatters by `cv`.

    The study ends if nothing is left.
    """
    rng = np.random.default_rng(seed)
    measured: list[tuple[AttemptRow, Sequence[dict[str, object]]]] = []
    with database.write() as session:
        runs = session.scalars(
            select(RunRow)
            .where(RunRow.study_id == study_id, RunRow.state == RunState.QUEUED)
            .order_by(RunRow.block, RunRow.position, RunRow.device_id)
        ).all()
        for number, run in enumerate(runs):
            median_ms = medians_ms.get(run.variant.build.label)
            if median_ms is not None:
                run_ms = median_ms * float(rng.lognormal(0.0, cv))
                durations = (run_ms * 1e6 * rng.lognormal(0.0, 0.005, samples)).astype(np.int64)
                measured.append(_end(run, durations, START_S + number * RUN_S, runtime_version))
        session.add_all(attempt for attempt, _ in measured)
        session.flush()
        rows = [{"attempt_id": attempt.id, **chunk} for attempt, chunks in measured for chunk in chunks]
        if rows:
            session.execute(insert(ChunkRow), rows)
        if all(run.state is RunState.DONE for run in runs):
            study = session.get_one(StudyRow, study_id)
            study.state, study.ended_at_s = StudyState.DONE, START_S + len(runs) * RUN_S


def begin_soak(database: Database, device: str = "pi5-1") -> str:
    """A soak of `fp32` on a device, two minutes in its window, of which one has come; the run's id."""
    study = add_study(database, devices=(device,), labels=("fp32",), protocol="sustained", blocks=1)
    (run,) = run_ids(database, study)
    window = inferences([500_000_000] * 120, Phase.WINDOW, 130_000_000_000)
    samples = telemetry(130_000_000_000, 190_000_000_000, 1.0)
    chunks = (("window", 120, pack_inferences(window)), ("telemetry", len(samples.at_ns), pack_telemetry(samples)))
    with database.write() as session:
        row = session.get_one(RunRow, run)
        row.state, row.attempts_made, row.started_at_s = RunState.RUNNING, 1, START_S
        attempt = AttemptRow(run=row, number=1, device_id=row.device_id, state=AttemptState.STARTED, cursor_seq=20)
        attempt.phases = {"gate": 0, "idle": 10_000_000_000, "window": 130_000_000_000}
        session.add(attempt)
        session.flush()
        attempt.started_at_s = attempt.opened_at_s - 250.0
        session.add_all(
            ChunkRow(attempt_id=attempt.id, seq=10 + number, kind=kind, count=count, blob=blob)
            for number, (kind, count, blob) in enumerate(chunks)
        )
    return run


def run_ids(database: Database, study_id: int, *, label: str | None = None, device: str | None = None) -> list[str]:
    """Runs of a study in block order, of one build label or device where asked."""
    query = (
        select(RunRow.id)
        .join(RunRow.variant)
        .join(VariantRow.build)
        .join(RunRow.device)
        .where(RunRow.study_id == study_id)
        .order_by(RunRow.device_id, RunRow.block, RunRow.position)
    )
    if label is not None:
        query = query.where(BuildRow.label == label)
    if device is not None:
        query = query.where(DeviceRow.name == device)
    with database.read() as session:
        return list(session.scalars(query))


def change_run(database: Database, run_id: str, **values: object) -> None:
    """Set columns of a run, e.g. `verdict=Verdict.INVALID`."""
    with database.write() as session:
        row = session.get_one(RunRow, run_id)
        for name, value in values.items():
            setattr(row, name, value)


def inferences(durations_ns: Sequence[int], phase: Phase = Phase.WINDOW, from_ns: int = 0) -> Inferences:
    """A chunk of inferences, 3 microseconds apart."""
    durations = np.asarray(durations_ns, dtype=np.int64)
    starts = from_ns + np.concatenate(([0], np.cumsum(durations + 3000)[:-1]))
    return Inferences(
        phase=phase, first_index=0, starts_ns=tuple(starts.tolist()), durations_ns=tuple(durations.tolist())
    )


def telemetry(from_ns: int, to_ns: int, period_s: float = 0.25) -> Telemetry:
    """Steady telemetry of a cool, unthrottled Pi 5 without a fan and without a power sensor."""
    at_ns = range(from_ns, to_ns + 1, int(period_s * 1e9))
    count = len(at_ns)
    return Telemetry(
        at_ns=tuple(at_ns),
        temperature_c=(52.5,) * count,
        clock_hz=(2.4e9,) * count,
        requested_hz=(2.4e9,) * count,
        throttled=(0,) * count,
        memory_available_bytes=(3_000_000_000,) * count,
        rss_bytes=(120_000_000,) * count,
        foreign_cpu=(0.004,) * count,
        fan_rpm=(None,) * count,
        power_w=(None,) * count,
    )


def _artifact(size_bytes: int) -> ArtifactRow:
    number = next(_numbers)
    return ArtifactRow(
        id=f"{number:064x}",
        format="onnx",
        size_bytes=size_bytes,
        manifest={
            "main": "model.onnx",
            "files": [{"name": "model.onnx", "sha256": f"{number:064x}", "size_bytes": size_bytes}],
        },
        facts={
            "inputs": [{"name": "images", "dtype": "float32", "shape": [1, 3, 64, 64]}],
            "runtimes": [RUNTIME],
        },
    )


def _variant(session: Session, build: BuildRow, runtime: str, threads: int) -> VariantRow:
    query = select(VariantRow).where(
        VariantRow.build_id == build.id, VariantRow.runtime == runtime, VariantRow.threads == threads
    )
    row = session.scalar(query)
    if row is None:
        row = VariantRow(build_id=build.id, runtime=runtime, threads=threads)
        session.add(row)
        session.flush()
    return row


def _end(
    run: RunRow, durations: npt.NDArray[np.int64], started_at_s: float, runtime_version: str
) -> tuple[AttemptRow, Sequence[dict[str, object]]]:
    """Give the run its figures; its attempt, and the chunks that belong to it."""
    summary = summarise(durations)
    warm_up = inferences([int(summary.median_ns * 1.2)] * 3, Phase.WARM_UP, WARM_UP_FROM_NS)
    window_from_ns = warm_up.starts_ns[-1] + warm_up.durations_ns[-1] + 3000
    window = inferences(durations.tolist(), Phase.WINDOW, window_from_ns)
    window_to_ns = window.starts_ns[-1] + window.durations_ns[-1]
    samples = telemetry(0, window_to_ns + 500_000_000)
    attempt = _attempt(run, summary.median_ns, started_at_s, runtime_version)
    attempt.phases = {
        "gate": 0,
        "load": 4_000_000_000,
        "ready": 6_000_000_000,
        "warm_up": WARM_UP_FROM_NS,
        "window": window_from_ns,
        "end": window_to_ns,
    }
    chunks = (
        ("warm_up", len(warm_up.starts_ns), pack_inferences(warm_up)),
        ("window", len(window.starts_ns), pack_inferences(window)),
        ("telemetry", len(samples.at_ns), pack_telemetry(samples)),
    )
    run.state, run.verdict, run.reasons = RunState.DONE, Verdict.VALID, []
    run.attempts_made = run.counted_attempt = 1
    run.started_at_s, run.ended_at_s = started_at_s, started_at_s + RUN_S
    run.samples, run.median_ns, run.mean_ns = summary.samples, summary.median_ns, summary.mean_ns
    run.min_ns, run.max_ns = summary.min_ns, summary.max_ns
    run.p90_ns, run.p99_ns = summary.p90_ns, summary.p99_ns
    run.first_ns, run.load_ns = 2 * summary.median_ns, 150e6
    run.window_s = (window_to_ns - window_from_ns) / 1e9
    run.peak_rss_bytes = 120_000_000
    run.start_c = run.end_c = run.max_c = 52.5
    run.labels = dict(run.device.labels)
    run.runtime_version, run.analysis_version = runtime_version, ANALYSIS_VERSION
    return attempt, [
        {"seq": 5 + index, "kind": kind, "count": count, "blob": blob}
        for index, (kind, count, blob) in enumerate(chunks)
    ]


def _attempt(run: RunRow, median_ns: float, opened_at_s: float, runtime_version: str) -> AttemptRow:
    environment = Environment(
        measuring_hash="cd" * 16,
        facts={"governor": "performance", "clock_limit_hz": 2.4e9, "kernel": "6.12"},
        sources={"temperature_c": "thermal_zone0"},
        absent=("power_w", "fan_rpm"),
    )
    gate = GatePassed(
        at_ns=4_000_000_000, waited_s=4.0, timed_out=False, reason="open", temperature_c=52.5, start_c=52.5
    )
    tensor = TensorFact(name="images", dtype="float32", shape=(1, 3, 64, 64))
    loaded = Loaded(
        at_ns=6_000_000_000,
        load_ns=150_000_000,
        first_ns=int(2 * median_ns),
        runtime_version=runtime_version,
        inputs=(tensor,),
        outputs=(tensor,),
        output_sha256="ef" * 32,
        options={"intra_op_threads": run.variant.threads},
    )
    ended = Ended(at_ns=60_000_000_000, outcome=Outcome.COMPLETED, stopped_by=StoppedBy.ENOUGH)
    return AttemptRow(
        run_id=run.id,
        number=1,
        device_id=run.device_id,
        state=AttemptState.ENDED,
        opened_at_s=opened_at_s,
        closed_at_s=opened_at_s + RUN_S,
        environment=encode(environment),
        gate=encode(gate),
        loaded=encode(loaded),
        ended=encode(ended),
    )
