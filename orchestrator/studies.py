"""Plans a study into runs: every block holds each variant once, in an order drawn from the study's seed.

What is submitted is stored whole in one transaction: either the study and all its runs are there, or nothing is.
"""

import json
import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from agent.wire.codec import dumps, encode
from agent.wire.spec import Inputs, Protocol, Scalar
from orchestrator import leases
from orchestrator.db.clock import now_s
from orchestrator.db.session import KEEP, Database
from orchestrator.db.tables import (
    AttemptRow,
    BuildRow,
    DeviceRow,
    ModelRow,
    RunRow,
    StudyDeviceRow,
    StudyRow,
    VariantRow,
)
from orchestrator.errors import NotFoundError, SpecError
from orchestrator.events import EventKind, record
from orchestrator.lifecycle import (
    ENDED_RUN_STATES,
    GIVEN_UP,
    OPEN_ATTEMPT_STATES,
    AttemptState,
    RunEvent,
    RunState,
    StudyState,
    Verdict,
    after,
)

MAX_RUNS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a user asks for. Empty `variants` or `devices` mean all that there are; `where` selects devices by label."""

    model: str
    protocol: Protocol
    blocks: int
    bundle_hash: str
    variants: Sequence[str] = ()
    devices: Sequence[str] = ()
    where: Mapping[str, str] = field(default_factory=dict)
    threads: Sequence[int] = (1,)
    runtimes: Sequence[str] = ()
    runtime_options: Mapping[str, Scalar] = field(default_factory=dict)
    inputs: Inputs = field(default_factory=Inputs)
    priority: int = 0
    seed: int | None = None

    def __post_init__(self) -> None:
        for count in self.threads:
            if not 1 <= count <= 64:
                raise SpecError(f"threads: expected 1..64, got {count}")
        if not self.threads:
            raise SpecError("threads: expected at least one number, e.g. --threads 1,4")
        if not 1 <= self.blocks <= 1000:
            raise SpecError(f"blocks: expected 1..1000, got {self.blocks}")


def submit(database: Database, submission: Submission) -> int:
    """Store a study with all its runs and call its devices; returns the study's id. Raises `SpecError`."""
    return database.retried(lambda session: _submit(session, submission))


def cancel(database: Database, study_id: int) -> int:
    """Cancel a study in whatever state it is; returns how many runs that ended. Boards are told on next contact."""
    return database.retried(lambda session: _cancel(session, study_id))


def retry(database: Database, study_id: int) -> int:
    """Queue a study's failed, cancelled and invalid runs again; returns how many."""
    return database.retried(lambda session: _retry(session, study_id))


def abandon(database: Database, study_id: int) -> int:
    """Give up a study's open attempts whose board will not come back; returns how many. What they measured is lost.

    A board that does come back ends and forgets them before it gets other work.
    """
    with database.write() as session:
        _get_study(session, study_id)
        open_attempts = session.scalars(
            select(AttemptRow)
            .join(RunRow, RunRow.id == AttemptRow.run_id)
            .where(RunRow.study_id == study_id, AttemptRow.state.in_(OPEN_ATTEMPT_STATES))
            .with_for_update(of=AttemptRow, **KEEP)
        ).all()
        at_s = session.scalar(select(now_s()))
        for attempt in open_attempts:
            attempt.state, attempt.closed_at_s = AttemptState.ABANDONED, at_s
            attempt.code, attempt.message = GIVEN_UP, "given up by an operator"
            run = session.get_one(RunRow, attempt.run_id, with_for_update=KEEP, populate_existing=True)
            if (following := after(run.state, RunEvent.GAVE_UP)) is not None:
                run.state, run.ended_at_s = following, at_s
        leases.call(session, sorted({attempt.device_id for attempt in open_attempts}))
        close_if_done(session, study_id)
        return len(open_attempts)


