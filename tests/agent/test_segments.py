"""Bursts that heat ends: too short a window sends the run back to its gate, in the same attempt and process."""

import functools
import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol import HEAT_FLOOR, SLOW_HEAT_FLOOR, SLOW_NS, Bounds, Reading, heat_floor, is_hot, rest_of
from agent.wire.answers import RunState, Status
from agent.wire.journal import Cursor, read_lines
from agent.wire.records import Environment, GatePassed, Inferences, Outcome, Phase, Record, StoppedBy
from agent.wire.spec import Gate, RunSpec, Window
from orchestrator.analysis import facts
from orchestrator.attending.journal_order import Progress
from tests.agent.board import Board, ended, phases, wait_for
from tests.agent.specs import make_spec, short_protocol
from tests.agent.trees import PiTree

WINDOW = Window(min_inferences=30, min_s=60, max_s=300, stop_c=77.0)
ROUND = [Phase.GATE, Phase.READY, Phase.WARM_UP, Phase.WINDOW]


@pytest.mark.parametrize(("median_s", "floor"), [(0.01, 20), (1.0, 20), (1.01, 8)])
def test_a_slow_model_needs_fewer_inferences(median_s: float, floor: int) -> None:
    assert heat_floor(WINDOW, median_s * 1e9) == floor


def test_the_verdict_asks_for_as_many_as_the_agent() -> None:
    assert (HEAT_FLOOR, SLOW_HEAT_FLOOR, SLOW_NS) == (facts.HEAT_FLOOR, facts.SLOW_HEAT_FLOOR, facts.SLOW_NS)


def test_no_more_are_needed_than_the_protocol_wants() -> None:
    assert heat_floor(Window(min_inferences=5, min_s=0, max_s=1), 1e6) == 5


def test_heat_is_the_limit_of_the_die_or_most_of_a_known_onset() -> None:
    hot, cool, blind = (Reading(at_s=0.0, temperature_c=now_c) for now_c in (77.0, 76.9, None))
    known = Window(min_inferences=1, min_s=0, max_s=1, onset_s=40.0)
    assert is_hot(WINDOW, hot, 0.0)
    assert not is_hot(WINDOW, cool, 1e6) and not is_hot(WINDOW, blind, 1e6)
    assert is_hot(known, blind, 32.0) and not is_hot(known, hot, 31.9)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 10**9)), max_size=5))
def test_the_bounds_hold_for_all_segments_together(segments: list[tuple[int, int]]) -> None:
    whole = left = Bounds(min_inferences=30, min_ns=2 * 10**9, max_ns=10**10)
    for inferences, lasted_ns in segments:
        left = rest_of(left, inferences, lasted_ns)
    count, lasted = sum(each[0] for each in segments), sum(each[1] for each in segments)
    assert left == rest_of(whole, count, lasted)
    assert left.min_inferences == max(0, 30 - count) and left.max_ns == 10**10 - lasted


@pytest.fixture
def hot_spec(board: Board, tmp_path: Path) -> RunSpec:
    """A run on a board that is always at the limit, so that each segment brings the one inference it cannot avoid."""
    tree = PiTree(tmp_path / "root")
    tree.install_vcgencmd()
    tree.heat(80.0)
    return make_spec(protocol=short_protocol(window_s=1.0, min_inferences=3, stop_c=77.0, segments=4))


@pytest.mark.integration
def test_segments_are_measured_until_there_are_enough_inferences(board: Board, hot_spec: RunSpec) -> None:
    told = board.start(hot_spec)
    _, measuring = board.processes(hot_spec)
    records = visit_when_told(board, hot_spec, told)
    assert phases(records)[:5] == [Phase.GATE, Phase.LOAD, *ROUND[1:]]
    assert phases(records)[5:] == [*ROUND, *ROUND, Phase.END]
    assert segments_of(records, Phase.WINDOW) == {0: 1, 1: 1, 2: 1}
    assert set(segments_of(records, Phase.WARM_UP)) == {0, 1, 2}
    assert len([record for record in records if isinstance(record, GatePassed)]) == 3
    end = ended(records)
    assert (end.outcome, end.stopped_by, end.back_to_gate) == (Outcome.COMPLETED, StoppedBy.HEAT, 0)
    assert end.contacts_ns == ()
    assert board.processes(hot_spec)[1] == measuring
    assert_in_order(records)


