"""The timed loop: when it stops, what it keeps, and that its arrays are enough."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.protocol import Bounds, estimate_quiet_s, estimate_s, warm_up_bounds, window_bounds
from agent.timing import MIN_CAPACITY, Samples, capacity_for, is_met, time_inferences, warm_up
from agent.wire.records import Phase
from agent.wire.spec import WarmUp, Window
from tests.agent.specs import short_protocol

MS = 1_000_000


class Clock:
    """A clock that stands still but for the calls that take time."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000_000

    def __call__(self) -> int:
        return self.now_ns

    def model(self, *durations_ns: int) -> Callable[[], None]:
        """A call that takes these times in turn."""
        turns = itertools.cycle(durations_ns)

        def call() -> None:
            self.now_ns += next(turns)

        return call


def run(clock: Clock, call: Callable[[], None], bounds: Bounds, *, capacity: int = 1000) -> Samples:
    """One stretch from now on."""
    samples = Samples(Phase.WINDOW, capacity)
    time_inferences(call, samples, bounds, begin_ns=clock.now_ns, clock=clock)
    return samples


def test_both_minima_have_to_be_met() -> None:
    clock = Clock()
    by_time = run(clock, clock.model(MS), Bounds(min_inferences=3, min_ns=10 * MS, max_ns=1000 * MS))
    by_count = run(clock, clock.model(MS), Bounds(min_inferences=30, min_ns=10 * MS, max_ns=1000 * MS))
    assert (by_time.count, by_count.count) == (10, 30)


def test_the_maximum_ends_a_window_that_has_too_few() -> None:
    clock = Clock()
    samples = run(clock, clock.model(30 * MS), Bounds(min_inferences=100, min_ns=0, max_ns=100 * MS))
    assert (samples.count, samples.lasted_ns) == (4, 120 * MS)


def test_every_start_and_duration_is_kept_in_order() -> None:
    clock = Clock()
    began_ns = clock.now_ns
    samples = run(clock, clock.model(MS, 3 * MS), Bounds(min_inferences=4, min_ns=0, max_ns=1000 * MS))
    assert list(samples.durations_ns[:4]) == [MS, 3 * MS, MS, 3 * MS]
    assert [start - began_ns for start in samples.starts_ns[:4]] == [0, MS, 4 * MS, 5 * MS]


def test_a_stop_ends_the_window_after_the_inference_at_hand() -> None:
    clock, stop = Clock(), [False]
    samples = Samples(Phase.WINDOW, 100)

    def call() -> None:
        clock.now_ns += MS
        stop[0] = clock.now_ns >= 1_000_000_000 + 5 * MS

    bounds = Bounds(min_inferences=50, min_ns=0, max_ns=1000 * MS)
    time_inferences(call, samples, bounds, begin_ns=clock.now_ns, stop=stop, clock=clock)
    assert samples.count == 5


def test_full_arrays_end_the_stretch_with_its_bounds_unmet() -> None:
    clock = Clock()
    bounds = Bounds(min_inferences=50, min_ns=0, max_ns=1000 * MS)
    samples = run(clock, clock.model(MS), bounds, capacity=20)
    assert samples.is_full and not is_met(samples, bounds)


def test_a_warm_up_grows_its_arrays_as_it_needs() -> None:
    clock = Clock()
    samples = Samples(Phase.WARM_UP, 4)
    warm_up(clock.model(MS), samples, Bounds(min_inferences=30, min_ns=0, max_ns=1000 * MS), None, clock=clock)
    assert samples.count == 30
    assert set(samples.durations_ns[:30]) == {MS}


def test_without_a_warm_up_the_windows_first_inference_is_the_first_of_all() -> None:
    clock = Clock()
    samples = Samples(Phase.WARM_UP, 4)
    warm_up(clock.model(MS), samples, Bounds(min_inferences=0, min_ns=0, max_ns=MS), None, clock=clock)
    assert (samples.count, clock.now_ns) == (0, Clock().now_ns)


def test_a_second_warm_up_goes_on_behind_the_first() -> None:
    clock = Clock()
    samples = Samples(Phase.WARM_UP, 4)
    bounds = Bounds(min_inferences=5, min_ns=0, max_ns=1000 * MS)
    warm_up(clock.model(MS), samples, bounds, None, clock=clock)
    warm_up(clock.model(2 * MS), samples, bounds, None, clock=clock)
    assert list(samples.durations_ns[: samples.count]) == [MS] * 5 + [2 * MS] * 5


