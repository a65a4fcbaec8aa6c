"""The orchestrator's end of a push, for every transport: what to send, what was answered, whom to blame."""

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Self

from agent.wire.codec import excerpt, parse_json
from agent.wire.names import is_relative_name
from orchestrator.errors import DeviceError, SpecError, TransportError
from orchestrator.transport import Progress, Pushed

PIECE_BYTES = 128 * 1024
HASHING_BYTES_PER_S = 15e6
"""What the slowest board's card and processor manage, with room to spare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A file on its way: where from, where to, and what it must be when it is there."""

    source: Path
    target: str
    size_bytes: int
    sha256: str

    @classmethod
    def of(cls, source: Path, target: str, sha256: str) -> Self:
        """The parcel of a file as it is now; raises `SpecError`."""
        if not is_relative_name(target):
            raise SpecError(f"push target: expected a relative name, got {target!r}")
        if not source.is_file():
            raise SpecError(f"push source: {source} is not a file")
        return cls(source=source, target=target, size_bytes=source.stat().st_size, sha256=sha256)

    @property
    def patience_s(self) -> float:
        """How long the board may take to hash it."""
        return 30.0 + self.size_bytes / HASHING_BYTES_PER_S

    @property
    def receiver_argv(self) -> list[str]:
        """The command that receives it on a board."""
        return ["python3", "-I", "-c", receiver_text(), self.target, str(self.size_bytes), self.sha256]

    def blame(self, found: str) -> Exception:
        """Why the board has other bytes than promised: the file here changed, or the way damaged it."""
        with self.source.open("rb") as stream:
            here = hashlib.file_digest(stream, "sha256").hexdigest()
        if here != self.sha256:
            return SpecError(f"{self.source}: expected sha256 {self.sha256}, it now has {here}; add it again")
        return TransportError(f"{self.target}: arrived damaged, sha256 {found} instead of {self.sha256}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A line of the receiver; exactly one field is given."""

    have: int | None = None
    complete: bool = False
    damaged: str | None = None

    @classmethod
    def of(cls, message: object, parcel: Parcel) -> Self:
        """The reply that a decoded line is; raises `DeviceError` for no space and for anything unknown."""
        match message:
            case {"have": int(have)} if not isinstance(have, bool) and 0 <= have <= parcel.size_bytes:
                return cls(have=have)
            case {"complete": True}:
                return cls(complete=True)
            case {"damaged": str(found)}:
                return cls(damaged=found)
            case {"no_space": int(free)}:
                raise DeviceError(
                    f"{parcel.target}: no space on the board: {parcel.size_bytes} bytes are needed,"
                    f" {free} can be used; free some, or remove artifacts that no study needs"
                )
        raise DeviceError(f"{parcel.target}: the board's receiver said {excerpt(message)}")

    @classmethod
    def parse(cls, line: bytes, parcel: Parcel) -> Self:
        """The reply that a line is; raises `DeviceError`."""
        try:
            message = parse_json(line)
        except ValueError:
            message = line.decode("utf-8", "replace")
        return cls.of(message, parcel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One conversation with a receiver: what it said first and last, and what was sent in between."""

    first: Reply
    last: Reply
    sent_bytes: int


def push_parcel(parcel: Parcel, deliver: Callable[[], Delivery]) -> Pushed:
    """Deliver a parcel; once more from its start where an old ``.part`` turns out to hold something else."""
    sent_bytes = 0
    for _ in range(2):
        delivery = deliver()
        sent_bytes += delivery.sent_bytes
        if delivery.last.damaged is None:
            return Pushed(sent_bytes=sent_bytes, complete=delivery.last.complete)
        if delivery.first.have == 0:
            raise parcel.blame(delivery.last.damaged)
    raise TransportError(f"{parcel.target}: its .part holds something else again; another process writes it")


def deadline_s(slice_s: float | None) -> float:
    """When a slice that begins now is over, on the monotonic clock."""
    return math.inf if slice_s is None else time.monotonic() + slice_s


def feed(
    parcel: Parcel,
    have: int,
    send: Callable[[bytes], None],
    *,
    slice_s: float | None,
    progress: Progress | None,
) -> int:
    """Send what is missing from byte `have` on, until the slice is over; gives how many bytes were sent."""
    at, ends_s = have, deadline_s(slice_s)
    with parcel.source.open("rb") as stream:
        stream.seek(have)
        while at < parcel.size_bytes and time.monotonic() < ends_s:
            piece = stream.read(min(PIECE_BYTES, parcel.size_bytes - at))
            if not piece:
                break
            send(piece)
            at += len(piece)
            if progress is not None:
                progress(at, parcel.size_bytes)
    return at - have


@cache
def receiver_text() -> str:
    """The source of the receiver, as it is sent to a board."""
    return resources.files("orchestrator.transport").joinpath("receiver.py").read_text("utf-8")
