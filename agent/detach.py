"""Leaves an agent behind: a process of its own session that keeps nothing of whoever asked but the machine's lock."""

import contextlib
import itertools
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from agent import contact
from agent.claim import claim_run
from agent.home import Home
from agent.lock import MachineLock
from agent.processes import ProcessId, myself
from agent.supervise import supervise
from agent.wire.spec import RunSpec

LOG = "agent.log"
_MOST_DESCRIPTORS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Who waits for READY, and for how long."""

    by: ProcessId
    for_s: float


def detach(home: Home, spec: RunSpec, prepared: Path, lock: MachineLock, *, wait_s: float) -> None:
    """Fork the agent; returns when it has claimed the prepared run, or died."""
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
            with contextlib.suppress(BrokenPipeError):  # whoever asked may be gone already, with its connection
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
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for target, source in ((0, null), (1, out), (2, out)):
        os.dup2(source, target)
    for before, after in itertools.pairwise([2, *sorted(kept), _MOST_DESCRIPTORS]):
        os.closerange(before + 1, after)
