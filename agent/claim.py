"""Binding a run to this board: the claim is made in ``runs/.new-<lock>-<token>/``, one rename brings it into being.

Whoever will be the agent makes the claim, so that its pid and start time are in it; everything is durable first, the
line in the board's history too. Whoever makes a claim holds a lock, so a draft that names a lock and is found by
another holder of it was left behind by one who died.
"""

import contextlib
import os
import shutil
import time
from pathlib import Path

from agent import bundle
from agent.history import Teller
from agent.home import Home, sync_folder, write_whole
from agent.machine import boot_id
from agent.processes import myself
from agent.run_folder import Claim, RunFolder, run_folder
from agent.spool import reserve_space
from agent.wire.codec import dumps
from agent.wire.spec import RunSpec

_STALE_CLAIM_S = 3600.0


def prepare_claim(home: Home, spec: RunSpec) -> Path:
    """A new claim in the making, its space reserved; raises `OSError` where the disk has no room.

    The caller holds the lock of the spec's runtime.
    """
    draft = f".new-{home.lock_path(spec.runtime).stem}"
    home.runs.mkdir(parents=True, exist_ok=True)
    _sweep(home.runs, draft)
    folder = home.runs / f"{draft}-{os.urandom(8).hex()}"
    folder.mkdir()
    try:
        write_whole(folder / "spec.json", dumps(spec))
        reserve_space(folder, spec.limits.journal_bytes)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def claim_run(home: Home, prepared: Path, spec: RunSpec) -> tuple[RunFolder, Claim] | None:
    """Bind the attempt to this process; None where another was first, or the board cannot remember it."""
    claim = Claim(boot_id=boot_id(home), bundle=str(bundle.location()), origin_ns=time.monotonic_ns(), agent=myself())
    target = run_folder(home, spec.run_id, spec.attempt)
    try:
        write_whole(prepared / "claim.json", dumps(claim))
        teller(home, spec, claim).claimed(claim.agent)
        prepared.rename(target.path)
    except OSError:
        shutil.rmtree(prepared, ignore_errors=True)
        return None
    sync_folder(home.runs)
    return target, claim


def teller(home: Home, spec: RunSpec, claim: Claim) -> Teller:
    """Who tells the board's history of an attempt."""
    return Teller(home=home.path, run_id=spec.run_id, attempt=spec.attempt, fence=spec.fence, boot_id=claim.boot_id)


def _sweep(runs: Path, draft: str) -> None:
    # Another lock's drafts may be in the making: they go by their age.
    for left in runs.glob(".new-*"):
        with contextlib.suppress(FileNotFoundError):
            if left.name.startswith(f"{draft}-") or time.time() - left.stat().st_mtime > _STALE_CLAIM_S:
                shutil.rmtree(left, ignore_errors=True)