@pytest.mark.integration
def test_segments_are_given_up_after_as_many_as_the_protocol_allows(board: Board) -> None:
    onset = short_protocol(window_s=0.0, min_inferences=30, onset_s=0.5, segments=2)
    records = board.run(make_spec(protocol=onset, runtime_options={"median_ms": 100.0}))
    counts = segments_of(records, Phase.WINDOW)
    assert set(counts) == {0, 1} and sum(counts.values()) < 20
    assert (ended(records).outcome, ended(records).stopped_by) == (Outcome.COMPLETED, StoppedBy.HEAT)
    assert_in_order(records)


@pytest.mark.integration
def test_a_heat_stop_with_enough_inferences_needs_no_further_segment(board: Board) -> None:
    onset = short_protocol(window_s=5.0, min_inferences=30, onset_s=0.8, segments=4)
    records = board.run(make_spec(protocol=onset, runtime_options={"median_ms": 2.0}))
    assert set(segments_of(records, Phase.WINDOW)) == {0}
    assert ended(records).stopped_by is StoppedBy.HEAT


@pytest.mark.integration
def test_a_prepared_board_gets_its_governor_again_before_the_run_and_after_a_throttle(
    board: Board, tmp_path: Path
) -> None:
    tree = PiTree(tmp_path / "root")
    tree.install_vcgencmd()
    tree.heat(80.0)
    tree.answer("get_throttled", "throttled=0x4")
    policy = "sys/devices/system/cpu/cpufreq/policy0"
    tree.put(f"{policy}/scaling_governor", "ondemand\n")
    wanted = {"policy0": {"scaling_governor": "performance"}}
    (board.home / "tuning.json").write_text(json.dumps({"before": {}, "wanted": wanted}))
    gate = Gate(live_bits_clear=False)
    protocol = short_protocol(gate=gate, window_s=1.0, min_inferences=2, stop_c=77.0, segments=2)
    records = board.run(make_spec(protocol=protocol))
    (environment,) = [record for record in records if isinstance(record, Environment)]
    first, second = [record for record in records if isinstance(record, GatePassed)]
    assert environment.facts["governor_renewed"] in (True, False)
    assert environment.facts["governor"] == "performance"
    assert "governor_renewed" not in first.reason and "governor_renewed" in second.reason
    assert (tree.root / policy / "scaling_governor").read_text().strip() == "performance"


def visit_when_told(board: Board, spec: RunSpec, told: Status) -> list[Record]:
    """Be a farm: come when the board said, until the run has ended; its records."""
    journal, due_s = b"", time.monotonic() + (told.next_report_in_s or 0.0)
    while True:
        wait_for(functools.partial(is_past, due_s))
        status, more = board.status(spec, len(journal))
        journal += more
        if status.state is RunState.ENDED and not status.next_report_in_s:
            return [record for _, record in read_lines(journal, Cursor())]
        due_s = time.monotonic() + (status.next_report_in_s or 0.0)


def is_past(at_s: float) -> bool:
    """Whether the monotonic clock is at a time."""
    return time.monotonic() >= at_s


def segments_of(records: Sequence[Record], phase: Phase) -> dict[int, int]:
    """How many inferences of a phase each segment has; their numbering goes on over all of them."""
    chunks = [record for record in records if isinstance(record, Inferences) and record.phase is phase]
    counts: dict[int, int] = {}
    for chunk in chunks:
        assert chunk.first_index == sum(counts.values())
        counts[chunk.segment] = counts.get(chunk.segment, 0) + len(chunk.starts_ns)
    return counts


def assert_in_order(records: Sequence[Record]) -> None:
    """The orchestrator takes this journal."""
    progress = Progress()
    for record in records:
        progress.take(record)
    assert progress.is_ended
