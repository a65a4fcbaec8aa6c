"""The devices: registering a board, looking at it, taking it in and out of service.

A host key is pinned when a board is added and never learnt again. A board is one machine: registering it twice under
other names or addresses is refused, because two devices that share a board would disturb each other's runs.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from agent.wire.answers import Probe
from agent.wire.codec import decode, encode
from agent.wire.names import is_plain_name
from agent.wire.spec import Fence
from orchestrator.attending import leases
from orchestrator.attending.lifecycle import OPEN_ATTEMPT_STATES, DeviceState, RunState, StudyKind
from orchestrator.attending.links import local_transport, transport_of
from orchestrator.boards.ambient import require_sound_label
from orchestrator.boards.board import Board
from orchestrator.boards.bootstrap import Bootstrapped, Plan, bootstrap
from orchestrator.boards.bundle import build_bundle
from orchestrator.boards.environments import WheelhousePolicy
from orchestrator.boards.runtimes import DEFAULT, known_runtimes, pinned_requirements
from orchestrator.db.clock import now_s
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, DeviceRow, RunRow, StudyDeviceRow, StudyRow
from orchestrator.errors import HostKeyError, NotFoundError, OwnedError, SpecError
from orchestrator.events import EventKind, record
from orchestrator.farm import Farm
from orchestrator.transport import Transport
from orchestrator.transport.address import SshAddress
from orchestrator.transport.keys import FarmKey, HostKey
from orchestrator.transport.local import adopt_own_python
from orchestrator.transport.ssh import SshTransport, install_key_with_password, scan_host_key

TellStep = Callable[[str, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBoard:
    """A board to register over SSH; it gets further runtimes than `runtimes` with the first runs that want them."""

    name: str
    address: str
    labels: Mapping[str, str] = field(default_factory=dict)
    runtimes: Sequence[str] = (DEFAULT,)
    wheelhouse: WheelhousePolicy = WheelhousePolicy.AUTO
    take_over: bool = False

    @property
    def parsed_address(self) -> SshAddress:
        """User, host and port; raises `SpecError` that shows the form."""
        return SshAddress.parse(self.address)


def accept_host_key(address: SshAddress, fingerprint: str | None, confirm: Callable[[str], bool]) -> HostKey:
    """The board's host key, if it has the fingerprint that was given, or if a person confirms the one that it shows."""
    if fingerprint is not None:
        try:
            return scan_host_key(address, fingerprint=fingerprint)
        except HostKeyError as error:
            raise SpecError(f"--fingerprint: {error}") from error
    key = scan_host_key(address)
    if not confirm(f"{address} shows the host key {key.fingerprint}"):
        raise SpecError(f"device add: the host key of {address} was not accepted; nothing was changed")
    return key


def install_key(farm: Farm, address: SshAddress, host_key: HostKey, password: str) -> None:
    """Put the farm's public key into the board's authorized_keys; the password is used once and forgotten."""
    line = FarmKey.in_folder(farm.settings.keys_dir).public_line
    install_key_with_password(address, host_key=str(host_key), password=password, public_line=line)


def add_board(farm: Farm, new: NewBoard, host_key: HostKey, *, progress: TellStep) -> None:
    """Register a board over SSH: reach it, set up its runtime, store what it is. Safe to repeat after a failure."""
    _require_free_name(farm.database, new.name)
    require_sound_label(new.labels)
    key = FarmKey.in_folder(farm.settings.keys_dir)
    transport = SshTransport(new.parsed_address, key_file=key.private_file, host_key=str(host_key))
    with closing(transport):
        done = _set_up(farm, transport, new.runtimes, new.wheelhouse, progress)
        _claim_board(farm, transport, done, new.take_over)
    _store(farm, new, str(host_key), done)


def add_local(
    farm: Farm, name: str, labels: Mapping[str, str], *, runtimes: Sequence[str] = (DEFAULT,), progress: TellStep
) -> None:
    """Register this very machine, measured without SSH by the orchestrator's own Python."""
    _require_free_name(farm.database, name)
    require_sound_label(labels)
    adopt_own_python(farm.settings.local_dir)
    with closing(local_transport(farm)) as transport:
        done = _set_up(farm, transport, runtimes, WheelhousePolicy.AUTO, progress)
    _store(farm, NewBoard(name=name, address="", labels=labels), None, done)


