"""Stores a study with all its runs, in the order of its blocks, and calls its devices."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy.orm import Session

from agent.wire.codec import encode
from agent.wire.spec import Inputs
from orchestrator.addresses import VariantAddress
from orchestrator.attending import leases
from orchestrator.db.accuracy_tables import EvaluationRow
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


def add_blocks(
    session: Session,
    study: StudyRow,
    device_id: int,
    variant_ids: Sequence[int],
    blocks: range,
    rates: Mapping[int, float] = MappingProxyType({}),
) -> None:
    """Queue the runs of these blocks on a device; `variant_ids` in the study's order, a search's `rates` by variant."""
    session.add_all(
        RunRow(
            id=secrets.token_hex(6),
            study_id=study.id,
            device_id=device_id,
            variant_id=variant_ids[place.index],
            block=place.block,
            position=place.position,
            rate_per_s=rates.get(variant_ids[place.index]),
        )
        for place in lay_out(study.seed, device_id, len(variant_ids), blocks)
    )


def _first_rates(
    session: Session, submission: Submission, study: StudyRow, device_id: int, chosen: Sequence[tuple[Way, int]]
) -> Mapping[int, float]:
    """The first rate of each variant of a search on a device, written into the diary; of another study none."""
    rates = {}
    for way, variant_id in chosen if submission.search is not None else ():
        start = submission.start_of((device_id, way.build.id, way.runtime, way.threads))
        name = VariantAddress.of(
            model="", label=way.build.label, runtime=way.runtime, threads=way.threads, options=way.options
        ).text
        message = f"{name}: begins with {start.rate_per_s:.4g}/s: {start.why}"
        record(session, EventKind.PACE_STEP, message, study_id=study.id, device_id=device_id)
        rates[variant_id] = start.rate_per_s
    return rates


def _submit(session: Session, submission: Submission) -> int:
    ways = select_ways(session, submission)
    devices = select_devices(session, submission.devices, submission.where)
    require_few_runs(len(ways) * len(devices) * submission.most_blocks)
    variant_ids = [get_or_add_variant(session, way).id for way in ways]
    study = _add_study(session, submission, ways)
    for device in devices:
        session.add(StudyDeviceRow(study_id=study.id, device_id=device.id))
        rates = _first_rates(session, submission, study, device.id, list(zip(ways, variant_ids, strict=True)))
        add_blocks(session, study, device.id, variant_ids, range(submission.blocks), rates)
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
        ambient_c=submission.ambient_c,
        search=None if submission.search is None else encode(submission.search),
    )
    session.add(study)
    session.flush()
    if (planned := submission.evaluation) is not None:
        session.add(
            EvaluationRow(
                study_id=study.id,
                dataset_id=planned.dataset_id,
                task=None if planned.task is None else encode(planned.task),
                seed=planned.seed,
                count=len(planned.examples),
                examples=list(planned.examples),
            )
        )
    return study


def _shape_text(inputs: Inputs) -> str:
    return ";".join(f"{name}={'x'.join(map(str, shape))}" for name, shape in sorted(inputs.shapes.items()))
