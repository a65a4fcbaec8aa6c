"""A farm that has measured for years, made from a seed: boards, models, studies, runs, and raw data of each run.

What a run's columns say is what its raw data says: each variant on each type of board has a few windows of its own, and
a run takes one of them whole. One soak of an hour is told inference by inference. Everything goes in by bulk inserts.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import insert
from sqlalchemy.orm import Session

from agent.wire.codec import encode
from agent.wire.records import Inferences, Phase, Telemetry
from agent.wire.spec import Inputs
from orchestrator.analysis.latency import LatencySummary, summarise
from orchestrator.analysis.validity import ANALYSIS_VERSION
from orchestrator.attending.lifecycle import AttemptState, RunState, StudyState, Verdict
from orchestrator.db.columns import pack_inferences, pack_telemetry
from orchestrator.db.model_tables import ArtifactRow, BuildRow, ModelRow, VariantRow
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, ChunkRow, DeviceRow, RunRow, StudyDeviceRow, StudyRow
from orchestrator.protocols import preset

BOARDS = {"pi5": 90.0, "pi4": 210.0, "pi3": 520.0, "zero2w": 640.0}  # ms of the slowest variant
BUILDS = {"fp32": 1.0, "ort": 0.97, "fp16": 0.95, "pruned": 0.8, "int8": 0.7}
MODELS, DEVICES_A_TYPE, BLOCKS, WINDOWS = 20, 5, 10, 10
STUDY_RUNS = DEVICES_A_TYPE * len(BUILDS) * BLOCKS
SUSTAINED_EVERY = 5
SOAK_S, SOAK_PERIOD_S, CHUNK_S = 3600.0, 0.5, 60.0
START_S, RUN_S = 1_700_000_000.0, 60.0
FIRST_NS = 20_000_000_000
RUNTIME, VERSION = "onnxruntime", "1.32.0"
Chunks = Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a run may have measured: its figures and its raw data."""

    summary: LatencySummary
    chunks: Chunks


