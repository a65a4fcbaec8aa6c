"""A profile's shares, speeds and movers, against figures made by hand."""

from typing import Any

import pytest

from agent.wire.profile import OperatorTime, Profiled
from orchestrator.analysis.profile import NodeWork, movers, node_of, view_profile, work_of


def operator(name: str, kind: str, total_ms: float, **shapes: Any) -> OperatorTime:
    return OperatorTime(name=name, kind=kind, calls=10, total_ns=round(total_ms * 1e6), **shapes)


CONV = operator("c1", "FusedConv", 80, inputs=((1, 3, 8, 8), (16, 3, 3, 3), (16,)), outputs=((1, 16, 8, 8),))
RELU = operator("r1", "Relu", 20, inputs=((1, 16, 8, 8),), outputs=((1, 16, 8, 8),))
PROFILE = Profiled(inferences=10, total_ns=110_000_000, operators=(RELU, CONV))


def test_times_are_of_one_inference_and_shares_of_the_time_in_operators() -> None:
    view = view_profile(PROFILE)
    assert (view.inference_ms, view.operators_ms) == (11.0, 10.0)
    assert [(each.name, each.time_ms, each.share) for each in view.operators] == [("c1", 8.0, 0.8), ("r1", 2.0, 0.2)]


def test_speed_is_work_over_time() -> None:
    conv = view_profile(PROFILE).operators[0]
    assert conv.flops == 2 * 16 * 8 * 8 * 3 * 3 * 3
    assert conv.gflops_per_s == pytest.approx(conv.flops / 8e-3 / 1e9)
    assert view_profile(PROFILE).operators[1].gflops_per_s is None


@pytest.mark.parametrize(
    ("kind", "inputs", "work"),
    [
        ("MatMul", ((4, 6), (6, 5)), 2 * 4 * 5 * 6),
        ("MatMul", ((4, 6),), 2 * 4 * 5 * 6),  # the weights were packed ahead
        ("DynamicQuantizeMatMul", ((4, 6), (5,), (5,)), 2 * 4 * 5 * 6),
        ("QLinearConv", ((1, 3, 8, 8), (), (), (5, 3, 1, 1)), 2 * 20 * 3),
        ("QLinearConv", ((1, 3, 8, 8), (), (), (5,), (), ()), None),
        ("ConvTranspose", ((1, 3, 8, 8), (3, 2, 2, 2)), 2 * 3 * 64 * 8),
        ("Conv", (), None),
        ("Attention", ((4, 6),), None),
        ("unknown", (), None),
        ("Add", (), 0),
    ],
)
def test_work_is_counted_from_the_shapes_that_ran(kind: str, inputs: tuple[tuple[int, ...], ...], work: int) -> None:
    assert work_of(operator("n", kind, 1, inputs=inputs, outputs=((4, 5),)), None) == work


CONV_NODE = NodeWork(kind="Conv", flops=5000, moved_bytes=400, folded_bytes=None)
RELU_NODE = NodeWork(kind="Relu", flops=10, moved_bytes=200)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("c1", "Conv"),
        ("c1", "FusedConv"),
        ("fused c1", "FusedConv"),
        ("c1_nchwc", "Conv"),
        ("c1_quant", "QLinearConv"),
        ("fused c1_token_3_nhwc", "NhwcFusedConv"),
    ],
)
def test_an_operator_does_the_work_of_the_node_that_it_was_made_of(name: str, kind: str) -> None:
    made = operator(name, kind, 10)
    assert node_of(made, {"c1": [CONV_NODE], "c2": [RELU_NODE]}) is CONV_NODE
    (found,) = view_profile(
        Profiled(inferences=10, total_ns=1, operators=(made,)), {"c1": [RELU_NODE, CONV_NODE]}
    ).operators
    assert (found.flops, found.moved_bytes) == (5000, 400)
    assert found.gflops_per_s == pytest.approx(0.005)
    assert found.gbytes_per_s == pytest.approx(0.0004)


@pytest.mark.parametrize(("name", "kind"), [("c1", "Tanh"), ("c1", "MatMul"), ("c1_of_another", "Conv"), ("c", "Conv")])
def test_a_node_of_another_name_or_another_kind_of_work_is_not_taken_for_it(name: str, kind: str) -> None:
    assert node_of(operator(name, kind, 10), {"c1": [RELU_NODE, CONV_NODE]}) is None


def test_what_was_quantised_moves_bytes_and_what_may_have_been_is_not_guessed() -> None:
    graph = {
        "c1": [NodeWork(kind="Conv", flops=5000, moved_bytes=400, folded_bytes=100)],
        "p1": [NodeWork(kind="MaxPool", flops=10, moved_bytes=400, folded_bytes=100)],
        "a1": [NodeWork(kind="Add", flops=10, moved_bytes=400, folded_bytes=100)],
    }
    ran = (operator("c1", "QLinearConv", 4), operator("p1", "MaxPool", 3), operator("a1", "QLinearAdd", 2))
    found = view_profile(Profiled(inferences=10, total_ns=1, operators=ran), graph).operators
    assert [(each.name, each.flops, each.moved_bytes) for each in found] == [
        ("c1", 5000, 100),
        ("p1", 0, None),
        ("a1", 0, 100),
    ]


def test_the_share_of_time_without_known_work_is_told() -> None:
    silent = operator("c2", "QLinearConv", 60)
    assert view_profile(Profiled(inferences=10, total_ns=1, operators=(CONV, RELU, silent))).unknown_share == 60 / 160
    graph = {"c2": [CONV_NODE]}
    assert view_profile(Profiled(inferences=10, total_ns=1, operators=(CONV, RELU, silent)), graph).unknown_share == 0


def test_the_graph_names_the_kind_that_an_older_profile_does_not() -> None:
    assert work_of(operator("c1", "unknown", 1), CONV_NODE) == 5000


def test_kinds_are_summed_and_what_is_not_known_of_one_is_not_known_of_all() -> None:
    silent = operator("c2", "FusedConv", 40)
    kinds = {
        each.kind: each for each in view_profile(Profiled(inferences=10, total_ns=1, operators=(CONV, silent))).kinds
    }
    assert (kinds["FusedConv"].time_ms, kinds["FusedConv"].flops) == (12.0, None)


def test_the_greatest_movers_come_first_and_those_of_one_side_are_named() -> None:
    slower = operator("c1", "FusedConv", 95)
    new = operator("q1", "QuantizeLinear", 30)
    found = movers(
        view_profile(PROFILE).operators,
        view_profile(Profiled(inferences=10, total_ns=1, operators=(slower, new))).operators,
    )
    assert [(each.name, each.before_ms, each.after_ms) for each in found] == [
        ("q1", None, 3.0),
        ("r1", 2.0, None),
        ("c1", 8.0, 9.5),
    ]


def test_an_empty_profile_has_no_shares() -> None:
    assert view_profile(Profiled(inferences=1, total_ns=5, operators=())).operators == ()
