"""What is given for what: the front, and what a click gives."""

import pytest

from orchestrator.charts.figures.pareto import Better
from orchestrator.charts.tradeoff import PICK, Measure, Spot, front_of, tradeoff_chart

LATENCY = Measure(title="latency, ms", better=Better.LOWER)
ACCURACY = Measure(title="mAP50, declared", better=Better.HIGHER)


def spot(variant: str, x: float, y: float, *, simulated: bool = False) -> Spot:
    return Spot(variant=variant, x=x, y=y, x_text=f"{x}", y_text=f"{y}", simulated=simulated)


SPOTS = (spot("fast", 10.0, 0.5), spot("beaten", 20.0, 0.4), spot("right", 30.0, 0.9))


@pytest.mark.parametrize("is_turned", [False, True])
def test_the_front_is_what_nothing_beats_in_both(is_turned: bool) -> None:
    x, y = (ACCURACY, LATENCY) if is_turned else (LATENCY, ACCURACY)
    spots = [spot(each.variant, each.y, each.x) for each in SPOTS] if is_turned else SPOTS

    assert {each.variant for each in front_of(spots, x, y)} == {"fast", "right"}


def test_a_click_gives_the_variant_and_the_chosen_one_has_a_ring() -> None:
    chart = tradeoff_chart(SPOTS, LATENCY, ACCURACY, chosen="beaten").to_dict()

    (pick,) = chart["params"]
    assert (pick["name"], pick["select"]["fields"]) == (PICK, ["variant"])
    assert len(chart["layer"]) == 4
    assert len(tradeoff_chart(SPOTS, LATENCY, ACCURACY).to_dict()["layer"]) == 3


def test_simulated_variants_do_not_look_measured() -> None:
    drawn = [
        tradeoff_chart([spot("int8", 10.0, 0.5, simulated=simulated)], LATENCY, ACCURACY).to_dict()
        for simulated in (False, True)
    ]

    colours = {chart["layer"][1]["mark"]["color"] for chart in drawn}
    assert len(colours) == 2