def fill(database: Database, *, runs: int, samples: int, seed: int = 1) -> str:
    """At least so many runs and samples, in whole studies; the id of the run that soaked for an hour."""
    rng = np.random.default_rng(seed)
    studies = -(-runs // STUDY_RUNS)
    with database.write() as session:
        devices, variants = _plant_boards(session), _plant_models(session)
    places = itertools.cycle(itertools.product(variants, devices))
    each = max(40, round(samples / (studies * STUDY_RUNS)))
    windows: dict[tuple[int, str], list[Window]] = {}
    for number in range(studies):
        model, board_type = next(places)
        with database.write() as session:
            for label, variant_id in variants[model].items():
                key = (variant_id, board_type)
                if key not in windows:
                    median_ms = BOARDS[board_type] * BUILDS[label] * (1 + 0.05 * model)
                    windows[key] = [_window(rng, median_ms, each) for _ in range(WINDOWS)]
            own = {variant_id: windows[variant_id, board_type] for variant_id in variants[model].values()}
            _plant_study(session, rng, number, model, devices[board_type], own)
    with database.write() as session:
        return _plant_soak(session, rng, studies, devices["pi5"][0], next(iter(variants.items())))


def _plant_boards(session: Session) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for board_type in BOARDS:
        for number in range(DEVICES_A_TYPE):
            name = f"{board_type}-{number + 1}"
            row = DeviceRow(
                name=name,
                address=f"pi@{name}",
                labels={"cooling": ("fan", "none", "passive")[number % 3]},
                machine_key=name,
                board=f"Raspberry Pi, {board_type}",
                board_type=board_type,
                probe={"facts": _FACTS, "runtimes": {RUNTIME: VERSION}},
                probed_at_s=START_S,
                python="python3",
                bundle_hash="ab" * 16,
            )
            session.add(row)
            session.flush()
            found.setdefault(board_type, []).append(row.id)
    return found


def _plant_models(session: Session) -> dict[int, dict[str, int]]:
    """Ids of variants by the label of their build, for each model by its id."""
    found: dict[int, dict[str, int]] = {}
    for number in range(MODELS):
        model = ModelRow(name=f"network-{number + 1:02d}")
        session.add(model)
        session.flush()
        for place, label in enumerate(BUILDS):
            digest = f"{number * len(BUILDS) + place:064x}"
            files = [{"name": "model.onnx", "sha256": digest, "size_bytes": 10_000_000 // (place + 1)}]
            build = BuildRow(
                label=label,
                is_baseline=place == 0,
                metrics={"mAP50": {"value": 0.7 - 0.01 * place, "source": "declared"}},
                model_id=model.id,
                artifact=ArtifactRow(
                    id=digest,
                    format="onnx",
                    size_bytes=10_000_000 // (place + 1),
                    manifest={"main": "model.onnx", "files": files},
                    facts={"inputs": [], "runtimes": [RUNTIME]},
                ),
            )
            session.add(build)
            session.flush()
            variant = VariantRow(build_id=build.id, runtime=RUNTIME, threads=4)
            session.add(variant)
            session.flush()
            found.setdefault(model.id, {})[label] = variant.id
    return found


def _plant_study(
    session: Session,
    rng: np.random.Generator,
    number: int,
    model: int,
    devices: Sequence[int],
    windows: Mapping[int, Sequence[Window]],
) -> None:
    is_sustained = number // (MODELS * len(BOARDS)) % SUSTAINED_EVERY == SUSTAINED_EVERY - 1
    began_s = START_S + number * STUDY_RUNS * RUN_S / DEVICES_A_TYPE
    study = _study(session, model, "sustained" if is_sustained else "standard", devices, began_s)
    runs: list[dict[str, object]] = []
    taken: list[Window] = []
    for device, block in itertools.product(devices, range(BLOCKS)):
        for position, variant in enumerate(rng.permutation(list(windows)).tolist()):
            window = windows[variant][int(rng.integers(WINDOWS))]
            at_s = began_s + (block * len(BUILDS) + position) * RUN_S
            place = {"study_id": study, "device_id": device, "variant_id": variant, "block": block}
            figures = _figures(window.summary) | (_HEAT if is_sustained else {})
            runs.append({**_RUN, **place, "id": _run_id(rng), "position": position, **_moments(at_s), **figures})
            taken.append(window)
    session.execute(insert(RunRow), runs)
    attempts = session.scalars(
        insert(AttemptRow).returning(AttemptRow.id, sort_by_parameter_order=True), [_attempt(run) for run in runs]
    ).all()
    session.execute(
        insert(ChunkRow),
        [{"attempt_id": i, **chunk} for i, window in zip(attempts, taken, strict=True) for chunk in window.chunks],
    )


def _plant_soak(
    session: Session, rng: np.random.Generator, number: int, device: int, of: tuple[int, Mapping[str, int]]
) -> str:
    """A run of an hour, its raw data in as many chunks as a soak's."""
    model, variants = of
    began_s = START_S + number * STUDY_RUNS * RUN_S / DEVICES_A_TYPE
    study = _study(session, model, "sustained", [device], began_s)
    durations = _durations(rng, 100.0, round(SOAK_S / 0.1))
    place = {"study_id": study, "device_id": device, "variant_id": variants["fp32"], "block": 0, "position": 0}
    run = {**_RUN, **place, "id": _run_id(rng), **_moments(began_s), **_figures(summarise(durations)), **_HEAT}
    session.execute(insert(RunRow), [run])
    attempt = session.scalars(insert(AttemptRow).returning(AttemptRow.id), [_attempt(run)]).one()
    session.execute(insert(ChunkRow), [{"attempt_id": attempt, **chunk} for chunk in _soak_chunks(durations)])
    return str(run["id"])


def _study(session: Session, model: int, protocol: str, devices: Sequence[int], began_s: float) -> int:
    row = StudyRow(
        model_id=model,
        protocol_name=protocol,
        protocol=encode(preset(protocol).protocol),
        blocks=BLOCKS,
        seed=1,
        inputs=encode(Inputs()),
        bundle_hash="ab" * 16,
        state=StudyState.DONE,
        created_at_s=began_s,
        ended_at_s=began_s + STUDY_RUNS * RUN_S,
    )
    session.add(row)
    session.flush()
    session.add_all(StudyDeviceRow(study_id=row.id, device_id=device) for device in devices)
    return row.id


def _window(rng: np.random.Generator, median_ms: float, samples: int) -> Window:
    durations = _durations(rng, median_ms * float(rng.lognormal(0.0, 0.01)), samples)
    starts = FIRST_NS + np.concatenate(([0], np.cumsum(durations)[:-1]))
    chunks = (_inferences(5, 0, starts, durations), _telemetry(6, 0.0, 120.0, 1.0))
    return Window(summary=summarise(durations), chunks=chunks)


def _soak_chunks(durations: npt.NDArray[np.int64]) -> Iterator[Mapping[str, object]]:
    starts = FIRST_NS + np.concatenate(([0], np.cumsum(durations)[:-1]))
    minutes = ((starts - FIRST_NS) / (CHUNK_S * 1e9)).astype(np.int64)
    for minute in np.unique(minutes).tolist():
        here = np.flatnonzero(minutes == minute)
        yield _inferences(5 + 2 * minute, int(here[0]), starts[here], durations[here])
        at_s = FIRST_NS / 1e9 + minute * CHUNK_S
        yield _telemetry(6 + 2 * minute, at_s, at_s + CHUNK_S, SOAK_PERIOD_S)


def _durations(rng: np.random.Generator, median_ms: float, count: int) -> npt.NDArray[np.int64]:
    return np.asarray(median_ms * 1e6 * rng.lognormal(0.0, 0.01, count), np.int64)


def _inferences(
    seq: int, first: int, starts: npt.NDArray[np.int64], durations: npt.NDArray[np.int64]
) -> Mapping[str, object]:
    record = Inferences(
        phase=Phase.WINDOW,
        first_index=first,
        starts_ns=tuple(starts.tolist()),
        durations_ns=tuple(durations.tolist()),
    )
    return {"seq": seq, "kind": Phase.WINDOW.value, "count": len(starts), "blob": pack_inferences(record)}


def _telemetry(seq: int, from_s: float, to_s: float, period_s: float) -> Mapping[str, object]:
    at_s = np.arange(from_s, to_s, period_s)
    count = len(at_s)
    die_c = np.round(85.0 - 33.0 * np.exp(-at_s / 240.0), 1)
    record = Telemetry(
        at_ns=tuple((at_s * 1e9).astype(np.int64).tolist()),
        temperature_c=tuple(die_c.tolist()),
        clock_hz=tuple(np.where(die_c > 80.0, 1.5e9, 2.4e9).tolist()),
        requested_hz=(2.4e9,) * count,
        throttled=tuple(np.where(die_c > 80.0, 4, 0).tolist()),
        memory_available_bytes=(3_000_000_000,) * count,
        rss_bytes=(120_000_000,) * count,
        foreign_cpu=(0.004,) * count,
        fan_rpm=(None,) * count,
        power_w=(None,) * count,
    )
    return {"seq": seq, "kind": "telemetry", "count": count, "blob": pack_telemetry(record)}


def _run_id(rng: np.random.Generator) -> str:
    return rng.bytes(6).hex()


def _moments(at_s: float) -> dict[str, float]:
    return {"started_at_s": at_s, "ended_at_s": at_s + RUN_S}


def _figures(summary: LatencySummary) -> dict[str, object]:
    return {
        "samples": summary.samples,
        "median_ns": summary.median_ns,
        "mean_ns": summary.mean_ns,
        "min_ns": summary.min_ns,
        "max_ns": summary.max_ns,
        "p90_ns": summary.p90_ns,
        "p99_ns": summary.p99_ns,
        "first_ns": 2 * summary.median_ns,
    }


def _attempt(run: Mapping[str, object]) -> dict[str, Any]:
    return {
        "run_id": run["id"],
        "number": 1,
        "device_id": run["device_id"],
        "state": AttemptState.ENDED,
        "opened_at_s": run["started_at_s"],
        "closed_at_s": run["ended_at_s"],
        "environment": {"measuring_hash": "cd" * 16, "facts": _FACTS, "sources": {}, "absent": ["power_w", "fan_rpm"]},
        "loaded": {"options": {"intra_op_threads": 4}},
        "phases": {"gate": 0, "load": 4_000_000_000, "window": FIRST_NS, "end": FIRST_NS + 60_000_000_000},
    }


# What a Pi says of itself, as long as it really is.
_FACTS: dict[str, Any] = {
    "governor": "performance",
    "clock_limit_hz": 2.4e9,
    "architecture": "aarch64",
    "affinity": [0, 1, 2, 3],
    "kernel": "6.12.25+rpt-rpi-2712",
    "os": "Debian GNU/Linux 12 (bookworm)",
    **{f"fact_{number}": f"value of fact {number}" for number in range(30)},
}
_HEAT = {
    "onset_s": 160.0,
    "known_until_s": 1200.0,
    "onset_cause": "thermal",
    "sustained_ratio": 0.7,
    "settled_ms": 90.0,
}
_RUN: dict[str, object] = {
    "state": RunState.DONE,
    "verdict": Verdict.VALID,
    "reasons": [],
    "attempts_made": 1,
    "counted_attempt": 1,
    "load_ns": 150e6,
    "window_s": 60.0,
    "peak_rss_bytes": 120_000_000,
    "start_c": 52.0,
    "end_c": 70.0,
    "max_c": 71.0,
    "labels": {"cooling": "fan"},
    "runtime_version": VERSION,
    "analysis_version": ANALYSIS_VERSION,
}
