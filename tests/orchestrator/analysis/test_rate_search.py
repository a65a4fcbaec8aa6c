"""Which rate comes next: the search ends, near the truth, by few steps, whatever its temperatures say."""

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.codec import WireError, decode, encode
from orchestrator.analysis.rate_search import (
    LEAST_RATE,
    MOST_RATE,
    Next,
    Search,
    Step,
    StepAnswer,
    StepFound,
    Stop,
    allowed,
    bracket_of,
    next_step,
)

SEARCH = Search()
LIMIT_C, IDLE_C = 80.0, 50.0
Board = Callable[[Next], StepFound | None]


def found(answer: StepAnswer = StepAnswer.HELD, service_s: float = 0.1, rise_c: float | None = None) -> StepFound:
    return StepFound(
        answer=answer,
        is_for_ever=answer is StepAnswer.HELD,
        deadlines="held",
        offered=1000,
        missed=0,
        service_s=service_s,
        limit_c=LIMIT_C,
        idle_c=None if rise_c is None else IDLE_C,
        rise_c=rise_c,
    )


def board(limit: float, service_s: float, aim_error: float | None = None) -> Board:
    """A board that throttles from `limit` on; its temperatures say so but for an error, None: they say nothing."""

    def answer(step: Next) -> StepFound:
        rise_c = None if aim_error is None else (LIMIT_C - IDLE_C) * step.rate_per_s / (limit * aim_error)
        if step.rate_per_s * service_s >= 1:
            return found(StepAnswer.MISSED, service_s)
        return found(StepAnswer.THROTTLED if step.rate_per_s > limit else StepAnswer.HELD, service_s, rise_c)

    return answer


def seek(answer: Board, start: float = 1.0, search: Search = SEARCH) -> tuple[list[Step], Stop]:
    """All steps of a search, and why it ended."""
    steps: list[Step] = []
    following: Next | Stop = Next(rate_per_s=start, is_long=False, why="begins")
    while isinstance(following, Next):
        steps.append(Step(rate_per_s=following.rate_per_s, is_long=following.is_long, found=answer(following)))
        following = next_step(search, steps)
    return steps, following


@given(
    st.floats(0.05, 50.0),
    st.floats(0.05, 20.0),
    st.sampled_from((0.02, 0.05, 0.2)),
    st.none() | st.floats(0.8, 1.25),
    st.floats(0.02, 20.0),
)
def test_what_is_found_is_held_and_near_the_highest_rate(
    limit: float, busy: float, within: float, aim_error: float | None, begin: float
) -> None:
    service_s = busy / limit
    search = Search(within=within, most_steps=50)
    steps, stop = seek(board(limit, service_s, aim_error), begin * limit, search)
    true = min(limit, 1 / service_s)
    bracket = bracket_of(steps)
    assert stop is Stop.FOUND
    assert bracket.low is not None and bracket.low <= true * (1 + 1e-9) <= bracket.high * (1 + 1e-6)
    assert bracket.low >= true / (1 + within) * (1 - 1e-6)
    assert steps[-1].is_long and steps[-1].is_held and steps[-1].rate_per_s == bracket.low


def test_temperatures_that_are_right_save_steps() -> None:
    blind, _ = seek(board(3.0, 0.1), 1.0)
    aimed, _ = seek(board(3.0, 0.1, 1.0), 1.0)
    assert [step.is_long for step in aimed] == [False, False, False, True]
    assert len(aimed) < len(blind)


def test_a_board_that_never_throttles_is_taken_to_just_below_its_own_speed() -> None:
    steps, stop = seek(board(1000.0, 0.1), 5.0)
    bracket = bracket_of(steps)
    assert (stop, len(steps), bracket.is_speed) == (Stop.FOUND, 3, True)
    assert bracket.low == pytest.approx(10 / 1.036) and bracket.high == pytest.approx(10.0)


