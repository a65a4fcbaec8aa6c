"""Picks the next run for a device and opens an attempt at it.

A device picks under a lease; the unique indices of `attempts` refuse whatever two attendants might agree on by
mistake: one open attempt on a device, one real measurement on a machine.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from agent.wire.codec import decode
from agent.wire.spec import Inputs, Protocol, Scalar, at_start_temperature
from orchestrator.attending import attempts
from orchestrator.attending.evaluations import DataSet, data_set_of
from orchestrator.attending.known_onsets import ending_before, known_onset_s
from orchestrator.attending.lifecycle import (
    OPEN_ATTEMPT_STATES,
    AttemptState,
    DeviceState,
    RunEvent,
    RunState,
    StudyKind,
    StudyState,
    after,
)
from orchestrator.attending.scheduler import Turn, Waiting, next_run, whose_turn
from orchestrator.db.model_tables import BuildRow, VariantRow
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, DeviceRow, RunRow, StudyDeviceRow, StudyRow
from orchestrator.protocols import of_run

SCRIPTED = "scripted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """An open attempt with all that its attendant needs to know.

    Not `is_wanted`: the run was cancelled or retried. `is_staged`: its artifact and bundle were on the board before.
    Not `is_equipped`: nobody has asked the board for this runtime yet; `unsupported` says why it does not have it.
    `data` is what the run answers in place of being timed; once it `is_answered`, its end has come and it is scored.
    """

    attempt_id: int
    device_id: int
    run_id: str
    number: int
    state: AttemptState
    is_wanted: bool
    study_id: int
    cursor_byte: int
    is_staged: bool
    is_equipped: bool
    unsupported: str | None
    artifact_id: str
    manifest: Mapping[str, Any]
    size_bytes: int
    bundle_hash: str
    runtime: str
    threads: int
    runtime_options: Mapping[str, Scalar]
    protocol: Protocol
    inputs: Inputs
    is_profile: bool = False
    data: DataSet | None = None
    is_answered: bool = False


class Idle(enum.Enum):
    """Why a device picked nothing."""

    NOTHING_QUEUED = "nothing queued"
    NOT_READY = "not ready"
    MACHINE_BUSY = "machine busy"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotMyTurn:
    """Another device of the same machine has waited longer."""

    device_id: int


def current(database: Database, device_id: int) -> Assignment | None:
    """The open attempt of a device, if there is one."""
    with database.read() as session:
        attempt = session.scalar(
            select(AttemptRow).where(AttemptRow.device_id == device_id, AttemptRow.state.in_(OPEN_ATTEMPT_STATES))
        )
        return None if attempt is None else _assignment(session, attempt)


def peek(session: Session, device_id: int) -> Waiting | None:
    """The run that the scheduler would pick for a device now."""
    return next_run(_waiting(session, device_id))


def open_next(database: Database, device_id: int) -> Assignment | Idle | NotMyTurn:
    """Open an attempt at the run that the scheduler picks for a device."""
    try:
        with database.write() as session:
            device = session.get_one(DeviceRow, device_id)
            if device.state is not DeviceState.READY:
                return Idle.NOT_READY
            chosen = peek(session, device_id)
            if chosen is None:
                return Idle.NOTHING_QUEUED
            run = attempts.locked_run(session, chosen.run_id)
            is_exclusive = run.variant.runtime != SCRIPTED
            if is_exclusive and (refusal := _refusal_of_machine(session, device)) is not None:
                return refusal
            return _open(session, run, device.machine_key if is_exclusive else None)
    except IntegrityError:
        return Idle.MACHINE_BUSY


def _refusal_of_machine(session: Session, device: DeviceRow) -> Idle | NotMyTurn | None:
    siblings = select(DeviceRow).where(
        DeviceRow.machine_key == device.machine_key, DeviceRow.state == DeviceState.READY
    )
    turns = [
        Turn(device_id=sibling.id, last_served_at_s=sibling.last_served_at_s)
        for sibling in session.scalars(siblings)
        if sibling.id == device.id or (sibling.unreachable_in_row == 0 and peek(session, sibling.id))
    ]
    busy = select(AttemptRow.id).where(
        AttemptRow.machine_key == device.machine_key, AttemptRow.state.in_(OPEN_ATTEMPT_STATES)
    )
    if session.scalar(busy.limit(1)) is not None:
        return Idle.MACHINE_BUSY
    turn = whose_turn(turns)
    return None if turn in (device.id, None) else NotMyTurn(device_id=turn)


def _waiting(session: Session, device_id: int) -> list[Waiting]:
    measured = (
        select(RunRow.study_id, RunRow.block, func.count().label("count"))
        .where(RunRow.device_id == device_id, RunRow.attempts_made > 0)
        .group_by(RunRow.study_id, RunRow.block)
    )
    begun = {(study_id, block): count for study_id, block, count in session.execute(measured)}
    served: dict[int, int] = {}
    for (study_id, _), count in begun.items():
        served[study_id] = served.get(study_id, 0) + count
    is_health_check = DeviceRow.needs_canary & (StudyRow.kind == StudyKind.CANARY)
    queued = (
        select(RunRow.id, RunRow.study_id, StudyRow.priority, RunRow.block, RunRow.position, is_health_check)
        .join(StudyRow, StudyRow.id == RunRow.study_id)
        .join(DeviceRow, DeviceRow.id == RunRow.device_id)
        .where(
            RunRow.device_id == device_id,
            RunRow.state == RunState.QUEUED,
            StudyRow.state == StudyState.ACTIVE,
        )
    )
    return [
        Waiting(
            run_id=run_id,
            study_id=study_id,
            priority=priority,
            block=block,
            position=position,
            is_block_begun=(study_id, block) in begun,
            study_runs_measured=served.get(study_id, 0),
            is_health_check=is_check,
        )
        for run_id, study_id, priority, block, position, is_check in session.execute(queued)
    ]


def _open(session: Session, run: RunRow, machine_key: str | None) -> Assignment:
    run.state = after(run.state, RunEvent.PICKED) or run.state
    run.attempts_made += 1
    shared = session.get(StudyDeviceRow, (run.study_id, run.device_id))
    run.start_group = run.start_group if shared is None else shared.start_group
    known_s = known_onset_s(session, run)
    attempt = AttemptRow(
        run=run, number=run.attempts_made, device_id=run.device_id, machine_key=machine_key, known_onset_s=known_s
    )
    session.add(attempt)
    session.flush()
    return _assignment(session, attempt)


def _assignment(session: Session, attempt: AttemptRow) -> Assignment:
    run = attempt.run
    study: StudyRow = run.study
    variant: VariantRow = run.variant
    shared = session.get(StudyDeviceRow, (study.id, run.device_id))
    protocol = of_run(study.protocol, run.rate_per_s, run.step_s)
    probe = session.get_one(DeviceRow, run.device_id).probe
    unsupported = probe.get("unsupported", {}).get(variant.runtime)
    data = data_set_of(session, study.id) if study.kind is StudyKind.ACCURACY else None
    if shared is not None and shared.start_c is not None:
        protocol = at_start_temperature(protocol, shared.start_c)
    protocol = ending_before(protocol, attempt.known_onset_s)
    return Assignment(
        attempt_id=attempt.id,
        device_id=attempt.device_id,
        run_id=run.id,
        number=attempt.number,
        state=attempt.state,
        is_wanted=run.state in (RunState.STAGING, RunState.RUNNING),
        study_id=study.id,
        cursor_byte=attempt.cursor_byte,
        is_staged=data is None and _was_staged(session, attempt),
        is_equipped=variant.runtime in (SCRIPTED, *probe.get("runtimes", {})) or unsupported is not None,
        unsupported=unsupported,
        artifact_id=variant.build.artifact_id,
        manifest=variant.build.artifact.manifest,
        size_bytes=variant.build.artifact.size_bytes,
        bundle_hash=study.bundle_hash,
        runtime=variant.runtime,
        threads=variant.threads,
        runtime_options=variant.options,
        protocol=protocol,
        inputs=decode(Inputs, study.inputs),
        is_profile=study.kind is StudyKind.PROFILE,
        data=data,
        is_answered=attempt.ended is not None,
    )


def _was_staged(session: Session, attempt: AttemptRow) -> bool:
    """Whether an earlier attempt on this device was started with the same artifact and the same bundle."""
    earlier = (
        select(AttemptRow.id)
        .join(RunRow, RunRow.id == AttemptRow.run_id)
        .join(StudyRow, StudyRow.id == RunRow.study_id)
        .join(VariantRow, VariantRow.id == RunRow.variant_id)
        .join(BuildRow, BuildRow.id == VariantRow.build_id)
        .where(
            AttemptRow.device_id == attempt.device_id,
            AttemptRow.started_at_s.is_not(None),
            BuildRow.artifact_id == attempt.run.variant.build.artifact_id,
            StudyRow.bundle_hash == attempt.run.study.bundle_hash,
        )
    )
    return session.scalar(earlier.limit(1)) is not None
