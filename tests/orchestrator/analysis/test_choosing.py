"""The best variant within limits, and when the data cannot tell."""

import pytest

from orchestrator.analysis.choosing import LATENCY, Bound, Figure, Limit, Option, choose

FAST = Limit(figure=LATENCY, bound=Bound.AT_MOST, value=900.0, unit="ms")
GOOD = Limit(figure="mAP50", bound=Bound.AT_LEAST, value=0.65)


def option(variant: str, ms: float, half: float = 1.0, *, tied: tuple[str, ...] = (), **figures: float) -> Option:
    known = {name: Figure(value=value) for name, value in figures.items()}
    latency = Figure(value=ms, low=ms - half, high=ms + half)
    return Option(variant=variant, figures={LATENCY: latency, **known}, tied_with=frozenset(tied))


def test_the_fastest_that_meets_every_limit_is_chosen_and_the_others_say_why_not() -> None:
    options = [
        option("int8", 300, mAP50=0.40),
        option("slim", 600, mAP50=0.70),
        option("full", 1700, mAP50=0.72),
        option("ort", 800, mAP50=0.72),
    ]
    choice = choose(options, [FAST, GOOD], LATENCY, Bound.AT_MOST)
    assert (choice.best, choice.is_clear) == ("slim", True)
    reasons = {each.variant: each.reason for each in choice.left_out}
    assert reasons == {
        "int8": "mAP50 is 0.4, wanted mAP50 at least 0.65",
        "full": "latency is 1700 ms [1699, 1701], wanted latency at most 900 ms",
    }


def test_those_that_are_not_told_apart_from_the_best_are_named() -> None:
    options = [option("a", 500, 20, tied=("b",)), option("b", 505, 20, tied=("a",)), option("c", 700)]
    choice = choose(options, [FAST], LATENCY, Bound.AT_MOST)
    assert (choice.best, choice.tied_with, choice.is_clear) == ("a", ("b",), False)


def test_an_interval_across_a_limit_is_no_answer() -> None:
    choice = choose([option("a", 890, 30)], [FAST], LATENCY, Bound.AT_MOST)
    assert (choice.best, choice.undecided) == (None, ("a",))
    assert choice.left_out[0].reason.startswith("cannot tell: latency is 890 ms [860, 920]")


def test_a_faster_variant_that_may_meet_the_other_limit_leaves_the_choice_open() -> None:
    fuzzy = Option(
        variant="fuzzy",
        figures={LATENCY: Figure(value=400, low=399, high=401), "mAP50": Figure(value=0.65, low=0.6, high=0.7)},
    )
    choice = choose([fuzzy, option("slim", 600, mAP50=0.70)], [FAST, GOOD], LATENCY, Bound.AT_MOST)
    assert (choice.best, choice.undecided, choice.is_clear) == ("slim", ("fuzzy",), False)


def test_a_slower_variant_that_may_meet_a_limit_changes_nothing() -> None:
    choice = choose([option("a", 500), option("slow", 895, 30)], [FAST], LATENCY, Bound.AT_MOST)
    assert (choice.best, choice.is_clear) == ("a", True)


def test_a_variant_without_the_figure_of_a_limit_is_left_out() -> None:
    choice = choose([option("a", 500), option("b", 600, mAP50=0.7)], [GOOD], LATENCY, Bound.AT_MOST)
    assert (choice.best, choice.left_out[0].reason) == ("b", "mAP50 is not known")


def test_a_metric_can_be_what_is_wanted_most_of() -> None:
    options = [option("a", 500, mAP50=0.6), option("b", 800, mAP50=0.7), option("c", 700)]
    choice = choose(options, [FAST], "mAP50", Bound.AT_LEAST)
    assert (choice.best, choice.is_clear) == ("b", True)
    assert [each.variant for each in choice.left_out] == ["c"]


def test_equal_figures_are_a_tie() -> None:
    choice = choose([option("a", 500, size=10), option("b", 800, size=10)], [], "size", Bound.AT_MOST)
    assert (choice.best, choice.tied_with) == ("a", ("b",))


def test_nothing_to_choose_from_is_no_choice() -> None:
    assert choose([], [FAST], LATENCY, Bound.AT_MOST).best is None


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_the_order_of_the_options_does_not_matter(order: tuple[int, ...]) -> None:
    options = [option("a", 500, tied=("b",)), option("b", 501, tied=("a",)), option("c", 502)]
    choice = choose([options[place] for place in order], [FAST], LATENCY, Bound.AT_MOST)
    assert (choice.best, choice.tied_with) == ("a", ("b",))


def test_every_limit_that_is_not_met_is_told_what_is_certain_first() -> None:
    (left,) = choose([option("a", 890, 30, mAP50=0.4)], [FAST, GOOD], LATENCY, Bound.AT_MOST).left_out
    assert left.is_certain
    assert left.reason == (
        "mAP50 is 0.4, wanted mAP50 at least 0.65; "
        "cannot tell: latency is 890 ms [860, 920], wanted latency at most 900 ms"
    )


def test_figures_whose_intervals_meet_are_not_told_apart() -> None:
    def with_p90(variant: str, value: float) -> Option:
        p90 = Figure(value=value, low=value - 10, high=value + 10)
        return Option(variant=variant, figures={LATENCY: Figure(value=value), "p90": p90})

    choice = choose([with_p90("a", 500), with_p90("b", 515), with_p90("c", 530)], [], "p90", Bound.AT_MOST)
    assert (choice.best, choice.tied_with) == ("a", ("b",))