def close_if_done(session: Session, study_id: int) -> None:
    """End a study whose runs have all ended, in the caller's transaction.

    Whoever ends the last run sees all others: the study is locked first, as two may end runs of it at once.
    """
    session.flush()
    session.execute(select(StudyRow.id).where(StudyRow.id == study_id).with_for_update(**KEEP))
    open_runs = select(RunRow.id).where(RunRow.study_id == study_id, RunRow.state.not_in(ENDED_RUN_STATES)).limit(1)
    if session.scalar(open_runs) is not None:
        return
    closed = session.scalar(
        update(StudyRow)
        .where(StudyRow.id == study_id, StudyRow.state == StudyState.ACTIVE)
        .values(state=StudyState.DONE, ended_at_s=now_s())
        .returning(StudyRow.id)
    )
    if closed is not None:
        record(session, EventKind.STUDY_ENDED, f"study {study_id} has ended", study_id=study_id)


def any_active(database: Database) -> bool:
    """Whether a study has not ended yet."""
    with database.read() as session:
        return session.scalar(select(StudyRow.id).where(StudyRow.state == StudyState.ACTIVE).limit(1)) is not None


def select_devices(session: Session, names: Sequence[str], where: Mapping[str, str]) -> list[DeviceRow]:
    """The devices of these names and labels, all if neither is given; raises `SpecError` that lists what there is."""
    devices = list(session.scalars(select(DeviceRow).order_by(DeviceRow.name)))
    if not devices:
        raise SpecError("devices: none registered yet; add one: pifarm device add NAME --ssh user@host, or --local")
    known = {device.name: device for device in devices}
    for name in names:
        if name not in known:
            raise NotFoundError(f"device: {name!r} is unknown; there are {', '.join(known)}")
    chosen = [known[name] for name in dict.fromkeys(names)] if names else devices
    matching = [d for d in chosen if all(d.labels.get(key) == value for key, value in where.items())]
    if not matching:
        labels = sorted({f"{key}={value}" for device in chosen for key, value in device.labels.items()})
        wanted = ", ".join(f"{key}={value}" for key, value in where.items())
        raise NotFoundError(f"--where {wanted}: no device has that; labels in use: {', '.join(labels) or 'none'}")
    return matching


def block_order(seed: int, device_id: int, block: int, count: int) -> list[int]:
    """The order of `count` variants in a block on a device: a permutation of 0..count-1 drawn from the study's seed.

    Two variants alternate AB BA AB ..., starting as the seed says.
    """
    if count == 2:
        first = random.Random(f"{seed}/{device_id}").randrange(2)
        return [0, 1] if (block + first) % 2 == 0 else [1, 0]
    order = list(range(count))
    random.Random(f"{seed}/{device_id}/{block}").shuffle(order)
    return order


def _cancel(session: Session, study_id: int) -> int:
    not_ended = select(RunRow).where(RunRow.study_id == study_id, RunRow.state.not_in(ENDED_RUN_STATES))
    runs = session.scalars(not_ended.order_by(RunRow.id).with_for_update(**KEEP)).all()
    study = _get_study(session, study_id)
    for run in runs:
        run.state = after(run.state, RunEvent.CANCELLED) or run.state
        run.ended_at_s = session.scalar(select(now_s()))
    if study.state is StudyState.ACTIVE:
        study.state = StudyState.CANCELLED
        study.ended_at_s = session.scalar(select(now_s()))
        record(session, EventKind.STUDY_CANCELLED, f"{len(runs)} runs cancelled", study_id=study_id)
    leases.call(session, sorted({run.device_id for run in runs}))
    return len(runs)


def _retry(session: Session, study_id: int) -> int:
    its_runs = select(RunRow).where(RunRow.study_id == study_id).order_by(RunRow.id).with_for_update(**KEEP)
    runs = [run for run in session.scalars(its_runs) if _is_worth_retrying(run)]
    study = _get_study(session, study_id)
    for run in runs:
        run.state = after(run.state, RunEvent.RETRIED) or run.state
        run.device_faults = run.invalid_results = 0
    if runs:
        study.state, study.ended_at_s = StudyState.ACTIVE, None
    leases.call(session, sorted({run.device_id for run in runs}))
    return len(runs)


