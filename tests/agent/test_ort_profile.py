"""Traces of ONNX Runtime's profiler, as several versions write them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.runtimes.ort_profile import read_trace


def run(us: float) -> dict[str, Any]:
    return {"cat": "Session", "name": "model_run", "dur": us, "args": {}}


def node(name: str, us: float, **args: Any) -> dict[str, Any]:
    return {"cat": "Node", "name": f"{name}_kernel_time", "dur": us, "args": {"op_name": "Conv", **args}}


SHAPES = {
    "input_type_shape": [{"float": [1, 3, 8, 8]}, {"float": [16, 3, 3, 3]}],
    "output_type_shape": [{"float": [1, 16, 8, 8]}],
    "provider": "CPUExecutionProvider",
}


def test_the_first_inferences_are_those_of_warming_up() -> None:
    events = [node("c1", 900, **SHAPES), run(1000), node("c1", 80, **SHAPES), run(100), node("c1", 90), run(110)]
    found = read_trace(events, warm_ups=1)
    assert found is not None
    assert (found.inferences, found.total_ns) == (2, 210_000)
    (conv,) = found.operators
    assert (conv.name, conv.kind, conv.calls, conv.total_ns) == ("c1", "Conv", 2, 170_000)
    assert conv.inputs == ((1, 3, 8, 8), (16, 3, 3, 3))
    assert (conv.outputs, conv.provider) == (((1, 16, 8, 8),), "CPUExecutionProvider")


def test_what_a_version_does_not_write_is_left_out() -> None:
    old = {"cat": "Node", "name": "c1_kernel_time", "dur": 80}
    found = read_trace([{"cat": "Session", "name": "session_initialization", "dur": 5}, old, run(100)], warm_ups=0)
    assert found is not None
    assert (found.operators[0].kind, found.operators[0].inputs) == ("unknown", ())


def test_fences_and_other_events_are_no_operators() -> None:
    events = [node("c1", 1), {"cat": "Node", "name": "c1_fence_before", "dur": 7}, run(9)]
    found = read_trace(events, warm_ups=0)
    assert found is not None
    assert len(found.operators) == 1


def test_a_node_in_a_loop_runs_several_times_in_each_inference() -> None:
    events = [node("c1", 1), node("c1", 1), run(5), node("c1", 2), node("c1", 2), run(5)]
    found = read_trace(events, warm_ups=1)
    assert found is not None
    assert (found.operators[0].calls, found.operators[0].total_ns) == (2, 4000)


@pytest.mark.parametrize("events", [[], [node("c1", 5)], [run(5)]])
def test_a_trace_without_a_counted_inference_is_no_profile(events: list[dict[str, Any]]) -> None:
    assert read_trace(events, warm_ups=1) is None


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.integers(),
            st.dictionaries(
                st.sampled_from(["cat", "name", "dur", "args"]),
                st.one_of(
                    st.sampled_from(["Node", "Session", "model_run", "x_kernel_time"]),
                    st.floats(min_value=0, max_value=1e6),
                    st.dictionaries(
                        st.sampled_from(["op_name", "input_type_shape"]), st.lists(st.integers()), max_size=2
                    ),
                ),
            ),
        ),
        max_size=20,
    )
)
def test_a_strange_trace_breaks_nothing(events: list[Any]) -> None:
    read_trace(events, warm_ups=0)
