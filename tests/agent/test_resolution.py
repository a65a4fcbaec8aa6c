"""How finely a sustained run is written down: few bytes, no error that a figure could show, order kept."""

import itertools
import random
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.frames import Chunk
from agent.resolution import LONGEST_UNIT_NS, Resolution, unit_for
from agent.wire.journal import encode_line
from agent.wire.records import Phase
from agent.wire.spec import Regime
from tests.agent.specs import short_protocol

BURST = short_protocol()
SOAK = short_protocol(regime=Regime.SUSTAINED)
ORIGIN_NS = 987_654_321
TIMED = st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 10**8)), min_size=1, max_size=20)


def chunk_of(timed: list[tuple[int, int]], from_ns: int = ORIGIN_NS) -> Chunk:
    """A chunk of (gap before, duration), nanoseconds."""
    starts, end = [], from_ns
    for gap, duration in timed:
        starts.append(end + gap)
        end = starts[-1] + duration
    return Chunk(
        phase=Phase.WINDOW,
        segment=0,
        first_index=0,
        starts_ns=array("q", starts),
        durations_ns=array("q", [duration for _, duration in timed]),
    )


@given(TIMED)
def test_a_burst_is_written_down_to_the_nanosecond(timed: list[tuple[int, int]]) -> None:
    record = Resolution(BURST).record(chunk_of(timed), ORIGIN_NS).unpacked()
    assert record.durations_ns == tuple(duration for _, duration in timed)
    assert (record.starts_ns[0], record.unit_ns) == (timed[0][0], 1)


@given(TIMED)
def test_a_soak_is_off_by_less_than_a_ten_thousandth_and_no_error_adds_up(timed: list[tuple[int, int]]) -> None:
    chunk = chunk_of(timed)
    record = Resolution(SOAK).record(chunk, ORIGIN_NS).unpacked()
    for start, said in zip(chunk.starts_ns, record.starts_ns, strict=True):
        assert 0 <= start - ORIGIN_NS - said < min(record.unit_ns, LONGEST_UNIT_NS + 1)
    for duration, said in zip(chunk.durations_ns, record.durations_ns, strict=True):
        assert abs(said - duration) < max(min(chunk.durations_ns) * 1e-4, 1)


@given(st.lists(TIMED, min_size=2, max_size=6))
def test_chunks_of_whatever_pace_stay_in_their_order(chunks: list[list[tuple[int, int]]]) -> None:
    resolution, from_ns, records = Resolution(SOAK), ORIGIN_NS, []
    for timed in chunks:
        records.append(resolution.record(chunk_of(timed, from_ns), ORIGIN_NS).unpacked())
        from_ns += sum(gap + duration for gap, duration in timed)
    for before, after in itertools.pairwise(records):
        assert before.end_ns <= after.starts_ns[0]
        assert before.unit_ns >= after.unit_ns


@pytest.mark.parametrize(
    ("shortest_ns", "unit_ns"),
    [
        (1, 1),
        (32_767, 1),
        (32_768, 2),
        (300_000, 16),
        (1_000_000, 32),
        (2_097_151, 64),
        (2_097_152, 128),
        (10**10, 128),
    ],
)
def test_the_unit_follows_the_shortest_inference(shortest_ns: int, unit_ns: int) -> None:
    assert unit_for(shortest_ns) == unit_ns


@pytest.mark.parametrize("cv", [0.01, 0.03])
@pytest.mark.parametrize("mean_ns", [300_000, 1_000_000, 5_000_000, 10_000_000])
def test_an_inference_of_a_soak_takes_at_most_four_bytes_of_the_journal(mean_ns: int, cv: float) -> None:
    noise = random.Random(1)
    timed = [(noise.randint(1_000, 50_000), round(mean_ns * noise.lognormvariate(0, cv))) for _ in range(4096)]
    line = encode_line(1000, Resolution(SOAK).record(chunk_of(timed), ORIGIN_NS))
    assert len(line) <= 4 * len(timed)