def probe_again(farm: Farm, name: str, *, runtimes: Sequence[str] = (), progress: TellStep) -> None:
    """Look at a device's hardware again; bring its agent and its runtimes up to date, and further `runtimes` to it."""
    with farm.database.read() as session:
        device = require_idle(session, find(session, name))
        transport = transport_of(farm, device)
        has = [each for each in device.probe.get("runtimes", {}) if each in known_runtimes()]
    wanted = list(dict.fromkeys([*has, *runtimes])) or [DEFAULT]
    with closing(transport):
        done = _set_up(farm, transport, wanted, WheelhousePolicy.AUTO, progress)
    with farm.database.write() as session:
        device = find(session, name)
        _fill_in(session, device, done)
        leases.call(session, [device.id])


def drain(database: Database, name: str, reason: str) -> None:
    """Give a device no further work; the run that it is at goes on, its queue stays."""
    with database.write() as session:
        device = find(session, name)
        device.state, device.state_reason = DeviceState.DRAINED, reason
        record(session, EventKind.DEVICE_CHANGED, f"{name}: drained: {reason}", device_id=device.id)


def quarantine(database: Database, name: str, reason: str) -> None:
    """Take a device for sick, as somebody sees it: no further work, and its state wants attention. Its queue stays."""
    with database.write() as session:
        device = find(session, name)
        device.state, device.state_reason = DeviceState.SICK, f"quarantined: {reason}"
        record(session, EventKind.DEVICE_SICK, f"{name}: {device.state_reason}", device_id=device.id)


def resume(database: Database, name: str, comment: str = "") -> None:
    """Give a drained or sick device work again, after a canary, and call its attendant."""
    with database.write() as session:
        device = find(session, name)
        device.state, device.state_reason = DeviceState.READY, ""
        device.faults_in_row = device.unreachable_in_row = 0
        device.needs_canary = True
        leases.call(session, [device.id])
        said = f"{name}: resumed: {comment}" if comment else f"{name}: resumed"
        record(session, EventKind.DEVICE_CHANGED, said, device_id=device.id)


def reset_canaries(database: Database, name: str) -> None:
    """Begin the baseline of a device's canaries anew: what it is from now on is what it should be."""
    with database.write() as session:
        device = find(session, name)
        device.canaries_from_s, device.needs_canary = session.scalars(select(now_s())).one(), True
        leases.call(session, [device.id])
        record(session, EventKind.CANARY, f"{name}: the baseline begins anew", device_id=device.id)


def remove(database: Database, name: str) -> str:
    """Forget a device without runs, or drain one that has results; says which. Refused while a run is active on it."""
    with database.write() as session:
        device = _find_removable(session, name)
        if session.scalar(select(RunRow.id).where(RunRow.device_id == device.id).limit(1)) is None:
            session.execute(StudyDeviceRow.__table__.delete().where(StudyDeviceRow.device_id == device.id))  # type: ignore[attr-defined]  # a Table, typed as FromClause
            session.delete(device)
            return f"{name}: removed"
        device.state, device.state_reason = DeviceState.DRAINED, "removed; its results stay"
        return f"{name}: drained for good, because it has results"


def require_removable(database: Database, name: str) -> None:
    """Nothing, where `remove` would not be refused now; raises as it does."""
    with database.read() as session:
        _find_removable(session, name)


def names(database: Database) -> list[str]:
    """The names of all devices."""
    with database.read() as session:
        return list(session.scalars(select(DeviceRow.name).order_by(DeviceRow.name)))


def readdress(database: Database, name: str, address: str) -> None:
    """Say where a device is to be found from now on; its pinned host key stays, so a different board is refused."""
    with database.write() as session:
        device = find(session, name)
        device.address = str(SshAddress.parse(address))
        device.unreachable_in_row = 0


def find(session: Session, name: str) -> DeviceRow:
    """The device of a name; raises `NotFoundError` that lists what there is."""
    device = session.scalar(select(DeviceRow).where(DeviceRow.name == name))
    if device is None:
        names = ", ".join(session.scalars(select(DeviceRow.name).order_by(DeviceRow.name)))
        raise NotFoundError(f"device: {name!r} is unknown; there are {names or 'none yet: pifarm device add'}")
    return device


