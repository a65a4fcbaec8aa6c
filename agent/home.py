"""The agent's home on the board: where everything lies, and what the board's owner says of it in ``board.json``.

Layout: ``bundles/ artifacts/ envs/ runs/ fence.json board.json cooling.json tuning.json fan.json``. Small files are
replaced whole, never edited.
"""

import fcntl
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agent.wire.codec import loads, require
from agent.wire.spec import Scalar

SCRIPTED = "scripted"
FAN_KEPT = "fan.json"
_LOCK_FOLDER = Path("/run/lock")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedThermometer:
    """The room's thermometer, where the owner names one: a file of thousandths of a degree, as the kernel has them, or
    a command that prints degrees Celsius. At most one of the two; neither: the agent looks for one."""

    path: str | None = None
    command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        is_one = self.path is None or not self.command
        require(is_one, "thermometer", "a path or a command, not both", self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardNotes:
    """``board.json``: `root` is the prefix of hardware paths, `python` an interpreter that has the runtimes already,
    `lock` another path of the machine's lock (tests), `board` facts that replace what would be read, `thermometer` the
    room's."""

    root: str = "/"
    simulated: bool = False
    python: str | None = None
    lock: str | None = None
    board: Mapping[str, Scalar] = field(default_factory=dict)
    thermometer: NamedThermometer = field(default_factory=NamedThermometer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The folder that a farm owns on a board; `path` is absolute."""

    path: Path
    notes: BoardNotes

    @property
    def root(self) -> Path:
        """Prefix of every hardware path."""
        return Path(self.notes.root)

    @property
    def runs(self) -> Path:
        """Folder of the run folders."""
        return self.path / "runs"

    def artifact(self, artifact_id: str, name: str) -> Path:
        """A staged file of an artifact."""
        return self.path / "artifacts" / artifact_id / name

    def interpreter(self, runtime: str) -> str:
        """The Python that has `runtime`: its own environment, else what board.json names, else this one."""
        own = self.path / "envs" / runtime / "bin" / "python"
        if own.exists():
            return str(own)
        return self.notes.python or sys.executable

    def lock_path(self, runtime: str) -> Path:
        """The lock that a run takes: one per machine, except where inference is only scripted."""
        if runtime == SCRIPTED:
            return self.path / "scripted.lock"
        if self.notes.lock is not None:
            return Path(self.notes.lock)
        return _lock_folder() / "pifarm.lock"


def open_home(folder: Path) -> Home:
    """The home at `folder`; raises `WireError` where board.json cannot be understood."""
    path = folder.resolve()
    notes = path / "board.json"
    return Home(path=path, notes=loads(BoardNotes, notes.read_bytes()) if notes.exists() else BoardNotes())


def write_whole(path: Path, content: str | bytes, *, durable: bool = True) -> None:
    """Replace a file in one step: a reader sees the old or the new one, after a power cut too where `durable`."""
    data = content.encode() if isinstance(content, str) else content
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """While inside, no other process is inside with the same lock file."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock_folder() -> Path:
    if os.access(_LOCK_FOLDER, os.W_OK):
        return _LOCK_FOLDER
    import tempfile  # slow to import, and seldom needed

    return Path(tempfile.gettempdir())
