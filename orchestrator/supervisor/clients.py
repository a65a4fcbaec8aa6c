"""Commands that need the farm while they wait, each a locked file; the kernel lets go of it when the command ends."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from orchestrator.config import Settings
from orchestrator.supervisor.state import try_lock


@contextlib.contextmanager
def registered(settings: Settings) -> Iterator[None]:
    """While inside, a supervisor that was started on demand stays."""
    folder = settings.home / "clients"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{os.getpid()}-{threading.get_ident()}"
    with path.open("w") as file:
        try_lock(file)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def has_clients(settings: Settings) -> bool:
    """Whether a command needs the farm; files of commands that crashed are removed."""
    return any(_is_held(path) for path in (settings.home / "clients").glob("*"))


def _is_held(path: Path) -> bool:
    try:
        with path.open("r+") as file:
            if not try_lock(file):
                return True
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        pass
    return False