def test_a_long_step_that_fails_sends_the_search_below() -> None:
    def answer(step: Next) -> StepFound:
        is_too_fast = step.rate_per_s > (2.0 if step.is_long else 3.0)
        return found(StepAnswer.THROTTLED if is_too_fast else StepAnswer.HELD)

    steps, stop = seek(answer, 1.0, Search(most_steps=30))
    failed = [step for step in steps if step.is_long and not step.is_held]
    bracket = bracket_of(steps)
    assert stop is Stop.FOUND and failed
    assert bracket.low is not None and 1.9 < bracket.low <= 2.0
    assert bracket.high == min(step.rate_per_s for step in steps if not step.is_held)


def test_the_last_step_that_is_allowed_confirms_what_is_held_by_then() -> None:
    steps, stop = seek(board(3.3, 0.1), 1.0, Search(within=0.01, most_steps=5))
    assert (stop, len(steps), steps[-1].is_long) == (Stop.LIMIT, 5, True)
    assert steps[-1].rate_per_s == bracket_of(steps).low


def test_a_step_that_could_not_be_measured_ends_it() -> None:
    steps, stop = seek(lambda step: None)
    assert (len(steps), stop) == (1, Stop.BROKEN)
    assert bracket_of(steps).low is None and bracket_of(steps).high == math.inf


def test_no_rate_is_held_where_an_inference_takes_longer_than_its_deadline() -> None:
    search = Search(deadline_s=0.05)
    steps, stop = seek(lambda step: found(StepAnswer.MISSED, 0.1), 5.0, search)
    assert (len(steps), stop) == (1, Stop.NONE)


def test_no_rate_is_held_by_a_board_that_throttles_at_rest() -> None:
    steps, stop = seek(lambda step: found(StepAnswer.THROTTLED), 1.0, Search(most_steps=50))
    assert stop is Stop.NONE
    assert all(step.rate_per_s >= LEAST_RATE for step in steps)


def test_a_start_beyond_the_boards_speed_comes_down_to_it_at_once() -> None:
    steps, _ = seek(board(100.0, 5.0), 1.0)
    assert steps[0].found and steps[0].found.answer is StepAnswer.MISSED
    assert steps[1].rate_per_s == pytest.approx(0.9 / 5.0)


def test_chance_near_the_limit_ends_it_all_the_same() -> None:
    chance = random.Random(4)

    def answer(step: Next) -> StepFound:
        is_held = step.rate_per_s * chance.lognormvariate(0.0, 0.05) < 3.0
        return found(StepAnswer.HELD if is_held else StepAnswer.WOULD_THROTTLE)

    for _ in range(50):
        steps, stop = seek(answer, 1.0)
        assert stop in (Stop.FOUND, Stop.LIMIT) and len(steps) <= SEARCH.most_steps


def test_a_search_and_what_a_step_showed_come_back_from_sql_as_they_went_in() -> None:
    search, step = Search(within=0.02, start_per_s=1.5, deadline_s=0.2), found(rise_c=31.5)
    assert decode(Search, encode(search)) == search
    assert decode(StepFound, encode(step)) == step


@pytest.mark.parametrize(
    ("wish", "complaint"),
    [
        ({"within": 0.001}, "within: expected 1%..50%, got '0.10%'"),
        ({"start_per_s": 0.0}, "start: expected 0.001..10000 a second, got 0.0"),
        ({"deadline_s": 0.0}, "deadline_s: expected more than 0"),
        ({"step_s": 2000.0}, "step_s: expected more than 0, and no longer than the long step"),
        ({"most_steps": 2}, "most_steps: expected 3..50, got 2"),
    ],
)
def test_a_wish_without_sense_is_refused(wish: dict[str, float], complaint: str) -> None:
    with pytest.raises(WireError, match=complaint):
        Search(**wish)  # type: ignore[arg-type]  # by name


def test_no_board_is_asked_for_a_rate_that_the_wire_does_not_know() -> None:
    steps, stop = seek(board(1e6, 1e-5), 5000.0)
    assert stop is Stop.FOUND
    assert all(step.rate_per_s <= MOST_RATE for step in steps)
    assert (allowed(1e9), allowed(0.0), allowed(2.0)) == (MOST_RATE, LEAST_RATE, 2.0)