def _submit(session: Session, submission: Submission) -> int:
    builds = _select_builds(session, submission)
    devices = select_devices(session, submission.devices, submission.where)
    variants = [
        _get_or_add_variant(session, build, runtime, threads, submission.runtime_options)
        for build in builds
        for runtime in _runtimes_of(build, submission.runtimes)
        for threads in dict.fromkeys(submission.threads)
    ]
    study = _add_study(session, submission, builds[0].model)
    _add_runs(session, study, variants, devices)
    leases.call(session, [device.id for device in devices])
    names = ", ".join(device.name for device in devices)
    record(session, EventKind.STUDY_SUBMITTED, f"{submission.model} on {names}", study_id=study.id)
    return study.id


def _add_study(session: Session, submission: Submission, model: ModelRow) -> StudyRow:
    study = StudyRow(
        model=model,
        protocol_name=submission.protocol.name,
        protocol=encode(submission.protocol),
        blocks=submission.blocks,
        seed=secrets.randbelow(2**31) if submission.seed is None else submission.seed,
        priority=submission.priority,
        inputs=encode(submission.inputs),
        input_shape=_shape_text(submission.inputs),
        bundle_hash=submission.bundle_hash,
    )
    session.add(study)
    session.flush()
    return study


def _add_runs(session: Session, study: StudyRow, variants: list[VariantRow], devices: list[DeviceRow]) -> None:
    count = len(variants) * len(devices) * study.blocks
    if count > MAX_RUNS:
        raise SpecError(
            f"study: expected at most {MAX_RUNS} runs, got {count}; submit fewer variants, devices or blocks"
        )
    for device in devices:
        session.add(StudyDeviceRow(study_id=study.id, device_id=device.id))
        for block in range(study.blocks):
            for position, index in enumerate(block_order(study.seed, device.id, block, len(variants))):
                session.add(
                    RunRow(
                        id=secrets.token_hex(6),
                        study_id=study.id,
                        device_id=device.id,
                        variant_id=variants[index].id,
                        block=block,
                        position=position,
                    )
                )


def _select_builds(session: Session, submission: Submission) -> list[BuildRow]:
    model = session.scalar(select(ModelRow).where(ModelRow.name == submission.model))
    if model is None:
        names = ", ".join(session.scalars(select(ModelRow.name).order_by(ModelRow.name)))
        raise NotFoundError(
            f"model: {submission.model!r} is unknown; there are {names or 'none: pifarm model add NAME PATH'}"
        )
    known = {build.label: build for build in model.builds}
    for label in submission.variants:
        if label not in known:
            raise NotFoundError(f"variant: {submission.model} has no {label!r}; it has {', '.join(known)}")
    return [known[label] for label in dict.fromkeys(submission.variants)] if submission.variants else list(model.builds)


def _runtimes_of(build: BuildRow, wanted: Sequence[str]) -> list[str]:
    possible: list[str] = build.artifact.facts["runtimes"]
    if not wanted:
        return possible[:1]
    fitting = [runtime for runtime in dict.fromkeys(wanted) if runtime in possible]
    if not fitting:
        raise SpecError(
            f"runtime: {build.label} ({build.artifact.format}) runs on {', '.join(possible)}, not {wanted[0]!r}"
        )
    return fitting


def _get_or_add_variant(
    session: Session, build: BuildRow, runtime: str, threads: int, options: Mapping[str, Scalar]
) -> VariantRow:
    key = dumps(dict(options))
    found = session.scalar(
        select(VariantRow).where(
            VariantRow.build_id == build.id,
            VariantRow.runtime == runtime,
            VariantRow.threads == threads,
            VariantRow.options_key == key,
        )
    )
    if found is None:
        found = VariantRow(
            build_id=build.id, runtime=runtime, threads=threads, options=json.loads(key), options_key=key
        )
        session.add(found)
        session.flush()
    return found


def _get_study(session: Session, study_id: int) -> StudyRow:
    study = session.get(StudyRow, study_id)
    if study is None:
        raise NotFoundError(f"study: {study_id} is unknown; see `pifarm study list`")
    return study


def _is_worth_retrying(run: RunRow) -> bool:
    return run.state in (RunState.FAILED, RunState.CANCELLED) or run.verdict is Verdict.INVALID


def _shape_text(inputs: Inputs) -> str:
    return ";".join(f"{name}={'x'.join(map(str, shape))}" for name, shape in sorted(inputs.shapes.items()))
