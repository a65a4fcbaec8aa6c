"""The open loop: when an inference is due, what happens to a late one, and how the stretch ends."""

import functools
import itertools
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.protocol import Bounds, estimate_quiet_s
from agent.timing import Samples, time_paced, warm_up
from agent.wire.records import Inferences, Phase
from agent.wire.spec import Pace
from tests.agent.board import Board
from tests.agent.specs import make_spec, short_protocol

MS = 1_000_000
PERIOD_NS = 10 * MS
ENDLESS = Bounds(min_inferences=1000, min_ns=0, max_ns=10**15)


class Clock:
    """A clock that moves on by calls, by naps, and by a microsecond each time that it is looked at."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000_000
        self.naps_s: list[float] = []

    def __call__(self) -> int:
        self.now_ns += 1000
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        """Nap, and wake up a little late."""
        self.naps_s.append(seconds)
        self.now_ns += int(seconds * 1e9) + 60_000

    def model(self, *durations_ns: int) -> Callable[[], None]:
        """A call that takes these times in turn."""
        turns = itertools.cycle(durations_ns)

        def call() -> None:
            self.now_ns += next(turns)

        return call


def run(clock: Clock, call: Callable[[], None], bounds: Bounds, capacity: int = 1000) -> Samples:
    """One paced window from now on."""
    samples = Samples(Phase.WINDOW, capacity)
    time_paced(call, samples, bounds, period_ns=PERIOD_NS, begin_ns=clock.now_ns, clock=clock, sleep=clock.sleep)
    return samples


def late_ns(samples: Samples) -> list[int]:
    """How late each inference began."""
    anchor_ns = samples.starts_ns[0]
    return [samples.starts_ns[index] - anchor_ns - index * PERIOD_NS for index in range(samples.count)]


def test_an_inference_is_due_a_period_after_the_one_before_was() -> None:
    clock = Clock()
    samples = run(clock, clock.model(2 * MS, 7 * MS), Bounds(min_inferences=20, min_ns=0, max_ns=10**12))
    assert samples.count == 20
    assert all(0 <= late < 10_000 for late in late_ns(samples))


def test_a_late_timer_is_not_counted_because_the_end_of_the_wait_is_spun() -> None:
    clock = Clock()
    run(clock, clock.model(2 * MS), Bounds(min_inferences=5, min_ns=0, max_ns=10**12))
    assert all(0.006 < nap_s < 0.008 for nap_s in clock.naps_s)


def test_none_is_skipped_and_a_late_one_begins_at_once() -> None:
    clock = Clock()
    samples = run(clock, clock.model(4 * MS, 35 * MS, 4 * MS, 4 * MS, 4 * MS, 4 * MS, 4 * MS), ENDLESS, capacity=7)
    assert [round(late / MS) for late in late_ns(samples)] == [0, 0, 25, 19, 13, 7, 1]


def test_beyond_what_the_board_can_do_the_loop_is_closed() -> None:
    clock = Clock()
    samples = run(clock, clock.model(15 * MS), Bounds(min_inferences=1, min_ns=300 * MS, max_ns=10**12))
    assert samples.count == 20
    assert late_ns(samples)[-1] == pytest.approx(19 * 5 * MS, rel=0.01)


def test_the_window_ends_by_its_bounds() -> None:
    clock = Clock()
    by_time = run(clock, clock.model(MS), Bounds(min_inferences=3, min_ns=95 * MS, max_ns=1000 * MS))
    by_count = run(clock, clock.model(MS), Bounds(min_inferences=30, min_ns=10 * MS, max_ns=1000 * MS))
    by_maximum = run(clock, clock.model(MS), Bounds(min_inferences=30, min_ns=10 * MS, max_ns=105 * MS))
    assert (by_time.count, by_count.count, by_maximum.count) == (11, 30, 12)


def test_a_stop_ends_the_wait_and_no_further_inference_is_begun() -> None:
    clock, stop = Clock(), [False]
    samples = Samples(Phase.WINDOW, 100)

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        stop[0] = len(clock.naps_s) == 7

    time_paced(
        clock.model(MS), samples, ENDLESS, period_ns=1000 * MS, begin_ns=0, stop=stop, clock=clock, sleep=sleep
    )  # fmt: skip
    assert samples.count == 2
    assert max(clock.naps_s) == 0.25


def test_a_stop_from_before_leaves_the_one_inference_that_a_window_needs() -> None:
    clock = Clock()
    samples = Samples(Phase.WINDOW, 10)
    time_paced(clock.model(MS), samples, ENDLESS, period_ns=PERIOD_NS, begin_ns=0, stop=[True], clock=clock)
    assert (samples.count, samples.durations_ns[0] >= MS) == (1, True)


def test_a_warm_up_is_paced_too_over_all_its_stretches() -> None:
    clock = Clock()
    samples = Samples(Phase.WARM_UP, 4)
    loop = functools.partial(time_paced, period_ns=PERIOD_NS, sleep=clock.sleep)
    bounds = Bounds(min_inferences=5, min_ns=55 * MS, max_ns=10**10)
    warm_up(clock.model(2 * MS), samples, bounds, 0.02, loop=loop, clock=clock)
    assert samples.count == 7
    assert all(0 <= late < 10_000 for late in late_ns(samples))


@settings(max_examples=50)
@given(st.lists(st.integers(1, 40 * MS), min_size=1, max_size=40))
def test_none_begins_before_it_is_due_nor_later_than_it_must(durations_ns: list[int]) -> None:
    clock = Clock()
    samples = run(clock, clock.model(*durations_ns), ENDLESS, capacity=len(durations_ns))
    free_ns = [
        0,
        *(samples.starts_ns[i] + samples.durations_ns[i] - samples.starts_ns[0] for i in range(samples.count)),
    ]
    for index, late in enumerate(late_ns(samples)):
        must_wait_ns = max(0, free_ns[index] - index * PERIOD_NS)
        assert must_wait_ns <= late <= must_wait_ns + 70_000


def test_a_real_clock_is_met_within_a_millisecond_in_most_cases() -> None:
    samples = Samples(Phase.WINDOW, 20)
    time_paced(lambda: None, samples, ENDLESS, period_ns=5 * MS, begin_ns=time.monotonic_ns())
    late = sorted(samples.starts_ns[i] - samples.starts_ns[0] - i * 5 * MS for i in range(20))
    assert late[0] == 0 and late[10] < MS


def test_the_quiet_time_of_a_paced_run_is_that_of_its_pace() -> None:
    paced = replace(short_protocol(warm_up_s=0.1, window_s=1.0, min_inferences=20), pace=Pace(rate_per_s=2.0))
    warm_up_s, quiet_s = estimate_quiet_s(paced, 0.001)
    assert warm_up_s == pytest.approx(1.5) and quiet_s == pytest.approx(1.5 + 10.5 + 0.25)


@pytest.mark.integration
def test_a_run_of_the_agent_keeps_its_pace_in_warm_up_and_window(board: Board) -> None:
    pace = Pace(rate_per_s=50.0)
    protocol = replace(short_protocol(warm_up_s=0.2, window_s=0.6, min_inferences=20), pace=pace)
    records = board.run(make_spec(protocol=protocol))
    for phase, least in ((Phase.WARM_UP, 10), (Phase.WINDOW, 30)):
        (chunk,) = [record for record in records if isinstance(record, Inferences) and record.phase is phase]
        late = [start - chunk.starts_ns[0] - i * pace.period_ns for i, start in enumerate(chunk.starts_ns)]
        assert least <= len(late) <= least + 2
        assert min(late) == 0 and sorted(late)[len(late) // 2] < 5 * MS
