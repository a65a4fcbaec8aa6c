"""Gates on simulated boards: a short version of `benchmarks.gates`, and how its figures are put together."""

import pytest

from benchmarks.gates import BOARDS, FORECAST_WITHIN, HELD_WITHIN_C, Passed, judge, study


@pytest.mark.parametrize("name", BOARDS)
def test_gates_of_a_study_open_as_forecast_and_the_burner_holds(name: str) -> None:
    for gate in study(name, seed=3, later=1):
        assert gate.is_open and gate.forecast_s is not None
        assert abs(gate.waited_s - gate.forecast_s) <= FORECAST_WITHIN * gate.forecast_s
        assert all(abs(off_c) <= HELD_WITHIN_C for off_c in gate.held)


def test_the_same_seed_gives_the_same_gates() -> None:
    assert study("cooled", seed=1, later=0) == study("cooled", seed=1, later=0)


def test_forecasts_of_first_and_later_gates_are_judged_apart() -> None:
    def passed(*, is_first: bool, forecast_s: float | None) -> Passed:
        return Passed(
            is_first=is_first, is_open=True, reason="open", waited_s=100.0, hold_s=60.0, forecast_s=forecast_s,
            told_at_s=10.0, held=(0.1,), asymptote_miss_c=0.2, stated_c=0.3,
        )  # fmt: skip

    gates = [passed(is_first=True, forecast_s=95.0), passed(is_first=False, forecast_s=50.0)]
    figures = {figure.what: figure for figure in judge("bare", [*gates, passed(is_first=False, forecast_s=None)])}
    assert figures["bare: first gates, wait within 20 % of the forecast"].ours.center == 1
    assert figures["bare: later gates, wait within 20 % of the forecast"].ours.center == 0
    assert figures["bare: later gates, with a forecast"].ours.center == 0.5
