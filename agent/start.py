"""`start`: claims a run for this board and leaves an agent behind that outlives whoever asked.

Order: idempotence, lock, fence, history, artifact, space, fork, claim. Everything that can be refused is refused before
the fork, under the lock. The process that will be the agent makes the claim, so that its pid is in it.

An attempt is claimed at most once, ever: one that lies here with another spec, or that the board has claimed before and
forgotten, is refused, for whoever asks does not know what this board knows.
"""

import contextlib
import dataclasses
import shutil
import signal
import time
from pathlib import Path

from agent import bundle, contact
from agent.claim import prepare_claim
from agent.detach import detach
from agent.errors import RefusedError
from agent.fence import admit
from agent.history import Happening, read_history, was_told
from agent.home import Home, open_home
from agent.lock import Holder, MachineLock, read_holder, take_lock
from agent.machine import boot_id
from agent.processes import is_alive, send, wait_gone
from agent.report import Reply, report
from agent.run_folder import RunFolder, run_folder
from agent.wire import WIRE_VERSION
from agent.wire.answers import RefusedBecause, RunState
from agent.wire.codec import WireError, loads
from agent.wire.records import Phase
from agent.wire.spec import RunSpec

_SPARE_BYTES = 16 * 1024 * 1024
_CLAIM_PATIENCE_S = 5.0
_POLL_S = 0.04


def start(home: Home, spec_text: bytes, *, wait_s: float) -> Reply:
    """Claim and start the run that a spec describes, unless it was; then wait for READY, its end, or the time."""
    spec = read_spec(spec_text)
    folder = run_folder(home, spec.run_id, spec.attempt)
    if not folder.exists():
        _claim(home, spec, folder, wait_s)
    if folder.exists():
        _require_same(folder, spec)
    _wait(folder, time.monotonic() + wait_s)
    return report(home, spec.run_id, spec.attempt)


def read_spec(text: bytes) -> RunSpec:
    """The spec in a request; raises `RefusedError`."""
    try:
        spec = loads(RunSpec, text)
    except WireError as error:
        raise RefusedError(RefusedBecause.BAD_SPEC, str(error)) from error
    if spec.wire_version > WIRE_VERSION:
        message = f"run_spec.wire_version: expected at most {WIRE_VERSION}, got {spec.wire_version}"
        raise RefusedError(RefusedBecause.BAD_SPEC, message)
    place = bundle.location()
    if place.parent.name == "bundles" and place.stem != spec.bundle_hash:
        message = f"run_spec.bundle_hash: expected {place.stem}, the bundle that was run, got {spec.bundle_hash}"
        raise RefusedError(RefusedBecause.BAD_SPEC, message)
    return spec


def _claim(home: Home, spec: RunSpec, folder: RunFolder, wait_s: float) -> None:
    lock = _lock(home, spec, folder)
    if lock is None:
        return
    try:
        if folder.exists():
            return  # another request was faster, and what it started has ended
        admit(home.path, spec.fence)
        _require_new(home, spec)
        prepared = _prepare(home, spec)
        detach(home, spec, prepared, lock, wait_s=wait_s)
    finally:
        lock.close()


def _lock(home: Home, spec: RunSpec, folder: RunFolder) -> MachineLock | None:
    # None: another request for this same attempt has the lock and is about to claim, or has claimed.
    path, holder = home.lock_path(spec.runtime), Holder(folder=str(folder.path))
    lock = take_lock(path, holder)
    if lock is not None:
        return lock
    other = read_holder(path)
    if other == holder:
        return None
    if other is not None:
        _end_orphan(RunFolder(path=Path(other.folder)))
        lock = take_lock(path, holder)
    if lock is None:
        name = "another run" if other is None else Path(other.folder).name
        raise RefusedError(RefusedBecause.BUSY, f"{name} holds this machine's lock {path}")
    return lock


def _end_orphan(other: RunFolder) -> None:
    """End what is left of a lost attempt, judged by the home that it lies in: simulated boards boot apart."""
    with contextlib.suppress(OSError, WireError):  # the folder may be another user's
        owner = open_home(other.path.parent.parent)
        state, _ = other.state(owner)
        if state is RunState.LOST:
            other.end_processes(patience_s=0.0)
        elif state is RunState.UNKNOWN:
            _end_forgotten(owner, other)


def _end_forgotten(home: Home, other: RunFolder) -> None:
    """End what measures for an agent that is gone and whose folder was forgotten: the history knows them."""
    told = [each for each in read_history(home.path) if each.folder == other.path.name]
    known = [each.process for each in told if each.boot_id == boot_id(home)]
    agents = [each.process for each in told if each.happening is Happening.CLAIMED]
    if not any(map(is_alive, agents)):
        for process in known:
            if send(process, signal.SIGKILL):
                wait_gone(process, timeout_s=5.0)


def _require_same(folder: RunFolder, spec: RunSpec) -> None:
    """The attempt that lies here is the one that was asked for, whichever lease asks."""
    try:
        claimed = folder.spec()
    except (OSError, WireError) as error:
        raise RefusedError(RefusedBecause.CLAIMED_BEFORE, f"{folder.path.name}: spec.json: {error}") from error
    if dataclasses.replace(claimed, fence=spec.fence) != spec:
        raise RefusedError(RefusedBecause.CLAIMED_BEFORE, f"{folder.path.name} was claimed here with another spec")


def _require_new(home: Home, spec: RunSpec) -> None:
    if was_told(home.path, Happening.CLAIMED, spec.run_id, spec.attempt):
        message = f"{spec.folder} was claimed here before and is forgotten; nothing of it is left"
        raise RefusedError(RefusedBecause.CLAIMED_BEFORE, message)


def _prepare(home: Home, spec: RunSpec) -> Path:
    asked = [] if spec.evaluation is None else [(spec.evaluation.dataset_id, spec.evaluation.main_file)]
    for artifact_id, name in [(spec.artifact_id, spec.main_file), *asked]:
        if not home.artifact(artifact_id, name).is_file():
            message = f"artifacts/{artifact_id}/{name} is not on the board; stage it first"
            raise RefusedError(RefusedBecause.NO_ARTIFACT, message)
    wanted = spec.limits.journal_bytes + _SPARE_BYTES
    free = shutil.disk_usage(home.path).free
    if free < wanted:
        raise RefusedError(RefusedBecause.NO_SPACE, f"{free} bytes are free on the board, {wanted} are wanted")
    try:
        return prepare_claim(home, spec)
    except OSError as error:
        raise RefusedError(RefusedBecause.NO_SPACE, f"runs/: {error}") from error


def _wait(folder: RunFolder, give_up: float) -> None:
    claimed_by = time.monotonic() + _CLAIM_PATIENCE_S
    while time.monotonic() < give_up:
        if not folder.exists():
            if time.monotonic() >= claimed_by:
                return
        elif _is_settled(folder):
            return
        time.sleep(_POLL_S)


def _is_settled(folder: RunFolder) -> bool:
    note, claim = contact.read_note(folder.path), folder.claim()
    is_quiet = note is not None and note.phase in (Phase.READY, Phase.EVALUATING, Phase.END)
    return is_quiet or claim is None or not is_alive(claim.agent)
