"""The farm's state for a person or a program: what runs, what it does, and what wants attention.

Reads only: the supervisor's file, the database, the broker's answer to a ping, the disk. The keys are a contract.
"""

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator import broker
from orchestrator.attending.lifecycle import DeviceState, StudyState
from orchestrator.config import Settings, complaints
from orchestrator.db.migrate import current_revision
from orchestrator.errors import masked
from orchestrator.farm import Farm
from orchestrator.heartbeat import Heartbeat
from orchestrator.queries.farm import list_devices
from orchestrator.queries.overview import FailureView, QueueView, queue_of, recent_failures
from orchestrator.queries.rows import DeviceView, StudyView
from orchestrator.queries.studies import list_studies
from orchestrator.supervisor.state import PartState, SupervisorState, is_running, read_state
from orchestrator.text.numbers_text import age, counted, size

LOW_DISK_BYTES = 1_000_000_000
STALE_HEARTBEAT_S = 60.0
MANY_STUDIES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerView:
    """A server that the farm needs: its address without a password, and whether it answers. `revision`: database."""

    url: str
    is_answering: bool
    revision: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatView:
    """When a worker or tick last did its work, `part@host`: also of those that no supervisor here started."""

    name: str
    age_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Something that a person should look at, and what to do."""

    about: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmStatus:
    """The answer of `pifarm status --json`. `since_s` is null where no supervisor runs here."""

    is_up: bool
    home: str
    farm: str
    supervisor_pid: int | None
    since_s: float | None
    is_draining: bool
    parts: tuple[PartState, ...]
    heartbeats: tuple[HeartbeatView, ...]
    broker: ServerView
    database: ServerView
    free_bytes: int
    queue: QueueView
    devices: tuple[DeviceView, ...]
    studies: tuple[StudyView, ...]
    attention: tuple[Attention, ...]


def look_at(farm: Farm, *, low_disk_bytes: int = LOW_DISK_BYTES) -> FarmStatus:
    """The farm now."""
    settings, supervisor = farm.settings, read_state(farm.settings)
    devices = list_devices(farm.database)
    studies = tuple(study for study in list_studies(farm.database, MANY_STUDIES) if study.state is StudyState.ACTIVE)
    doorbell = ServerView(url=masked(broker.broker_url(settings)), is_answering=broker.is_answering(settings))
    heartbeats = heartbeats_of(settings)
    free_bytes = shutil.disk_usage(settings.home).free
    is_up = is_running(settings) or (not settings.has_own_broker and doorbell.is_answering)
    return FarmStatus(
        is_up=is_up,
        home=str(settings.home),
        farm=farm.farm_id,
        supervisor_pid=supervisor.pid if supervisor else None,
        since_s=supervisor.since_s if supervisor else None,
        is_draining=supervisor.is_draining if supervisor else False,
        parts=supervisor.parts if supervisor else (),
        heartbeats=heartbeats,
        broker=doorbell,
        database=ServerView(
            url=masked(settings.database_url), is_answering=True, revision=current_revision(farm.database)
        ),
        free_bytes=free_bytes,
        queue=queue_of(farm.database),
        devices=devices,
        studies=studies,
        attention=(
            *_about_parts(supervisor, is_up, bool(studies)),
            *_about_servers(doorbell, is_up),
            *_about_heartbeats(settings, heartbeats),
            *_about_devices(devices),
            *_about_failures(recent_failures(farm.database)),
            *(_about_disk(settings, free_bytes) if free_bytes < low_disk_bytes else ()),
            *_about_canaries(settings, devices),
            *(Attention(about="home", message=complaint) for complaint in complaints(settings)),
        ),
    )


def heartbeats_of(settings: Settings) -> tuple[HeartbeatView, ...]:
    """The signs of life of the farm's processes that share this state home."""
    files = sorted(settings.heartbeats_dir.glob("*@*"))
    ages = ((file.name, Heartbeat(file=file).age_s()) for file in files)
    return tuple(HeartbeatView(name=name, age_s=age_s) for name, age_s in ages if age_s is not None)


def _about_parts(supervisor: SupervisorState | None, is_up: bool, has_work: bool) -> Iterator[Attention]:
    for part in supervisor.parts if supervisor else ():
        if part.keeps_dying:
            message = f"keeps dying ({part.last_end}, {part.restarts} restarts); see: pifarm logs {part.name}"
            yield Attention(about=part.name, message=message)
    if has_work and not is_up:
        yield Attention(about="farm", message="runs wait and nothing works on them; start it: pifarm up")


def _about_servers(doorbell: ServerView, is_up: bool) -> Iterator[Attention]:
    if is_up and not doorbell.is_answering:
        yield Attention(about="broker", message=f"{doorbell.url} does not answer; boards go on, nothing new is begun")


def _about_heartbeats(settings: Settings, heartbeats: Sequence[HeartbeatView]) -> Iterator[Attention]:
    if settings.has_own_broker:
        return
    for part in ("worker", "tick"):
        youngest_s = min((each.age_s for each in heartbeats if each.name.startswith(f"{part}@")), default=None)
        if youngest_s is None or youngest_s > STALE_HEARTBEAT_S:
            since = "no sign of life" if youngest_s is None else f"its last sign of life is from {age(youngest_s)}"
            message = f"{since}; is its service running, with this state home?"
            yield Attention(about=part, message=message)


def _about_devices(devices: Sequence[DeviceView]) -> Iterator[Attention]:
    for device in devices:
        if device.state is DeviceState.SICK:
            message = f"sick: {device.state_reason}; then: pifarm device resume {device.name}"
            yield Attention(about=device.name, message=message)
        elif device.state is DeviceState.READY and device.state_reason:
            message = f"not reached, seen {age(device.last_seen_age_s)}: {device.state_reason}"
            yield Attention(about=device.name, message=message)
        elif device.state is DeviceState.DRAINED and device.queued:
            message = (
                f"drained, {counted(device.queued, 'run')} waiting for it; then: pifarm device resume {device.name}"
            )
            yield Attention(about=device.name, message=message)


def _about_failures(failures: Sequence[FailureView]) -> Iterator[Attention]:
    for each in failures:
        when = f"{counted(each.runs, 'run')} failed on {each.device}, the last {age(each.last_age_s)}"
        message = f"{when}: {each.code}: {each.message}"
        yield Attention(about=f"study {each.study}", message=message)


def _about_disk(settings: Settings, free_bytes: int) -> Iterator[Attention]:
    yield Attention(about="disk", message=f"{size(free_bytes)} are free for {settings.home}")


def _about_canaries(settings: Settings, devices: Sequence[DeviceView]) -> Iterator[Attention]:
    if devices and settings.canary_every_s <= 0:
        message = "off (canary_every_s is 0): a board that is no longer what it was is not noticed between studies"
        yield Attention(about="canaries", message=message)


def uptime_s(since_s: float) -> float:
    """Seconds since a moment, by this machine's clock; never negative."""
    return max(0.0, time.time() - since_s)
