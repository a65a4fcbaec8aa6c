"""Messages of the measuring process to the agent, over a pipe: one letter, a length, a payload.

A job goes the other way as one JSON line, then single letters (`Order`). Nothing is sent between `Order.WARM_UP` and
the end of the window but `Kind.WARMED`, when the loop is at rest, and once a minute the samples of a sustained window.
A sweep has no order for its window but one for each slot; between two slots the measuring process waits for the next.
After a window come the samples that were not sent yet, warm-ups first, and then `Kind.DONE`; where
`Measured.needs_segment`, a further warm-up may be ordered. A data set is answered by one order: each example is
announced, so that it is known at which one a process died.
"""

import enum
import os
import signal
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from agent.isolation import Network
from agent.wire.records import Phase, StoppedBy
from agent.wire.spec import RunSpec

HEAT_STOP = signal.SIGUSR1  # ends warm-up or window after the inference at hand
_HEAD = struct.Struct("<cI")
_PLACE = struct.Struct("<cqq")  # of a chunk: phase letter, segment, first index


class Kind(bytes, enum.Enum):
    """What a message is."""

    LOADED = b"L"  # a journal record `Loaded`
    FAILED = b"F"  # `Failure`
    WARMED = b"W"  # warm-up is over; an order is awaited
    MEASURED = b"M"  # `Measured`; the window is over, samples follow
    SAMPLES = b"S"  # a chunk, see `pack_samples`
    DONE = b"D"  # that was all of this window, of this slot, or of the data set
    BEGUN = b"B"  # the next example of the data set is at hand
    PREDICTED = b"A"  # a journal record `Predicted`
    PROFILED = b"P"  # a journal record `Profiled`


class Order(bytes, enum.Enum):
    """What the agent says to the measuring process once the job is loaded."""

    WARM_UP = b"u"
    WINDOW = b"w"
    PROFILE = b"p"
    EVALUATE = b"e"  # answered by `Kind.BEGUN` for each example, `Kind.PREDICTED` for each chunk, and `Kind.DONE`
    SLOT = b"s"  # of a sweep: a first inference and some more, answered by `Kind.SAMPLES` and `Kind.DONE`


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """All that a measuring process needs. `origin_ns` is the monotonic time of the claim, `network` what it keeps,
    `data_path` the file of the data set that the spec asks about."""

    spec: RunSpec
    model_path: str
    origin_ns: int
    agent_pid: int
    network: Network = Network.HOST
    data_path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A run that cannot go on, with a code of `errors.FAULT_OF`."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """How the window ended, and whether heat left it so short that a further segment is asked for."""

    stopped_by: StoppedBy
    peak_rss_bytes: int
    needs_segment: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Inferences in a row of one phase of one segment; `first_index` counts in the phase over all segments.

    Times are nanoseconds of the monotonic clock.
    """

    phase: Phase
    segment: int
    first_index: int
    starts_ns: "array[int]"
    durations_ns: "array[int]"


class FrameReader:
    """Cuts a byte stream into messages, however it was chopped."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """Every message that is whole now."""
        self._pending += data
        while len(self._pending) >= _HEAD.size:
            letter, size = _HEAD.unpack_from(self._pending)
            end = _HEAD.size + size
            if len(self._pending) < end:
                return
            payload = bytes(self._pending[_HEAD.size : end])
            del self._pending[:end]
            yield Kind(letter), payload


def send_frame(descriptor: int, kind: Kind, payload: bytes = b"") -> None:
    """Write one message whole; blocks while the pipe is full."""
    data = memoryview(_HEAD.pack(kind.value, len(payload)) + payload)
    while data:
        data = data[os.write(descriptor, data) :]


def pack_samples(
    phase: Phase, segment: int, first_index: int, starts_ns: "array[int]", durations_ns: "array[int]"
) -> bytes:
    """A chunk of inferences as bytes: its place, starts, durations (int64 of this machine)."""
    letter = b"u" if phase is Phase.WARM_UP else b"w"
    return _PLACE.pack(letter, segment, first_index) + starts_ns.tobytes() + durations_ns.tobytes()


def unpack_samples(payload: bytes) -> Chunk:
    """The chunk of `pack_samples`."""
    letter, segment, first_index = _PLACE.unpack_from(payload)
    numbers = array("q", payload[_PLACE.size :])
    half = len(numbers) // 2
    return Chunk(
        phase=Phase.WARM_UP if letter == b"u" else Phase.WINDOW,
        segment=segment,
        first_index=first_index,
        starts_ns=numbers[:half],
        durations_ns=numbers[half:],
    )