def _find_removable(session: Session, name: str) -> DeviceRow:
    device = require_idle(session, find(session, name))
    queued = session.scalar(select(func.count()).where(RunRow.device_id == device.id, RunRow.state == RunState.QUEUED))
    if queued:
        raise SpecError(f"device remove: {queued} runs wait for {name}; cancel their studies first")
    return device


def require_idle(session: Session, device: DeviceRow) -> DeviceRow:
    """The device, unless a run is active on it: nobody may speak to a board that measures."""
    is_open = AttemptRow.state.in_(OPEN_ATTEMPT_STATES)
    working_for = (
        select(StudyRow.id, StudyRow.kind)
        .join(RunRow, RunRow.study_id == StudyRow.id)
        .join(AttemptRow, AttemptRow.run_id == RunRow.id)
        .where(AttemptRow.device_id == device.id, is_open)
    )
    if found := session.execute(working_for).first():
        run = "its canary" if found.kind is StudyKind.CANARY else "a run"
        raise SpecError(
            f"device: {run} is active on {device.name}; wait for it to end, or cancel it: "
            f"pifarm study cancel {found.id}"
        )
    return device


def _set_up(
    farm: Farm, transport: Transport, runtimes: Sequence[str], wheelhouse: WheelhousePolicy, progress: TellStep
) -> Bootstrapped:
    plan = Plan(
        bundle=build_bundle(farm.settings.bundles_dir),
        requirements={runtime: pinned_requirements(runtime) for runtime in runtimes},
        wheel_cache=farm.settings.wheels_dir,
        wheelhouse=wheelhouse,
    )
    return bootstrap(transport, plan, progress=lambda step, detail: progress(step.value, detail))


def _claim_board(farm: Farm, transport: Transport, done: Bootstrapped, take_over: bool) -> None:
    owner = done.probe.owner
    if owner in (None, farm.farm_id):
        return
    if not take_over:
        raise OwnedError(f"owned by {owner}; if that farm is gone, or agrees: pifarm device add ... --take-over")
    board = Board(transport, python=done.python, bundle_hash=done.bundle_hash)
    board.probe(take_over=Fence(farm_id=farm.farm_id, number=0))


def _store(farm: Farm, new: NewBoard, host_key: str | None, done: Bootstrapped) -> None:
    with farm.database.write() as session:
        _require_new_board(session, done.probe)
        device = DeviceRow(name=new.name, address=new.address or None, host_key=host_key, labels=dict(new.labels))
        _fill_in(session, device, done)
        session.add(device)
        session.flush()
        leases.call(session, [device.id])
        record(session, EventKind.DEVICE_ADDED, f"{new.name}: {device.board}", device_id=device.id)


def _fill_in(session: Session, device: DeviceRow, done: Bootstrapped) -> None:
    probe = done.probe
    device.machine_key, device.serial = _machine_key(device, probe), probe.serial
    device.board, device.board_type, device.simulated = probe.board, probe.board_type, probe.simulated
    device.probe, device.python, device.bundle_hash = encode(probe), done.python, done.bundle_hash
    device.needs_canary = True
    device.probed_at_s = device.last_seen_at_s = session.scalars(select(now_s())).one()


def _machine_key(device: DeviceRow, probe: Probe) -> str:
    """What computes for a device. A real board's serial belongs to it, for cloned cards share a machine id; simulated
    boards and this machine go by their host alone, so that they take turns."""
    if probe.simulated or device.address is None:
        return probe.machine_id
    return f"{probe.machine_id}/{probe.serial or device.address}"


def _require_free_name(database: Database, name: str) -> None:
    if not is_plain_name(name):
        raise SpecError(f"device: expected letters, digits, '.', '_' or '-', got {name!r}")
    with database.read() as session:
        if session.scalar(select(DeviceRow.id).where(DeviceRow.name == name)) is not None:
            raise SpecError(f"device: {name!r} exists; choose another name, or pifarm device remove {name}")


def _require_new_board(session: Session, probe: Probe) -> None:
    """A real board may be registered once; simulated boards and this machine share its id by design."""
    if probe.simulated:
        return
    real = session.scalars(select(DeviceRow).where(DeviceRow.simulated.is_(False)))
    same = next((device for device in real if _identity(decode(Probe, device.probe)) == _identity(probe)), None)
    if same is not None:
        raise SpecError(f"device: this board is registered already, as {same.name!r}; remove that one first")


def _identity(probe: Probe) -> tuple[str, str | None]:
    return probe.machine_id, probe.serial
