"""This machine as a board: the same commands as processes, the same files in a folder."""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Sequence
from io import BufferedReader
from pathlib import Path

from orchestrator.errors import TransportError
from orchestrator.transport import Completed, Progress, Pushed
from orchestrator.transport.pushing import Delivery, Parcel, Reply, deadline_s, push_parcel
from orchestrator.transport.receiver import receive


class LocalTransport:
    """A `Transport` to the farm folder of this machine. ``python3`` is the interpreter that runs this.

    Lifecycle: nothing is open between calls; the folder is made on first use.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self) -> None:
        """Nothing has to be opened."""

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 30.0) -> Completed:
        """Run a program in the farm folder to its end; on a time-out it is killed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        program = sys.executable if argv[0] == "python3" else argv[0]
        try:
            done = subprocess.run(
                [program, *argv[1:]],
                input=stdin,
                capture_output=True,
                cwd=self.folder,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise TransportError(f"this machine: {argv[0]} did not end within {timeout_s:g} s") from error
        except OSError as error:
            return Completed(exit_code=127, stdout=b"", stderr=f"{argv[0]}: {error.strerror}\n".encode())
        return Completed(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def push(
        self,
        source: Path,
        target: str,
        *,
        sha256: str,
        slice_s: float | None = None,
        progress: Progress | None = None,
    ) -> Pushed:
        """Copy a file into the farm folder, resuming, verified, in slices."""
        parcel = Parcel.of(source, target, sha256)
        return push_parcel(parcel, lambda: _deliver(parcel, self.folder / target, slice_s, progress))

    def close(self) -> None:
        """Nothing is open."""


def adopt_own_python(folder: Path) -> None:
    """Tell the agent of this machine's farm folder to use the interpreter that runs this, with all it has.

    Other entries of ``board.json`` are kept. Safe to repeat.
    """
    notes = folder / "board.json"
    told = json.loads(notes.read_bytes()) if notes.exists() else {}
    if told.get("python") != sys.executable:
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".board.json.{secrets.token_hex(4)}"
        draft.write_text(json.dumps(told | {"python": sys.executable}, indent=1) + "\n")
        draft.replace(notes)


def _deliver(parcel: Parcel, target: Path, slice_s: float | None, progress: Progress | None) -> Delivery:
    with _Way(parcel, slice_s, progress) as way:
        receive(target, parcel.size_bytes, parcel.sha256, way, way.hear)
        return Delivery(first=way.replies[0], last=way.replies[-1], sent_bytes=way.sent_bytes)


class _Way(BufferedReader):
    """The file as its receiver reads it: from the byte asked for, and no further than the slice lasts."""

    def __init__(self, parcel: Parcel, slice_s: float | None, progress: Progress | None) -> None:
        super().__init__(parcel.source.open("rb", buffering=0))
        self._parcel = parcel
        self._ends_s = deadline_s(slice_s)
        self._progress = progress
        self.replies: list[Reply] = []
        self.sent_bytes = 0

    def hear(self, message: dict[str, object]) -> None:
        """Take a reply of the receiver; the first says from where it wants to read."""
        reply = Reply.of(message, self._parcel)
        if not self.replies and reply.have is not None:
            self.seek(reply.have)
        self.replies.append(reply)

    def read1(self, size: int = -1, /) -> bytes:
        """The next piece, nothing once the slice is over."""
        if time.monotonic() >= self._ends_s:
            return b""
        piece = super().read(size)
        self.sent_bytes += len(piece)
        if self._progress is not None and piece:
            self._progress(self.tell(), self._parcel.size_bytes)
        return piece
