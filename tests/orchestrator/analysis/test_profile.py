"""A profile's shares, speeds and movers, against figures made by hand."""

from typing import Any

import pytest

from agent.wire.profile import OperatorTime, Profiled
from orchestrator.analysis.profile import movers, view_profile, work_of


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
        ("QLinearConv", ((1, 3, 8, 8), (), (), (5, 3, 1, 1)), 2 * 20 * 3),
        ("Conv", (), None),
        ("Add", (), 0),
    ],
)
def test_work_is_counted_from_the_shapes_that_ran(kind: str, inputs: tuple[tuple[int, ...], ...], work: int) -> None:
    assert work_of(operator("n", kind, 1, inputs=inputs, outputs=((4, 5),))) == work


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
