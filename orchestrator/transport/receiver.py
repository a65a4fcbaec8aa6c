"""The board's end of a push: one small program that takes the rest of a file on its standard input.

It is sent as text with each push, needs nothing but Python 3.7, and says one JSON object a line: ``{"have":
n}`` before it reads (send from byte n) and after a slice, ``{"complete": true}``, ``{"damaged": sha256}``, or
``{"no_space": free_bytes}``. Bytes are written at their own offset, so that a receiver left over from a
broken connection can only repeat what is there already.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    Say = Callable[[dict[str, object]], None]

    class Stream(Protocol):
        """What the missing bytes are read from; empty once there are no more."""

        def read1(self, __size: int) -> bytes: ...

    class Digest(Protocol):
        """What a file that arrives in one piece is hashed with, while the network brings more."""

        def update(self, __data: memoryview) -> None: ...


PIECE_BYTES = 256 * 1024
RESERVE_BYTES = 64 * 1024 * 1024


def digest_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for piece in iter(lambda: stream.read(PIECE_BYTES), b""):
            digest.update(piece)
    return digest.hexdigest()


def size_of(path: Path) -> int:
    """Size of a file, 0 where there is none."""
    return path.stat().st_size if path.is_file() else 0


def receive(target: Path, size: int, sha256: str, stream: Stream, say: Say) -> None:
    """Bring `target` to `size` bytes with hash `sha256`, reading what is missing from `stream`."""
    if target.is_file() and size_of(target) == size and digest_of(target) == sha256:
        say({"complete": True})
        return
    part = target.with_name(target.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    if size_of(part) > size:
        part.unlink()
    have = size_of(part)
    free = free_bytes(part.parent)
    if free < size - have:
        say({"no_space": free})
        return
    say({"have": have})
    whole = hashlib.sha256() if have == 0 else None
    have = append(part, have, size, stream, whole)
    if have < size:
        say({"have": have})
    else:
        say(settle(part, target, sha256, found=digest_of(part) if whole is None else whole.hexdigest()))


def free_bytes(folder: Path) -> int:
    """What may still be written beside a reserve that keeps the board alive."""
    space = os.statvfs(folder)
    return max(space.f_bavail * space.f_frsize - RESERVE_BYTES, 0)


def append(part: Path, have: int, size: int, stream: Stream, digest: Digest | None) -> int:
    """Write `stream` into `part` from byte `have`, and into `digest` on the way; gives how far it came."""
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        while have < size:
            piece = memoryview(stream.read1(min(PIECE_BYTES, size - have)))
            if not piece:
                break
            if digest is not None:
                digest.update(piece)
            while piece:
                written = os.pwrite(descriptor, piece, have)
                piece, have = piece[written:], have + written
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return have


def settle(part: Path, target: Path, sha256: str, found: str) -> dict[str, object]:
    """Rename a part that was found to be what was promised, remove one that is not."""
    if found != sha256:
        part.unlink()
        return {"damaged": found}
    part.replace(target)
    return {"complete": True}


def say_line(message: dict[str, object]) -> None:
    """Print one JSON object as a line, at once."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.umask(0o077)
    with os.fdopen(0, "rb") as stdin:
        receive(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], stdin, say_line)
