"""What a run may use: enough for the longest honest run, and never more than the board has."""

import pytest

from agent.wire.evaluation import Evaluation
from agent.wire.spec import Limits
from orchestrator.attending.limits import LARGEST_JOURNAL_BYTES, limits_for
from orchestrator.db.tables import DeviceRow
from orchestrator.protocols import PRESETS
from tests.orchestrator.analysis.accuracy.tasks import a_detector
from tests.orchestrator.yard import Yard, submit
from tests.pretended_board import PretendedBoard
from tests.small_farm import set_columns

GiB = 2**30


@pytest.mark.parametrize("name", PRESETS)
def test_the_wall_is_behind_the_longest_run_that_a_protocol_allows(name: str) -> None:
    protocol = PRESETS[name].protocol
    wall_s = limits_for(protocol, None, 0.8).wall_s
    longest_s = protocol.recorded_idle_s + protocol.warm_up.max_s + protocol.window.max_s
    assert longest_s + 600 < wall_s < longest_s + 3000


def test_an_evaluation_may_take_longer_and_say_more_with_every_example() -> None:
    protocol, task = PRESETS["quick"].protocol, a_detector(most=300)
    few, many, all_of_them = (
        limits_for(
            protocol,
            None,
            0.8,
            Evaluation(dataset_id="a" * 64, main_file="set.npz", task=task, examples=tuple(map(str, range(count)))),
        )
        for count in (10, 5000, 50_000)
    )
    assert few.wall_s < many.wall_s < all_of_them.wall_s
    assert few.journal_bytes < 5000 * 300 * 32 < many.journal_bytes < all_of_them.journal_bytes == LARGEST_JOURNAL_BYTES


def test_the_memory_is_a_share_of_the_boards() -> None:
    protocol = PRESETS["quick"].protocol
    assert limits_for(protocol, 4 * GiB, 0.5).rss_bytes == 2 * GiB
    assert limits_for(protocol, None, 0.5).rss_bytes is None


def test_a_run_is_started_with_the_limits_of_its_board(yard: Yard, board: PretendedBoard) -> None:
    set_columns(yard.database, DeviceRow, 1, probe={"memory_bytes": 10 * GiB, "runtimes": {"onnxruntime": "1.32.0"}})
    submit(yard)
    yard.visit()
    (run,) = board.runs.values()
    assert run.spec.limits == Limits(wall_s=1800.0, rss_bytes=8 * GiB)