def test_a_warm_up_goes_on_until_it_is_steady() -> None:
    clock = Clock()
    falling = [max(10, 40 - index) * MS for index in range(1000)]
    samples = Samples(Phase.WARM_UP, 1000)
    bounds = Bounds(min_inferences=6, min_ns=0, max_ns=60_000 * MS)
    warm_up(clock.model(*falling), samples, bounds, 0.02, clock=clock)
    assert 60 < samples.count < 300


def test_a_stop_ends_a_warm_up_and_is_not_followed_by_a_search_for_steadiness() -> None:
    clock, stop = Clock(), [False]
    samples = Samples(Phase.WARM_UP, 100)

    def call() -> None:
        clock.now_ns += MS
        stop[0] = clock.now_ns >= 1_000_000_000 + 5 * MS

    bounds = Bounds(min_inferences=50, min_ns=0, max_ns=1000 * MS)
    warm_up(call, samples, bounds, 0.02, stop=stop, clock=clock)
    assert samples.count == 5


def test_a_warm_up_that_never_settles_is_given_up() -> None:
    clock = Clock()
    rising = [(10 + 5 * index) * MS for index in range(1000)]
    samples = Samples(Phase.WARM_UP, 1000)
    bounds = Bounds(min_inferences=6, min_ns=0, max_ns=2000 * MS)
    warm_up(clock.model(*rising), samples, bounds, 0.02, clock=clock)
    assert samples.lasted_ns >= 2000 * MS and samples.count < 60


@settings(max_examples=50)
@given(
    st.lists(st.integers(1, 50 * MS), min_size=1, max_size=20),
    st.integers(1, 50),
    st.integers(0, 100 * MS),
    st.integers(0, 200 * MS),
)
def test_a_window_never_ends_early_nor_a_whole_inference_late(
    durations_ns: list[int], min_inferences: int, min_ns: int, longer_ns: int
) -> None:
    clock = Clock()
    bounds = Bounds(min_inferences=min_inferences, min_ns=min_ns, max_ns=min_ns + longer_ns)
    samples = run(clock, clock.model(*durations_ns), bounds, capacity=20_000)
    if samples.is_full:
        return
    before_ns = samples.lasted_ns - samples.durations_ns[samples.count - 1]
    assert is_met(samples, bounds)
    assert before_ns < bounds.max_ns or samples.count == 1
    assert before_ns < min_ns or samples.count <= max(min_inferences, 1)


@given(st.integers(1, 1000), st.integers(0, 10**10), st.integers(1, 10**9), st.integers(1, 10**6))
def test_the_places_are_enough_unless_there_are_not_so_many(
    min_inferences: int, min_ns: int, fastest_ns: int, most: int
) -> None:
    bounds = Bounds(min_inferences=min_inferences, min_ns=min_ns, max_ns=min_ns)
    places = capacity_for(bounds, fastest_ns, most)
    assert places <= most
    assert places == most or places >= max(MIN_CAPACITY, min_ns // fastest_ns, min_inferences)


def test_bounds_are_the_protocols_in_nanoseconds() -> None:
    assert warm_up_bounds(WarmUp(min_inferences=3, min_s=0.5, max_s=2)) == Bounds(
        min_inferences=3, min_ns=500 * MS, max_ns=2000 * MS
    )
    assert window_bounds(Window(min_inferences=20, min_s=2, max_s=10)) == Bounds(
        min_inferences=20, min_ns=2000 * MS, max_ns=10_000 * MS
    )


def test_the_quiet_time_is_foretold_from_the_first_inference() -> None:
    slow = Bounds(min_inferences=20, min_ns=2000 * MS, max_ns=60_000 * MS)
    assert estimate_s(slow, 0.001) == pytest.approx(2.001)
    assert estimate_s(slow, 1.0) == pytest.approx(21.0)
    assert estimate_s(slow, 10.0) == pytest.approx(70.0)
    warm_up_s, quiet_s = estimate_quiet_s(short_protocol(warm_up_s=0.5, window_s=2.0), 0.001)
    assert 0.5 <= warm_up_s < 0.6 and 2.5 < quiet_s < 3.0


def test_a_warm_up_that_has_to_settle_is_given_more_time() -> None:
    plain = short_protocol(warm_up_s=10.0)
    settling = replace(plain, warm_up=replace(plain.warm_up, steady_within=0.02))
    assert estimate_quiet_s(settling, 0.001)[0] == pytest.approx(1.5 * estimate_quiet_s(plain, 0.001)[0])
    assert estimate_quiet_s(settling, 2.0)[0] == pytest.approx(40.0)
