"""Stores a study with all its runs, in the order of its blocks, and calls its devices."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from agent.wire.codec import encode
from agent.wire.spec import Inputs
from orchestrator import leases
from orchestrator.db.session import Database
from orchestrator.db.tables import RunRow, StudyDeviceRow, StudyRow
from orchestrator.errors import SpecError
from orchestrator.events import EventKind, record
from orchestrator.studies.choice import Way, get_or_add_variant, select_devices, select_ways
from orchestrator.studies.order import lay_out
from orchestrator.studies.submission import Submission

MAX_RUNS = 100_000
SCRIPTED = "scripted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What a submission would become: its devices, and how many variants each of them would measure in a block.

    Scripted measuring takes no turns on a machine.
    """

    device_ids: tuple[int, ...]
    variants: int
    is_scripted: bool


def submit(database: Database, submission: Submission) -> int:
    """Store a study with all its runs and call its devices; returns the study's id. Raises `SpecError`."""
    return database.retried(lambda session: _submit(session, submission))


def outline(database: Database, submission: Submission) -> Outline:
    """What a submission would become; refuses what `submit` would refuse, and stores nothing."""
    with database.read() as session:
        ways = select_ways(session, submission)
        devices = select_devices(session, submission.devices, submission.where)
        require_few_runs(len(ways) * len(devices) * submission.most_blocks)
        return Outline(
            device_ids=tuple(device.id for device in devices),
            variants=len(ways),
            is_scripted=all(way.runtime == SCRIPTED for way in ways),
        )


def require_few_runs(count: int) -> None:
    """Refuse a study of more than `MAX_RUNS` runs."""
    if count > MAX_RUNS:
        raise SpecError(
            f"study: expected at most {MAX_RUNS} runs, got {count}; submit fewer variants, devices or blocks"
        )


def add_blocks(session: Session, study: StudyRow, device_id: int, variant_ids: Sequence[int], blocks: range) -> None:
    """Queue the runs of these blocks on a device; `variant_ids` in the study's order."""
    session.add_all(
        RunRow(
            id=secrets.token_hex(6),
            study_id=study.id,
            device_id=device_id,
            variant_id=variant_ids[place.index],
            block=place.block,
            position=place.position,
        )
        for place in lay_out(study.seed, device_id, len(variant_ids), blocks)
    )


def _submit(session: Session, submission: Submission) -> int:
    ways = select_ways(session, submission)
    devices = select_devices(session, submission.devices, submission.where)
    require_few_runs(len(ways) * len(devices) * submission.most_blocks)
    variant_ids = [get_or_add_variant(session, way).id for way in ways]
    study = _add_study(session, submission, ways)
    for device in devices:
        session.add(StudyDeviceRow(study_id=study.id, device_id=device.id))
        add_blocks(session, study, device.id, variant_ids, range(submission.blocks))
    leases.call(session, [device.id for device in devices])
    names = ", ".join(device.name for device in devices)
    record(session, EventKind.STUDY_SUBMITTED, f"{submission.model} on {names}", study_id=study.id)
    return study.id


def _add_study(session: Session, submission: Submission, ways: Sequence[Way]) -> StudyRow:
    study = StudyRow(
        model=ways[0].build.model,
        protocol_name=submission.protocol.name,
        protocol=encode(submission.protocol),
        blocks=submission.blocks,
        seed=secrets.randbelow(2**31) if submission.seed is None else submission.seed,
        priority=submission.priority,
        inputs=encode(submission.inputs),
        input_shape=_shape_text(submission.inputs),
        bundle_hash=submission.bundle_hash,
        kind=submission.kind,
        until_ci=submission.until_ci,
        max_blocks=submission.most_blocks if submission.until_ci is not None else None,
    )
    session.add(study)
    session.flush()
    return study


def _shape_text(inputs: Inputs) -> str:
    return ";".join(f"{name}={'x'.join(map(str, shape))}" for name, shape in sorted(inputs.shapes.items()))
