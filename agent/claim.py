"""Binding a run to this board: the claim is made in ``runs/.new-<token>/`` and comes into being by one rename.

Whoever will be the agent makes the claim, so that its pid and start time are in it; everything is durable first.
"""

import contextlib
import os
import shutil
import time
from pathlib import Path

from agent import bundle
from agent.home import Home, sync_folder, write_whole
from agent.machine import boot_id
from agent.processes import myself
from agent.run_folder import Claim, RunFolder, run_folder
from agent.spool import reserve_space
from agent.wire.codec import dumps
from agent.wire.spec import RunSpec

_STALE_CLAIM_S = 3600.0


def prepare_claim(home: Home, spec: RunSpec) -> Path:
    """A new claim in the making, its space reserved; raises `OSError` where the disk has no room."""
    home.runs.mkdir(parents=True, exist_ok=True)
    _sweep(home.runs)
    folder = home.runs / f".new-{os.urandom(8).hex()}"
    folder.mkdir()
    try:
        write_whole(folder / "spec.json", dumps(spec))
        reserve_space(folder, spec.limits.journal_bytes)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def claim_run(home: Home, prepared: Path, spec: RunSpec) -> tuple[RunFolder, Claim] | None:
    """Bind the attempt to this process; None where another was first."""
    claim = Claim(boot_id=boot_id(home), bundle=str(bundle.location()), origin_ns=time.monotonic_ns(), agent=myself())
    write_whole(prepared / "claim.json", dumps(claim))
    target = run_folder(home, spec.run_id, spec.attempt)
    try:
        prepared.rename(target.path)
    except OSError:
        shutil.rmtree(prepared, ignore_errors=True)
        return None
    sync_folder(home.runs)
    return target, claim


def _sweep(runs: Path) -> None:
    for left in runs.glob(".new-*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _STALE_CLAIM_S:
                shutil.rmtree(left, ignore_errors=True)
