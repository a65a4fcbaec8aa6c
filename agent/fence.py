"""The fence: which farm may speak to this board, and since which lease.

Rules: the first farm becomes the owner; another is refused until it takes over; within an owner a number lower than
the board's is refused, an equal or higher one is admitted and remembered. Check and write happen under a lock of
their own. An unreadable file is an error, never 0.
"""

import errno
import shutil
from pathlib import Path

from agent.errors import RefusedError
from agent.home import alone, write_whole
from agent.wire.answers import RefusedBecause
from agent.wire.codec import WireError, dumps, loads
from agent.wire.spec import Fence


def read_fence(home: Path) -> Fence | None:
    """The board's fence, None where no farm ever came; raises `RefusedError` where the file cannot be read."""
    try:
        return loads(Fence, (home / "fence.json").read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, WireError) as error:
        raise RefusedError(RefusedBecause.FENCE_UNREADABLE, f"fence.json: {error}") from error


def admit(home: Path, fence: Fence) -> None:
    """Let `fence` through and remember it, or raise `RefusedError`."""
    with alone(home / "fence.lock"):
        board = read_fence(home)
        if board is not None:
            _check(board, fence)
        if board != fence:
            _remember(home, fence)


def take_over(home: Path, fence: Fence) -> None:
    """Make `fence` the board's, whoever owned it; the caller holds the machine's lock."""
    with alone(home / "fence.lock"):
        _remember(home, fence)


def require_owner(home: Path, farm_id: str) -> None:
    """Raise `RefusedError` (owned) where another farm owns the board; one without an owner is anybody's."""
    with alone(home / "fence.lock"):
        board = read_fence(home)
    if board is not None:
        _check_owner(board, farm_id)


def _remember(home: Path, fence: Fence) -> None:
    try:
        write_whole(home / "fence.json", dumps(fence))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        message = f"fence.json: {error.strerror}; {shutil.disk_usage(home).free} bytes are free on the board"
        raise RefusedError(RefusedBecause.NO_SPACE, message) from error


def _check(board: Fence, fence: Fence) -> None:
    _check_owner(board, fence.farm_id)
    if fence.number < board.number:
        message = f"fence.number: expected at least {board.number}, got {fence.number}"
        raise RefusedError(RefusedBecause.STALE_FENCE, message, owner=board.farm_id, number=board.number)


def _check_owner(board: Fence, farm_id: str) -> None:
    if board.farm_id != farm_id:
        message = f"the board is owned by farm {board.farm_id}; take it over with: device add --take-over"
        raise RefusedError(RefusedBecause.OWNED, message, owner=board.farm_id, number=board.number)
