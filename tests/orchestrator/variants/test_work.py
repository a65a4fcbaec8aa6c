"""What ONNX Runtime's profiler says of a network, joined with the network's graph: real traces, and a real profile."""

import json
from pathlib import Path

import numpy as np
import pytest

from agent.runtimes.onnxruntime import OnnxRuntime
from agent.runtimes.ort_profile import read_trace
from agent.wire.profile import Profiled, Profiling
from orchestrator.analysis.profile import view_profile
from orchestrator.variants.precision import quantise_dynamically, quantise_statically
from orchestrator.variants.recipe import Recipe
from orchestrator.variants.work import read_work
from tests.orchestrator.variants.networks import SIZE, Builder, chain

GOLDEN = Path(__file__).parents[2] / "golden"
DIGITS = Path(__file__).parents[3] / "orchestrator" / "demo" / "files" / "digits.onnx"
CONVOLUTIONS = 5  # of the digits network, whose traces these are, as static int8


def trace_of(version: str) -> Profiled:
    found = read_trace(json.loads((GOLDEN / f"ort-profile-{version}.json").read_bytes()), warm_ups=1)
    assert found is not None
    return found


def test_a_trace_of_a_quantised_network_gets_its_work_from_the_graph() -> None:
    trace = trace_of("1.32.0")
    alone, joined = view_profile(trace), view_profile(trace, read_work(DIGITS, {}))
    assert alone.unknown_share > 0.5, "shapes of packed weights are not in a trace"
    assert joined.unknown_share == 0
    products = [each for each in joined.operators if each.kind == "QLinearConv"]
    assert len(products) == CONVOLUTIONS
    assert all(each.gflops_per_s for each in products)
    assert sum(each.flops or 0 for each in products) == 52_596_736


def test_a_trace_whose_names_are_lost_says_how_much_is_not_known() -> None:
    """ONNX Runtime 1.16 gives no name to what it lays out anew, and writes events that later versions do not."""
    trace = trace_of("1.16.3")
    joined = view_profile(trace, read_work(DIGITS, {}))
    unknown = [each for each in joined.operators if each.flops is None]
    assert [each.kind for each in unknown] == ["QLinearConv"] * CONVOLUTIONS
    assert joined.unknown_share == pytest.approx(sum(each.share for each in unknown))
    assert next(each for each in joined.operators if each.name == "linear").flops == 2 * 256 * 10 + 10


def test_names_lead_to_nodes_and_through_followers_to_the_product_before_them(tmp_path: Path) -> None:
    net = Builder()
    normed = net.norm("n1", net.conv("c1", "x", 3, 8), 8)
    parent = net.save(tmp_path / "net.onnx", net.add("Add", [net.add("Relu", [normed], "r1"), normed], "a1"), 8)
    found = {name: [work.kind for work in works] for name, works in read_work(parent, {}).items()}
    assert (found["c1"], found["n1"]) == (["Conv", "Conv"], ["BatchNormalization", "Conv"])
    assert (found["r1"], found["a1"]) == (["Relu", "Conv"], ["Add", "Add"])


@pytest.mark.integration
def test_whatever_this_version_makes_of_a_network_has_known_work(tmp_path: Path) -> None:
    parent, static, dynamic = chain(tmp_path / "net.onnx"), tmp_path / "static", tmp_path / "dynamic"
    static.mkdir()
    dynamic.mkdir()
    np.savez(tmp_path / "examples.npz", x=np.random.default_rng(1).standard_normal((2, 3, SIZE, SIZE)))
    made = {
        "fp32": parent,
        "static": quantise_statically(
            parent, static, Recipe(name="int8-static", argument="u8s8"), tmp_path / "examples.npz"
        ).main,
        "dynamic": quantise_dynamically(parent, dynamic, Recipe(name="int8-dynamic", argument="s8")).main,
    }
    feeds = {"x": np.ones((1, 3, SIZE, SIZE), np.float32)}
    work = {}
    for name, path in made.items():
        profiled = OnnxRuntime().profile(path, 1, {}, feeds, Profiling(inferences=2, warm_ups=0))
        view = view_profile(profiled, read_work(path, {}))
        assert view.unknown_share == 0, name
        work[name] = sum(each.flops or 0 for each in view.operators)
    assert work["static"] == work["fp32"]
    assert work["dynamic"] == pytest.approx(work["fp32"], rel=0.02), "its biases are additions of their own"
