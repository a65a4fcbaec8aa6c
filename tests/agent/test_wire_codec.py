"""The codec's laws: what is encoded comes back, and what does not fit is refused by the name of its field."""

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.answers import Answer, RunState, Status
from agent.wire.codec import WireError, decode, dumps, encode, essence, loads
from agent.wire.records import Ended, Fault, Outcome, PhaseEntered, Telemetry
from agent.wire.spec import (
    Gate,
    Inputs,
    Limits,
    Pace,
    Protocol,
    Regime,
    RunSpec,
    WarmUp,
    Window,
    at_start_temperature,
)
from tests.agent.specs import make_spec, short_protocol
from tests.agent.strategies import ANSWERS, SPECS

SPEC = encode(make_spec())


@given(SPECS)
def test_a_spec_comes_back_as_it_was_sent(spec: RunSpec) -> None:
    assert loads(RunSpec, dumps(spec)) == spec
    assert loads(RunSpec, dumps(essence(spec))) == spec


def test_what_is_as_when_left_out_is_not_said_to_an_older_agent() -> None:
    protocol = essence(make_spec())["protocol"]
    assert "pace" not in protocol and "segments" not in protocol["window"]
    paced = dataclasses.replace(make_spec().protocol, pace=Pace(rate_per_s=2.0))
    assert essence(paced)["pace"] == {"rate_per_s": 2.0}


@given(ANSWERS)
def test_an_answer_comes_back_as_it_was_sent(answer: Answer) -> None:
    assert loads(Answer, dumps(answer)) == answer


@given(ANSWERS)
def test_an_answer_is_one_line_of_ascii(answer: Answer) -> None:
    text = dumps(answer)
    assert text.isascii() and text.isprintable()


@given(SPECS)
def test_the_text_of_a_value_is_canonical(spec: RunSpec) -> None:
    assert dumps(loads(RunSpec, dumps(spec))) == dumps(spec)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=8))
def test_anything_that_is_not_the_object_is_a_wire_error(data: Any) -> None:
    with pytest.raises(WireError):
        decode(RunSpec, data)


@given(st.binary(max_size=40))
def test_bytes_that_are_no_json_are_a_wire_error(data: bytes) -> None:
    with pytest.raises(WireError):
        loads(RunSpec, data)


@given(st.sampled_from(sorted(SPEC)), st.sampled_from([None, [], {}, "x y", -1, 1.5, True]))
def test_a_field_of_the_wrong_kind_is_refused_or_legal_but_never_changed(field: str, value: Any) -> None:
    data = {**SPEC, field: value}
    try:
        spec = decode(RunSpec, data)
    except WireError as error:
        assert field in str(error)
    else:
        assert encode(spec)[field] == value or field in ("inputs", "limits", "runtime_options", "profiling")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["threads"], 0, "run_spec.threads: expected 1..64, got 0"),
        (["threads"], "4", "run_spec.threads: expected int, got str"),
        (["threads"], True, "run_spec.threads: expected int, got bool"),
        (["attempt"], 100, "run_spec.attempt: expected 1..99, got 100"),
        (["run_id"], "../etc", "run_spec.run_id: expected a plain name, got '../etc'"),
        (["main_file"], "../model.onnx", "run_spec.main_file: expected a relative name, got '../model.onnx'"),
        (["main_file"], "/model.onnx", "run_spec.main_file: expected a relative name, got '/model.onnx'"),
        (["artifact_id"], "..", "run_spec.artifact_id: expected a hexadecimal hash, got '..'"),
        (["protocol", "regime"], "warm", "protocol.regime: expected one of burst, sustained, sweep, got 'warm'"),
        (["protocol", "gate", "band_c"], 0.0, "run_spec.protocol.gate.band_c: expected more than 0, got 0.0"),
        (["protocol", "window", "max_s"], 0.0, "window.max_s: expected at least min_s (0.3), got 0.0"),
        (["inputs", "shapes"], {"x": [1, 0]}, "run_spec.inputs.shapes.x: expected sizes of 1 or more, got (1, 0)"),
        (["inputs", "shapes"], {"x": [1, "a"]}, "run_spec.inputs.shapes.x[1]: expected int, got str"),
        (["surprise"], 1, "run_spec.surprise: unknown field"),
    ],
)  # fmt: skip
def test_the_message_names_the_field_what_was_expected_and_what_came(path: list[str], value: Any, message: str) -> None:
    data = json.loads(dumps(make_spec()))
    inner = data
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    with pytest.raises(WireError) as caught:
        decode(RunSpec, data)
    assert str(caught.value).endswith(message)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(WireError, match=r"phase_entered\.at_ns: missing"):
        loads(PhaseEntered, '{"phase": "gate"}')


@pytest.mark.parametrize("text", ['{"phase": "gate", "at_ns": NaN}', "[" * 100_000])
def test_json_beyond_the_standard_is_refused(text: str) -> None:
    with pytest.raises(WireError):
        loads(PhaseEntered, text)


def test_a_number_that_is_not_finite_cannot_be_sent() -> None:
    with pytest.raises(ValueError, match="JSON"):
        dumps({"value": float("inf")})


def test_a_whole_number_may_stand_for_a_decimal() -> None:
    assert loads(Limits, '{"wall_s": 3}') == Limits(wall_s=3.0)


def test_integers_beyond_a_double_stay_exact() -> None:
    assert loads(Limits, '{"journal_bytes": 9007199254740993}').journal_bytes == 2**53 + 1


def test_an_answer_holds_exactly_one_thing() -> None:
    with pytest.raises(WireError, match="exactly one"):
        Answer(error="x", status=Status(run_id="a", attempt=1, state=RunState.LOST))
    with pytest.raises(WireError, match="exactly one"):
        Answer()


def test_only_a_failed_run_names_a_fault() -> None:
    with pytest.raises(WireError, match="fault"):
        Ended(at_ns=0, outcome=Outcome.FAILED)
    with pytest.raises(WireError, match="fault"):
        Ended(at_ns=0, outcome=Outcome.COMPLETED, fault=Fault.MODEL)


def test_telemetry_columns_are_equally_long() -> None:
    columns = dict.fromkeys(Telemetry.__dataclass_fields__, (None,))
    with pytest.raises(WireError, match="fan_rpm: expected 1 values, got 2"):
        Telemetry(**(columns | {"at_ns": (1,), "fan_rpm": (None, None)}))  # type: ignore[arg-type]  # built by name


def test_a_protocol_can_be_bound_to_a_start_temperature() -> None:
    free = Protocol(
        name="x",
        regime=Regime.BURST,
        gate=Gate(above_idle_c=6.0),
        warm_up=WarmUp(min_inferences=0, min_s=0),
        window=Window(min_inferences=1, min_s=0, max_s=0),
    )
    bound = at_start_temperature(free, 55.5)
    assert (bound.gate.start_c, bound.gate.above_idle_c) == (55.5, None)


def test_values_are_frozen() -> None:
    with pytest.raises(AttributeError):
        short_protocol().name = "other"  # type: ignore[misc]  # that it cannot be done is the point


def test_a_seed_fits_into_32_bits() -> None:
    with pytest.raises(WireError, match="seed"):
        Inputs(seed=2**32)
