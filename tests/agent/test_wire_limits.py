"""What no honest board sends is refused by name, and what ours sends is never of that kind."""

import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.answers import Answer
from agent.wire.codec import MAX_ENTRIES, MAX_TEXT, WireError, dumps, excerpt, is_storable, loads, parse_json, storable
from agent.wire.journal import MAX_FACTS_BYTES, decode_line, encode_line
from agent.wire.records import (
    MAX_NS,
    Ended,
    Environment,
    Inferences,
    Loaded,
    Outcome,
    Phase,
    PhaseEntered,
    Telemetry,
    TensorFact,
)
from agent.wire.spec import Limits

ANY_TEXT = st.text(st.characters(), max_size=30)
TOO_DEEP = "[" * 3000 + "]" * 3000


@given(ANY_TEXT)
def test_whatever_our_side_has_to_say_can_be_read(text: str) -> None:
    assert is_storable(storable(text))
    assert loads(Answer, dumps(Answer(error=text))).error == storable(text)
    environment = Environment(measuring_hash="a", facts={text: text})
    assert decode_line(encode_line(0, environment)[:-1], 0) is not None


@given(ANY_TEXT.filter(is_storable))
def test_a_text_that_can_be_stored_stays_as_it_is(text: str) -> None:
    assert storable(text) == text


def test_a_text_that_is_too_long_is_cut_when_it_is_sent_and_refused_when_it_comes() -> None:
    assert loads(Answer, dumps(Answer(error="x" * 10**6))).error == "x" * (MAX_TEXT - 3) + "..."
    with pytest.raises(WireError, match=f"error: expected at most {MAX_TEXT} characters"):
        loads(Answer, json.dumps({"error": "x" * (MAX_TEXT + 1)}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"error": "a\\u0000b"}', "a text without NUL"),
        ('{"error": "\\ud800"}', "a text without NUL and half characters"),
        ('{"error": "a", "error": "b"}', "a key is given twice"),
        ('{"error": NaN}', "NaN is not JSON"),
        ('{"error": ' + TOO_DEEP + "}", "nested too deeply"),
        ('{"error": ' + "1" * 5000 + "}", "expected JSON"),
    ],
)
def test_json_that_databases_or_readers_stumble_over_is_refused(text: str, message: str) -> None:
    with pytest.raises(WireError, match=message):
        loads(Answer, text)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (2**63, "an integer of 64 bits"),
        (10**400, "an integer of 64 bits"),
        (True, "expected int, got bool"),
        (1.0, "expected int, got float"),
    ],
)
def test_an_integer_fits_64_bits_and_is_one(value: Any, message: str) -> None:
    with pytest.raises(WireError, match=message):
        loads(Limits, json.dumps({"journal_bytes": value}))


@pytest.mark.parametrize("value", [10**400, 10**16, 1e16, -1e300])
def test_a_number_is_within_what_statistics_can_bear(value: float) -> None:
    with pytest.raises(WireError, match="a number within 1e\\+15"):
        loads(Limits, json.dumps({"wall_s": value}))


def test_a_chunk_of_integers_fits_64_bits() -> None:
    body = {"phase": "window", "first_index": 0, "starts_ns": [2**70], "durations_ns": [1]}
    with pytest.raises(WireError, match="starts_ns: expected integers of 64 bits"):
        loads(Inferences, json.dumps(body))


def test_an_object_has_an_end() -> None:
    facts = {f"f{number}": 1 for number in range(MAX_ENTRIES + 1)}
    with pytest.raises(WireError, match=f"facts: expected at most {MAX_ENTRIES} entries"):
        loads(Environment, json.dumps({"measuring_hash": "a", "facts": facts}))


def test_a_record_that_is_shown_whole_is_short() -> None:
    facts = {f"f{number}": "x" * 1000 for number in range(MAX_FACTS_BYTES // 1000)}
    with pytest.raises(WireError, match=f"environment: expected at most {MAX_FACTS_BYTES} bytes"):
        decode_line(encode_line(0, Environment(measuring_hash="a", facts=facts))[:-1], 0)


def test_true_is_no_line_number() -> None:
    text = b'{"body":{"at_ns":1,"phase":"gate"},"kind":"phase","seq":true}'
    with pytest.raises(WireError, match="seq: expected 1, got True"):
        decode_line(b"%08x %s" % (zlib.crc32(text), text), 1)


@pytest.mark.parametrize("at_ns", [-1, MAX_NS + 1])
def test_a_time_is_since_the_claim_and_not_of_another_century(at_ns: int) -> None:
    with pytest.raises(WireError, match="at_ns: expected nanoseconds"):
        PhaseEntered(phase=Phase.GATE, at_ns=at_ns)
    with pytest.raises(WireError, match="at_ns: expected nanoseconds"):
        Ended(at_ns=at_ns, outcome=Outcome.ABORTED)


@pytest.mark.parametrize(
    ("starts", "durations", "message"),
    [
        ((10, 5), (1, 1), "each at or after the end"),
        ((10, 11), (2, 1), "each at or after the end"),
        ((-5,), (1,), "starts_ns: expected nanoseconds"),
        ((MAX_NS,), (1,), "starts_ns: expected nanoseconds"),
        ((0,), (0,), "durations_ns: expected more than 0"),
        ((0,), (-1,), "durations_ns: expected more than 0"),
    ],
)
def test_inferences_neither_overlap_nor_run_backwards(
    starts: tuple[int, ...], durations: tuple[int, ...], message: str
) -> None:
    with pytest.raises(WireError, match=message):
        Inferences(phase=Phase.WINDOW, first_index=0, starts_ns=starts, durations_ns=durations)


def test_telemetry_is_in_the_order_of_time() -> None:
    columns = dict.fromkeys(Telemetry.__dataclass_fields__, (None, None))
    with pytest.raises(WireError, match="at_ns: expected times in their order"):
        Telemetry(**(columns | {"at_ns": (2, 1)}))  # type: ignore[arg-type]  # built by name


@pytest.mark.parametrize(
    "changes",
    [{"runtime_version": "9" * 201}, {"load_ns": -1}, {"outputs": (TensorFact(name="x", dtype="f", shape=()),) * 101}],
)
def test_a_load_says_nothing_that_is_too_long(changes: dict[str, Any]) -> None:
    fields: dict[str, Any] = {
        "at_ns": 0, "load_ns": 0, "first_ns": 0, "runtime_version": "1", "inputs": (), "outputs": (),
        "output_sha256": "",
    }  # fmt: skip
    with pytest.raises(WireError):
        Loaded(**(fields | changes))


def test_a_message_about_anything_is_short() -> None:
    deep: list[Any] = []
    for _ in range(900):
        deep = [deep]
    assert excerpt(deep) == "list of 1"
    assert len(excerpt("x" * 10**6)) < 100
    assert len(str(WireError("x" * 10**6))) == 500
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json(TOO_DEEP)
