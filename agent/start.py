"""`start`: claims a run for this board and leaves an agent behind that outlives whoever asked.

Order: idempotence, lock, fence, artifact, space, fork, claim. Everything that can be refused is refused before the
fork, under the lock. The process that will be the agent makes the claim, so that its pid is in it.
"""

import contextlib
import itertools
import os
import shutil
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from agent import bundle, contact
from agent.claim import claim_run, prepare_claim
from agent.errors import RefusedError
from agent.fence import admit
from agent.home import Home
from agent.lock import Holder, MachineLock, read_holder, take_lock
from agent.processes import ProcessId, is_alive, myself
from agent.report import Reply, report
from agent.run_folder import RunFolder, run_folder
from agent.supervise import supervise
from agent.wire import WIRE_VERSION
from agent.wire.codec import WireError, loads
from agent.wire.records import Phase, RefusedBecause, RunState
from agent.wire.spec import RunSpec

LOG = "agent.log"
_SPARE_BYTES = 16 * 1024 * 1024
_CLAIM_PATIENCE_S = 5.0
_POLL_S = 0.04
_MOST_DESCRIPTORS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Who waits for READY, and for how long."""

    by: ProcessId
    for_s: float


def start(home: Home, spec_text: bytes, *, wait_s: float) -> Reply:
    """Claim and start the run that a spec describes, unless it was; then wait for READY, its end, or the time."""
    spec = read_spec(spec_text)
    folder = run_folder(home, spec.run_id, spec.attempt)
    if not folder.exists():
        _claim(home, spec, folder, wait_s)
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
        admit(home.path, spec.fence)
        prepared = _prepare(home, spec)
        _detach(home, spec, prepared, lock, wait_s)
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
        _end_orphan(home, RunFolder(path=Path(other.folder)))
        lock = take_lock(path, holder)
    if lock is None:
        name = "another run" if other is None else Path(other.folder).name
        raise RefusedError(RefusedBecause.BUSY, f"{name} holds this machine's lock {path}")
    return lock


def _end_orphan(home: Home, other: RunFolder) -> None:
    with contextlib.suppress(OSError):  # the folder may be another user's
        if other.state(home)[0] is RunState.LOST:
            other.end_processes(patience_s=0.0)


def _prepare(home: Home, spec: RunSpec) -> Path:
    artifact = home.artifact(spec.artifact_id, spec.main_file)
    if not artifact.is_file():
        message = f"artifacts/{spec.artifact_id}/{spec.main_file} is not on the board; stage it first"
        raise RefusedError(RefusedBecause.NO_ARTIFACT, message)
    wanted = spec.limits.journal_bytes + _SPARE_BYTES
    free = shutil.disk_usage(home.path).free
    if free < wanted:
        raise RefusedError(RefusedBecause.NO_SPACE, f"{free} bytes are free on the board, {wanted} are wanted")
    try:
        return prepare_claim(home, spec)
    except OSError as error:
        raise RefusedError(RefusedBecause.NO_SPACE, f"runs/: {error}") from error


def _detach(home: Home, spec: RunSpec, prepared: Path, lock: MachineLock, wait_s: float) -> None:
    heard, said = os.pipe()
    asker = myself()
    first = os.fork()
    if first == 0:
        os.setsid()
        if os.fork() == 0:
            _be_agent(home, spec, prepared, lock, said, Waiting(by=asker, for_s=wait_s))
        os._exit(0)
    os.close(said)
    os.waitpid(first, 0)
    os.read(heard, 1)  # the end of the file comes too, when the agent dies before it has claimed
    os.close(heard)


def _be_agent(home: Home, spec: RunSpec, prepared: Path, lock: MachineLock, said: int, asker: Waiting) -> None:
    code = 1
    try:
        _leave_descriptors(prepared / LOG, lock.descriptor, said)
        claimed = claim_run(home, prepared, spec)
        if claimed is not None:
            folder, claim = claimed
            contact.promise(folder.path, asker.for_s, asker.by)
            os.write(said, b"!")
            os.close(said)
            supervise(home, folder, claim, spec, lock)
            code = 0
    except BaseException:  # noqa: BLE001  # a fork must never return into the asker's code
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _leave_descriptors(log: Path, *kept: int) -> None:
    """Keep nothing of the asker's but `kept`, or its connection would never close; print into `log`."""
    null = os.open(os.devnull, os.O_RDONLY)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for target, source in ((0, null), (1, out), (2, out)):
        os.dup2(source, target)
    for before, after in itertools.pairwise([2, *sorted(kept), _MOST_DESCRIPTORS]):
        os.closerange(before + 1, after)


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
    is_quiet = note is not None and note.phase in (Phase.READY, Phase.END)
    return is_quiet or claim is None or not is_alive(claim.agent)
