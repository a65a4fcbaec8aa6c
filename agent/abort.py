"""`abort`: ends an attempt and everything that it left running; it may break the quiet window."""

import time

from agent.fence import admit
from agent.home import Home
from agent.report import Reply, report
from agent.run_folder import run_folder
from agent.wire.answers import RunState
from agent.wire.spec import Fence

_PATIENCE_S = 5.0
_POLL_S = 0.02


def abort(home: Home, run_id: str, attempt: int, fence: Fence) -> Reply:
    """End the attempt, then say what became of it; raises `RefusedError`."""
    folder = run_folder(home, run_id, attempt)
    admit(home.path, fence)
    if folder.exists():
        folder.end_processes(patience_s=_PATIENCE_S)
        give_up = time.monotonic() + _PATIENCE_S
        while folder.state(home)[0] is RunState.ACTIVE and time.monotonic() < give_up:
            time.sleep(_POLL_S)
    return report(home, run_id, attempt, max_bytes=0)
