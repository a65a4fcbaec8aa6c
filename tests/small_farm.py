"""Rows of a small farm for tests of the core: devices, models, studies, and columns set by hand instead of waiting."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update

from agent.wire.records import Fault
from agent.wire.spec import Protocol
from orchestrator import studies
from orchestrator.attending import attempts, picking
from orchestrator.attending.lifecycle import OPEN_ATTEMPT_STATES, AttemptState, RunState
from orchestrator.attending.picking import Assignment
from orchestrator.db.model_tables import ArtifactRow, BuildRow, ModelRow
from orchestrator.db.session import Database
from orchestrator.db.stored import Base
from orchestrator.db.tables import AttemptRow, DeviceRow, RunRow, StudyRow
from orchestrator.protocols import preset
from orchestrator.studies import Submission

BUNDLE_HASH = "b" * 64
QUICK: Protocol = preset("quick").protocol
MODEL_BYTES = b"stands in for a model"
MANIFEST = {
    "main": "model.onnx",
    "files": [
        {
            "name": "model.onnx",
            "sha256": hashlib.sha256(MODEL_BYTES).hexdigest(),
            "size_bytes": len(MODEL_BYTES),
        }
    ],
}


def add_device(database: Database, name: str = "pi5-kitchen", **columns: Any) -> int:
    """A ready device; without `machine_key` each has a machine of its own."""
    row: dict[str, Any] = {
        "name": name,
        "address": f"pi@{name}:22",
        "host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "machine_key": f"machine of {name}",
        "board": "Raspberry Pi 5 Model B Rev 1.0",
        "board_type": "pi5",
        "probe": {"runtimes": {"onnxruntime": "1.32.0"}},
        "probed_at_s": 0.0,
        "python": "python3",
        "bundle_hash": BUNDLE_HASH,
    }
    with database.write() as session:
        device = DeviceRow(**{**row, **columns})
        session.add(device)
        session.flush()
        return device.id


def add_model(
    database: Database,
    name: str = "yolov9-c",
    labels: Sequence[str] = ("fp32", "int8"),
    runtimes: Sequence[str] = ("onnxruntime",),
) -> None:
    """A model with a build for each label; their files exist by name only, all with the content `MODEL_BYTES`."""
    with database.write() as session:
        model = ModelRow(name=name)
        for index, label in enumerate(labels):
            artifact = ArtifactRow(
                id=f"{name}/{label}".encode().hex().ljust(64, "0")[:64],
                format="onnx",
                size_bytes=1000,
                manifest=MANIFEST,
                facts={"inputs": [], "outputs": [], "opset": {}, "runtimes": list(runtimes)},
            )
            model.builds.append(BuildRow(label=label, artifact=artifact, is_baseline=index == 0))
        session.add(model)


def make_submission(**changes: Any) -> Submission:
    """A submission of the small farm's model: every variant on every device, one quick block."""
    settings: dict[str, Any] = {
        "model": "yolov9-c",
        "protocol": QUICK,
        "blocks": 1,
        "bundle_hash": BUNDLE_HASH,
        "seed": 7,
    }
    return Submission(**{**settings, **changes})


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallFarm:
    """One device, one model, one study."""

    device_id: int
    study_id: int


def plant(database: Database, labels: Sequence[str] = ("fp32",), **changes: Any) -> SmallFarm:
    """A device, a model with builds of these labels, and a study of them."""
    device_id = add_device(database)
    add_model(database, labels=labels)
    study_id = studies.submit(database, make_submission(**changes))
    return SmallFarm(device_id=device_id, study_id=study_id)


def open_attempt(database: Database, device_id: int) -> Assignment:
    """The attempt that the device's attendant opens next."""
    opened = picking.open_next(database, device_id)
    assert isinstance(opened, Assignment), opened
    return opened


def start_attempt(database: Database, device_id: int) -> Assignment:
    """The same, with the start command sent."""
    opened = open_attempt(database, device_id)
    assert mark_started(database, opened.attempt_id)
    return opened


def mark_started(database: Database, attempt_id: int) -> bool:
    """Note that a start is about to be sent."""
    with database.write() as session:
        return attempts.mark_started(session, attempt_id)


def withdraw(database: Database, attempt_id: int) -> None:
    """Take back an attempt that never reached the board."""
    with database.write() as session:
        attempts.withdraw(session, attempt_id)


def get_device(database: Database, device_id: int) -> DeviceRow:
    """A device as it is stored now."""
    with database.read() as session:
        return session.get_one(DeviceRow, device_id)


def get_run(database: Database, run_id: str) -> RunRow:
    """A run as it is stored now."""
    with database.read() as session:
        return session.get_one(RunRow, run_id)


def get_attempt(database: Database, attempt_id: int) -> AttemptRow:
    """An attempt as it is stored now."""
    with database.read() as session:
        return session.get_one(AttemptRow, attempt_id)


def runs_of(database: Database, study_id: int) -> list[RunRow]:
    """A study's runs, device by device, block by block."""
    with database.read() as session:
        query = select(RunRow).where(RunRow.study_id == study_id)
        return list(session.scalars(query.order_by(RunRow.device_id, RunRow.block, RunRow.position)))


def set_columns(database: Database, row: type[Base], key: object, **values: object) -> None:
    """Set columns of the row with this id, as time or an accident would."""
    with database.write() as session:
        session.execute(update(row).where(row.__table__.c.id == key).values(**values))


def dump(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table: two equal dumps mean that nothing was changed."""
    with database.read() as session:
        return {
            table.name: sorted((tuple(row) for row in session.execute(select(table))), key=repr)
            for table in Base.metadata.sorted_tables
        }


def get_study(database: Database, study_id: int) -> StudyRow:
    """A study as it is stored now."""
    with database.read() as session:
        return session.get_one(StudyRow, study_id)


def close_attempt(database: Database, assignment: Assignment) -> None:
    """End an attempt."""
    with database.write() as session:
        attempts.close(session, session.get_one(AttemptRow, assignment.attempt_id), AttemptState.ENDED)


def finish(database: Database, assignment: Assignment) -> None:
    """End an attempt, its run being done."""
    close_attempt(database, assignment)
    set_columns(database, RunRow, assignment.run_id, state=RunState.DONE)


def fail_attempt(
    database: Database,
    assignment: Assignment,
    fault: Fault = Fault.DEVICE,
    state: AttemptState = AttemptState.ENDED,
) -> None:
    """End an attempt by somebody's fault."""
    with database.write() as session:
        attempt = session.get_one(AttemptRow, assignment.attempt_id)
        attempts.fail(session, attempt, state, fault, "no_space", "the disk is full")


def count_open(database: Database) -> int:
    """How many attempts are open."""
    with database.read() as session:
        return len(session.scalars(select(AttemptRow.id).where(AttemptRow.state.in_(OPEN_ATTEMPT_STATES))).all())


def plant_twins(database: Database, *names: str, runtimes: tuple[str, ...] = ("onnxruntime",)) -> list[int]:
    """Devices that share a machine, with a study of two variants on each."""
    ids = [add_device(database, name, machine_key="host", simulated=True) for name in names]
    add_model(database, runtimes=runtimes)
    studies.submit(database, make_submission())
    return ids
