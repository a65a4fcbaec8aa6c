"""Journals that no honest board writes, as Hypothesis strategies: damaged, reordered, and whole but absurd."""

import dataclasses
import json
import zlib
from collections.abc import Sequence
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from agent.wire.records import Claimed, Ended, Environment, Inferences, Outcome, Phase, PhaseEntered, Record
from tests.agent.strategies import FACTS, GATES_PASSED, LOADS, RECORDS, SCALARS, ends, telemetry
from tests.journals import completed_records, encode_journal, evaluated_records, opening_records
from tests.orchestrator.known_run import RUN

JOURNAL = encode_journal(completed_records(RUN, start_c=44.0))
EVALUATED = encode_journal(evaluated_records(RUN))
KNOWN_FACTS = ("governor", "clock_limit_hz", "threads", "runtime", "artifact_id", "memory_bytes", "isolation")
# What has broken readers of JSON, databases and statistics elsewhere.
NASTY: Sequence[Any] = (
    None, True, False, 0, -1, 2**53, 2**63, -(2**63) - 1, 10**400, 1e308, -1e308, 5e-324, 1e15, "", "\0", "\ud800",
    "x" * 5000, "=1+1", "\x1b[2J", [], [[]], {}, {"": ""}, [None], [2**70], [1e300], "1", "NaN", {"\0": 1},
    [[1] * 3] * 3,
)  # fmt: skip
_RAW = (b"NaN", b"Infinity", b"1e999", b"[" * 3000, b"1" * 5000, b'{"a":1,"a":2}', b'"\\ud800"', b'"\\u0000"', b"tru")


def seal(texts: Sequence[bytes]) -> bytes:
    """Lines with checksums that fit, whatever their content."""
    return b"".join(b"%08x %s\n" % (zlib.crc32(text), text) for text in texts)


def _texts(journal: bytes = JOURNAL) -> list[bytes]:
    return [line.partition(b" ")[2] for line in journal.splitlines()]


def _renumbered(texts: Sequence[bytes]) -> list[bytes]:
    bodies = [json.loads(text) for text in texts]
    return [json.dumps({**body, "seq": seq}).encode() for seq, body in enumerate(bodies)]


@st.composite
def flipped(draw: st.DrawFn) -> bytes:
    """A whole journal with some bits changed, and cut anywhere."""
    data = bytearray(JOURNAL)
    for _ in range(draw(st.integers(1, 3))):
        data[draw(st.integers(0, len(data) - 1))] ^= 1 << draw(st.integers(0, 7))
    return bytes(data[: draw(st.integers(0, len(data)))])


@st.composite
def reordered(draw: st.DrawFn) -> bytes:
    """Lines dropped, doubled and swapped, with numbers and checksums that fit again."""
    texts = _texts()
    for _ in range(draw(st.integers(1, 3))):
        first, second = (draw(st.integers(0, len(texts) - 1)) for _ in range(2))
        match draw(st.sampled_from(["drop", "double", "swap"])):
            case "drop" if len(texts) > 1:
                del texts[first]
            case "double":
                texts.insert(second, texts[first])
            case _:
                texts[first], texts[second] = texts[second], texts[first]
    return seal(_renumbered(texts))


@st.composite
def poisoned(draw: st.DrawFn) -> bytes:
    """One value somewhere replaced by a nasty one, as JSON or as raw bytes, under a checksum that fits."""
    texts = _texts(draw(st.sampled_from([JOURNAL, EVALUATED])))
    line = draw(st.integers(0, len(texts) - 1))
    body = json.loads(texts[line])
    place, key = draw(st.sampled_from(list(_places(body))))
    raw = draw(st.none() | st.sampled_from(_RAW))
    place[key] = "POISON" if raw is not None else draw(st.sampled_from(NASTY))
    text = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    texts[line] = text if raw is None else text.replace(b'"POISON"', raw)
    return seal(texts)


def _places(value: Any) -> list[tuple[Any, Any]]:
    keys = range(min(len(value), 3)) if isinstance(value, list) else value if isinstance(value, dict) else ()
    return [(value, key) for key in keys] + [place for key in keys for place in _places(value[key])]


@st.composite
def unlikely(draw: st.DrawFn) -> bytes:
    """Records of any kind and content, each valid in itself, in any order behind the right claim."""
    records = draw(st.lists(RECORDS, max_size=8))
    return encode_journal([opening_records(RUN)[0], *records])


@st.composite
def absurd(draw: st.DrawFn) -> bytes:
    """A complete journal in its order, that says what cannot be."""
    facts = draw(st.dictionaries(st.sampled_from(KNOWN_FACTS), SCALARS)) | draw(FACTS)
    environment = Environment(measuring_hash="c" * 64, facts=facts)
    gate, loaded = draw(GATES_PASSED), draw(LOADS)
    loaded = dataclasses.replace(loaded, options={**loaded.options, "intra_op_threads": draw(SCALARS)})
    at_ns, parts = 0, list[Record]()
    firsts = {Phase.WARM_UP: 0, Phase.WINDOW: 0}
    for segment in range(draw(st.integers(1, 3))):
        parts.append(PhaseEntered(phase=Phase.GATE, at_ns=at_ns))
        for phase in (Phase.WARM_UP, Phase.WINDOW):
            part, end_ns = draw(_stretch(phase, at_ns))
            part = dataclasses.replace(part, segment=segment, first_index=firsts[phase])
            firsts[phase] += len(part.starts_ns)
            parts += [PhaseEntered(phase=phase, at_ns=at_ns), part]
            at_ns = end_ns
    end: Ended = dataclasses.replace(draw(ends()), outcome=Outcome.COMPLETED, fault=None, at_ns=at_ns)
    claimed: Claimed = opening_records(RUN)[0]  # type: ignore[assignment]  # the first is the claim
    return encode_journal([claimed, environment, gate, loaded, *parts, draw(telemetry()), end])


@st.composite
def _stretch(draw: st.DrawFn, phase: Phase, from_ns: int) -> tuple[Inferences, int]:
    """Inferences of one phase, of times from a nanosecond to a month."""
    times = st.one_of(st.integers(1, 100), st.integers(1, 2**40), st.integers(1, 2**46))
    gaps = draw(st.lists(st.one_of(st.just(0), times), min_size=1, max_size=40))
    durations = draw(st.lists(times, min_size=len(gaps), max_size=len(gaps)))
    starts, at_ns = [], from_ns
    for gap, duration in zip(gaps, durations, strict=True):
        starts.append(at_ns + gap)
        at_ns = starts[-1] + duration
    part = Inferences(phase=phase, first_index=0, starts_ns=tuple(starts), durations_ns=tuple(durations))
    return part, at_ns


# Each example is a database that starts anew: few by default, as many as asked for with --hypothesis-profile=long.
FEW = settings(max_examples=max(settings().max_examples // 3, 1))
HOSTILE = st.one_of(st.binary(max_size=300), flipped(), reordered(), poisoned(), unlikely(), absurd())
