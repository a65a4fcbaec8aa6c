"""The doctor's visits to a board: what stands in the way there, setting governor and clock, putting them back.

Nobody speaks to a board that measures: each visit is refused while a run is active on the device.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from agent.wire.answers import Tuned
from orchestrator.attending.links import link_to
from orchestrator.boards import doctor
from orchestrator.boards.board import Board
from orchestrator.boards.bundle import build_bundle
from orchestrator.boards.doctor import Checkup
from orchestrator.boards.fleet import find, require_idle
from orchestrator.errors import BusyError, DeviceError, TransportError
from orchestrator.events import EventKind, record
from orchestrator.farm import Farm
from orchestrator.transport.ssh import FARM_FOLDER

_WHAT_MEASURING_HIDES = ("throttle history", "power supply", "other load", "timers", "services", "cooling")

_RESTORE = f'cd ~/{FARM_FOLDER} && python3 -I "$(ls -t bundles/*.pyz | head -1)" restore --home .'


def examine(farm: Farm, name: str) -> Checkup:
    """What stands in the way of good figures on a device, by a fresh probe and a closer look."""
    with _visit(farm, name) as (board, labels):
        probe = board.probe()
        checkup = doctor.examine(probe.facts, probe.absent, probe.disk_free_bytes, probe.unsupported)
        try:
            closer = doctor.look_closer(board.examine(), labels)
        except BusyError:
            why = "something measures on its machine"
            closer = Checkup(findings=(), not_checked=tuple(f"{what} ({why})" for what in _WHAT_MEASURING_HIDES))
    return doctor.merged(checkup, closer)


def prepare(farm: Farm, name: str) -> Tuned:
    """Set governor and clock of a device, keeping on the board what was there."""
    with _visit(farm, name) as (board, _):
        tuned = board.prepare(farm.farm_id)
    _note(farm, name, tuned)
    return tuned


def restore(farm: Farm, name: str) -> Tuned:
    """Put back what a device's owner had; harmless to repeat."""
    with _visit(farm, name) as (board, _):
        tuned = board.restore(farm.farm_id)
    _note(farm, name, tuned)
    return tuned


def restore_before_removal(farm: Farm, name: str) -> str:
    """Restore a prepared board that is about to leave the farm; says what came of it, empty where nothing was due."""
    with farm.database.read() as session:
        facts = find(session, name).probe.get("facts", {})
    if not facts.get("prepared"):
        return ""
    by_hand = f"it keeps the farm's settings until it is rebooted, or on the board: {_RESTORE} --farm {farm.farm_id}"
    try:
        tuned = restore(farm, name)
    except (DeviceError, TransportError) as error:
        return f"{name}: its governor and clock were not put back, for the board {_why_not(error)}; {by_hand}"
    if tuned.is_prepared:
        return f"{name}: its governor and clock could not be put back; {by_hand}"
    return f"{name}: its governor and clock were put back"


def _why_not(error: DeviceError | TransportError) -> str:
    said = "could not be reached" if isinstance(error, TransportError) else "refused"
    return f"{said} ({error})"


@contextmanager
def _visit(farm: Farm, name: str) -> Iterator[tuple[Board, Mapping[str, str]]]:
    with farm.database.read() as session:
        device = require_idle(session, find(session, name))
        device_id, labels = device.id, dict(device.labels)
    bundle = build_bundle(farm.settings.bundles_dir)
    with link_to(farm, device_id) as link:
        link.transport.push(bundle.path, bundle.target, sha256=bundle.sha256)  # an older agent cannot be asked this
        yield link.board(bundle.hash), labels


def _note(farm: Farm, name: str, tuned: Tuned) -> None:
    """Remember on the device's facts whether it is prepared, so that `device show` tells it without a visit."""
    with farm.database.write() as session:
        device = find(session, name)
        facts = {**device.probe.get("facts", {}), "prepared": tuned.is_prepared}
        for setting in tuned.settings:
            if setting.name.endswith("/scaling_governor") and setting.after is not None:
                facts["governor"] = setting.after
        device.probe = {**device.probe, "facts": facts}
        said = "prepared" if tuned.is_prepared else "not prepared"
        record(session, EventKind.DEVICE_CHANGED, f"{name}: {said}", device_id=device.id)
