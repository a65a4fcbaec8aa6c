"""What a paced run comes to: due times, misses, queues, and the three answers."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.spec import Pace
from orchestrator.analysis.pacing import ALLOWED_MISSES, PaceAnswer, latencies_from_due, summarise_pace
from orchestrator.db.columns import InferenceColumns, join_inferences
from orchestrator.protocols import LEAST_TO_HOLD

MS = 1_000_000
TEN_A_SECOND = Pace(rate_per_s=10.0)


def serve(durations_ms: Sequence[float], pace: Pace = TEN_A_SECOND, *, segment: int = 0) -> InferenceColumns:
    """What the agent would have seen of inferences that take these times: none skipped, a late one begun at once."""
    starts, free_ns, begin_ns = list[int](), 0, (1 + 1000 * segment) * 1000 * MS
    for index, duration_ms in enumerate(durations_ms):
        starts.append(max(begin_ns + index * pace.period_ns, free_ns))
        free_ns = starts[-1] + int(duration_ms * MS)
    return InferenceColumns(
        starts_ns=np.array(starts, np.int64),
        durations_ns=np.array([int(each * MS) for each in durations_ms], np.int64),
        is_counted=np.ones(len(starts), np.bool_),
        segments=np.full(len(starts), segment),
    )


def test_a_board_that_is_always_in_time_holds_the_rate_from_enough_inferences_on() -> None:
    enough, fewer = (summarise_pace(serve([40.0] * count), TEN_A_SECOND) for count in (LEAST_TO_HOLD, 298))
    assert (enough.answer, fewer.answer) == (PaceAnswer.HELD, PaceAnswer.CANNOT_TELL)
    assert enough.missed_high <= ALLOWED_MISSES < fewer.missed_high
    assert (enough.offered, enough.missed, enough.missed_low, enough.backlog) == (LEAST_TO_HOLD, 0, 0.0, 0)
    assert (enough.latency.median_ns, enough.late_wake_ns) == (40.0 * MS, 0.0)
    assert enough.busy == pytest.approx(0.4)


def test_a_rate_beyond_the_board_grows_a_backlog_whatever_the_deadline() -> None:
    patient = Pace(rate_per_s=10.0, deadline_s=3600.0)
    summary = summarise_pace(serve([120.0] * 100), patient)
    assert (summary.answer, summary.backlog_grows, summary.missed) == (PaceAnswer.NOT_HELD, True, 0)
    assert (summary.backlog, summary.late_wake_ns) == (21, None)
    assert summary.busy == pytest.approx(1.2)


def test_those_that_still_wait_when_their_deadline_passes_are_missed_too() -> None:
    summary = summarise_pace(serve([1000.0] * 3), TEN_A_SECOND)
    assert (summary.offered, summary.missed) == (30, 30)
    assert summary.latency.samples == 3


def test_one_slow_inference_delays_those_behind_it() -> None:
    latencies_ms = latencies_from_due(serve([50.0, 250.0, 50.0, 50.0, 50.0, 50.0]), TEN_A_SECOND) / MS
    assert latencies_ms.tolist() == [50.0, 250.0, 200.0, 150.0, 100.0, 50.0]
    summary = summarise_pace(serve([50.0, 250.0, 50.0, 50.0, 50.0, 50.0]), TEN_A_SECOND)
    assert (summary.missed, summary.missed_share, summary.backlog_grows) == (3, 0.5, False)


def test_each_segment_has_due_times_of_its_own() -> None:
    both = join_inferences([serve([40.0] * 5), serve([60.0] * 5, segment=1)])
    assert set(latencies_from_due(both, TEN_A_SECOND).tolist()) == {40 * MS, 60 * MS}
    assert summarise_pace(both, TEN_A_SECOND).offered == 10


def test_a_deadline_of_its_own_counts_instead_of_the_period() -> None:
    strict = Pace(rate_per_s=10.0, deadline_s=0.03)
    assert summarise_pace(serve([40.0] * 10), strict).missed == 10


def test_misses_that_come_in_rows_say_less_than_as_many_single_ones() -> None:
    slow_apart = [150.0 if index % 20 == 0 else 40.0 for index in range(400)]
    slow_in_rows = [150.0 if index % 200 < 10 else 40.0 for index in range(400)]
    apart, in_rows = (summarise_pace(serve(each), TEN_A_SECOND) for each in (slow_apart, slow_in_rows))
    assert apart.missed_high - apart.missed_share < in_rows.missed_high - in_rows.missed_share
    assert apart.answer is PaceAnswer.NOT_HELD


def test_a_late_timer_is_told_apart() -> None:
    served = serve([40.0] * 5)
    served.starts_ns[1:] += 2 * MS
    assert summarise_pace(served, TEN_A_SECOND).late_wake_ns == 2 * MS


def test_without_a_counted_inference_there_is_no_summary() -> None:
    nothing = join_inferences([])
    with pytest.raises(ValueError, match="at least one"):
        summarise_pace(nothing, TEN_A_SECOND)


@given(
    st.lists(st.floats(0.001, 1e9), min_size=1, max_size=60),
    st.builds(Pace, rate_per_s=st.floats(0.001, 10_000), deadline_s=st.none() | st.floats(1e-6, 1e6)),
)
def test_whatever_a_board_says_the_figures_are_finite(durations_ms: list[float], pace: Pace) -> None:
    summary = summarise_pace(serve(durations_ms, pace), pace)
    assert 0 <= summary.missed_low <= summary.missed_share <= summary.missed_high <= 1
    assert summary.missed <= summary.offered and summary.backlog >= 0
