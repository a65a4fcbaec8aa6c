"""Which devices and variants a submission means; what is unknown is refused with a list of what there is."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.wire.codec import dumps
from agent.wire.spec import Scalar
from orchestrator.attending.lifecycle import DeviceState
from orchestrator.boards.runtimes import known_runtimes, pinned_requirements
from orchestrator.db.model_tables import BuildRow, ModelRow, VariantRow
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow
from orchestrator.errors import NotFoundError, SpecError
from orchestrator.studies.submission import Submission


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A build and how it is to be run: a variant that may not be stored yet."""

    build: BuildRow
    runtime: str
    threads: int
    options: Mapping[str, Scalar]


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


def one_of_each_type(database: Database, where: Mapping[str, str]) -> tuple[str, ...]:
    """A ready device of each board type, the first by name, apart for simulated ones; raises as `select_devices` does.

    Raises `SpecError` where none is ready.
    """
    with database.read() as session:
        found: dict[tuple[str, bool], str] = {}
        for device in select_devices(session, (), where):
            if device.state is DeviceState.READY:
                found.setdefault((device.board_type, device.simulated), device.name)
    if not found:
        raise SpecError("devices: none is ready; see pifarm device list, or name one with --device")
    return tuple(sorted(found.values()))


def select_ways(session: Session, submission: Submission) -> list[Way]:
    """The ways to run the model that are asked for, in the study's order; stores nothing."""
    return [
        Way(build=build, runtime=runtime, threads=threads, options=submission.runtime_options)
        for build in _select_builds(session, submission)
        for runtime in _runtimes_of(build, submission.runtimes)
        for threads in dict.fromkeys(submission.threads)
    ]


def get_or_add_variant(session: Session, way: Way) -> VariantRow:
    """The variant of a way, stored now if it is new."""
    key = dumps(dict(way.options))
    found = session.scalar(
        select(VariantRow).where(
            VariantRow.build_id == way.build.id,
            VariantRow.runtime == way.runtime,
            VariantRow.threads == way.threads,
            VariantRow.options_key == key,
        )
    )
    if found is None:
        found = VariantRow(
            build_id=way.build.id, runtime=way.runtime, threads=way.threads, options=json.loads(key), options_key=key
        )
        session.add(found)
        session.flush()
    return found


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
    fitting = [runtime for runtime in dict.fromkeys(wanted) if runtime in possible] if wanted else possible[:1]
    if not fitting:
        raise SpecError(
            f"runtime: {build.label} ({build.artifact.format}) runs on {', '.join(possible)}, not {wanted[0]!r}"
        )
    for runtime in fitting:
        if runtime in known_runtimes():
            pinned_requirements(runtime)  # refused here, not board by board, where the farm itself lacks it
    return fitting
