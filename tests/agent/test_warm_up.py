"""When a warm-up is steady: an equivalence test, seen on seeded series that are flat, decaying and noisy."""

import math
import random
import time
from array import array
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol import is_steady

WITHIN = 0.02
SEEDS = range(60)


def series(
    count: int, *, noise: float, seed: int, decays_from: float = 0.0, over: float = 1.0, spikes: float = 0.0
) -> list[int]:
    """Durations of about 10 ms, with noise, a start that is slower by a share, and some that take twice as long."""
    drawn = random.Random(seed)
    return [
        int(
            1e7
            * (1 + decays_from * math.exp(-index / over))
            * math.exp(drawn.gauss(0, noise))
            * (2 if drawn.random() < spikes else 1)
        )
        for index in range(count)
    ]


def share_of_steady(count: int, **kind: float) -> float:
    """How many of the seeded series of this kind are taken for steady."""
    return sum(is_steady(series(count, seed=seed, **kind), WITHIN) for seed in SEEDS) / len(SEEDS)


def first_steady(durations_ns: Sequence[int]) -> int | None:
    """The number of inferences after which a warm-up of at least 40 that asks after each would end."""
    return next((n for n in range(40, len(durations_ns) + 1) if is_steady(durations_ns[:n], WITHIN)), None)


@pytest.mark.parametrize("count", [4, 5, 6, 7, 12, 24, 1000])
def test_clean_constant_times_are_steady_at_once(count: int) -> None:
    assert is_steady([10_000_000] * count, WITHIN)


def test_fewer_than_four_tell_nothing() -> None:
    assert not any(is_steady([10_000_000] * count, WITHIN) for count in range(4))


def test_a_step_between_the_thirds_is_not_steady_and_one_before_them_does_not_matter() -> None:
    assert not is_steady([100] * 20 + [110] * 10, WITHIN)
    assert is_steady([200] * 10 + [100] * 20, WITHIN)


def test_little_noise_ends_a_warm_up_of_many_and_soon_one_of_few() -> None:
    assert share_of_steady(200, noise=0.01) == 1
    assert share_of_steady(12, noise=0.005) > 0.9


def test_noise_does_not_pass_for_steadiness_while_there_are_few() -> None:
    assert share_of_steady(5, noise=0.05) <= 0.05
    assert share_of_steady(20, noise=0.05) <= 0.1


def test_much_noise_is_averaged_away_once_there_are_many() -> None:
    assert share_of_steady(3000, noise=0.05) > 0.95


def test_a_decay_is_waited_for() -> None:
    kind = {"noise": 0.01, "decays_from": 0.3, "over": 100.0}
    assert share_of_steady(200, **kind) == 0
    assert share_of_steady(1200, **kind) == 1


def test_a_slow_model_that_still_decays_is_not_let_through_by_its_few_inferences() -> None:
    assert share_of_steady(6, noise=0.005, decays_from=0.1, over=5.0) <= 0.1


def test_spikes_delay_nothing() -> None:
    assert share_of_steady(240, noise=0.005, spikes=0.03) > 0.95


def test_it_is_asked_again_and_again_and_still_waits_for_the_decay() -> None:
    ends = [first_steady(series(400, noise=0.01, decays_from=0.3, over=40.0, seed=seed)) for seed in range(10)]
    assert all(end is not None and 0.3 * math.exp(-end / 40.0) < 2 * WITHIN for end in ends)


@given(st.lists(st.integers(1, 2**50), max_size=60), st.floats(0.001, 0.999))
def test_whatever_the_times_the_answer_is_the_same_twice_and_in_any_unit(
    durations_ns: list[int], within: float
) -> None:
    answer = is_steady(durations_ns, within)
    assert is_steady(array("q", durations_ns), within) is answer


def test_it_costs_the_same_however_long_the_warm_up_was() -> None:
    long = array("q", series(4_000, noise=0.01, seed=1) * 100)
    began = time.perf_counter()
    assert is_steady(long, WITHIN)
    assert time.perf_counter() - began < 0.1
