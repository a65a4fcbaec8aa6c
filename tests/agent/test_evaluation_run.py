"""A data set answered by the real agent: what comes back, what a cut costs, and how it ends early."""

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from agent.detection.detecting import detect
from agent.tasks import prepare
from agent.wire.answers import LostCause, RefusedBecause, RunState
from agent.wire.evaluation import Evaluation, Predicted
from agent.wire.journal import Cursor, read_lines
from agent.wire.records import Ended, Fault, Inferences, Loaded, Outcome, Phase, Record, Telemetry
from agent.wire.spec import Gate, RunSpec
from orchestrator.datasets.task_file import read_task
from orchestrator.demo.detection import FILES, TASK_FILE
from orchestrator.demo.detection.scenes import VALIDATION_SEED, draw_scene, held_out_glyphs
from tests.agent.board import Board, ended, kill, phases, wait_for, wait_gone
from tests.agent.specs import make_spec, short_protocol

pytestmark = pytest.mark.integration
DATA_ID = "abcdef0123456789"
EXAMPLES = tuple(f"{number}" for number in range(200))
OPEN = short_protocol(gate=Gate(live_bits_clear=False, timeout_s=0))
Rows = tuple[tuple[float, ...], ...]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A staged data set of 200 parts of a few scenes, in several sizes, so that they lie in letterboxes."""
    glyphs = held_out_glyphs()
    scenes = [draw_scene(glyphs, VALIDATION_SEED, number).levels for number in range(4)]
    path = tmp_path_factory.mktemp("data") / "set.npz"
    parts: dict[str, Any] = {name: scenes[int(name) % 4][: 60 + int(name) % 37, int(name) % 23 :] for name in EXAMPLES}
    np.savez(path, **parts)
    return path


@pytest.fixture
def asked(board: Board, pictures: Path) -> Board:
    """A board with the small detector and the data set."""
    shutil.copy(FILES / "slim.onnx", board.artifact / "detector.onnx")
    folder = board.home / "artifacts" / DATA_ID
    folder.mkdir()
    shutil.copy(pictures, folder / "set.npz")
    return board


def ask(examples: Sequence[str] = EXAMPLES, *, attempt: int = 1, **changes: Any) -> RunSpec:
    """A spec that asks the detector about examples."""
    evaluation = Evaluation(
        dataset_id=DATA_ID, main_file="set.npz", task=read_task(TASK_FILE), examples=tuple(examples)
    )
    given = {"main_file": "detector.onnx", "runtime": "onnxruntime", "runtime_options": {}, "evaluation": evaluation}
    return make_spec("accuracy", attempt=attempt, protocol=OPEN, **{**given, **changes})


def pretend(count: int, **options: Any) -> RunSpec:
    """A spec that asks a pretended network, which has neither inputs nor outputs."""
    spec = ask([f"{number}" for number in range(count)], runtime="scripted", main_file="model.onnx")
    assert spec.evaluation is not None
    return dataclasses.replace(
        spec, evaluation=dataclasses.replace(spec.evaluation, task=None), runtime_options={"median_ms": 1.0, **options}
    )


def answers(records: Sequence[Record]) -> dict[str, Rows]:
    """The rows of each example."""
    chunks = [record for record in records if isinstance(record, Predicted)]
    return {name: rows for each in chunks for name, rows in zip(each.examples, each.rows(), strict=True)}


@pytest.fixture(scope="module")
def right(pictures: Path) -> dict[str, Rows]:
    """What the detector says when it is asked and decoded here."""
    task, found = read_task(TASK_FILE), {}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(FILES / "slim.onnx", options, providers=["CPUExecutionProvider"])
    with np.load(pictures) as arrays:
        for name in EXAMPLES:
            levels = arrays[name]
            outputs = session.run(None, {"images": prepare(levels, task.image)})
            each = detect(outputs, task, width=levels.shape[1], height=levels.shape[0])
            rows = np.column_stack([each.boxes, each.scores, each.classes]).astype(np.float32)
            found[name] = tuple(map(tuple, rows.tolist()))
    return found


def test_a_board_answers_every_example_as_decoding_here_does(asked: Board, right: dict[str, Rows]) -> None:
    records = asked.run(ask())
    assert phases(records) == [Phase.GATE, Phase.LOAD, Phase.EVALUATING, Phase.END]
    assert ended(records).outcome is Outcome.COMPLETED
    found = answers(records)
    assert tuple(found) == EXAMPLES and sum(map(len, found.values())) > 1000
    assert found == right
    assert any(isinstance(record, Loaded) for record in records)
    assert not any(isinstance(record, Inferences) for record in records)
    assert sum(len(record.at_ns) for record in records if isinstance(record, Telemetry)) > 1


def test_an_attempt_that_was_killed_keeps_its_answers_and_another_gives_the_rest(
    asked: Board, right: dict[str, Rows]
) -> None:
    first = ask()
    asked.start(first)
    wait_for(lambda: b'"kind":"predicted"' in asked.folder(first).journal.read_bytes())
    for process in asked.processes(first):
        kill(process)
        wait_gone(process)
    status, journal = asked.status(first)
    assert (status.state, status.cause) == (RunState.LOST, LostCause.AGENT_DIED)
    for torn in (0, 1, 100):  # what a power cut may have taken of it
        kept = answers([record for _, record in read_lines(journal[: len(journal) - torn], Cursor())])
        assert kept == {name: right[name] for name in kept}
    kept = answers([record for _, record in read_lines(journal, Cursor())])
    assert 64 <= len(kept) < len(EXAMPLES)
    second = ask([name for name in EXAMPLES if name not in kept], attempt=2)
    assert kept | answers(asked.run(second)) == right


def test_how_far_it_is_can_be_asked_and_it_can_be_ended(asked: Board) -> None:
    spec = pretend(60_000, median_ms=2.0)
    status = asked.start(spec)
    assert status.phase is Phase.EVALUATING and status.progress is not None and status.progress.of == 60_000
    wait_for(lambda: (progress := asked.status(spec)[0].progress) is not None and progress.done >= 64)
    asked.abort(spec)
    records = asked.finish(spec)
    assert ended(records).outcome is Outcome.ABORTED and len(answers(records)) >= 64


@pytest.mark.parametrize(
    ("options", "fault", "code"),
    [
        ({"crash_at": 71, "crash_signal": "SIGSEGV"}, Fault.MODEL, "crashed:SIGSEGV"),
        ({"fail_at": 71}, Fault.MODEL, "inference_failed"),
    ],
)
def test_what_ends_it_is_told_with_the_example_at_hand(
    asked: Board, options: dict[str, Any], fault: Fault, code: str
) -> None:
    records = asked.run(pretend(100, **options))
    end: Ended = ended(records)
    assert (end.fault, end.code) == (fault, code)
    assert end.message.startswith("example 70, 71 of 100: ")
    assert len(answers(records)) >= 64


def test_a_network_of_another_size_is_told_with_both_sizes(asked: Board) -> None:
    end = ended(asked.run(ask(main_file="model.onnx")))
    assert (end.fault, end.code) == (Fault.SPEC, "unfit_input")
    assert "input input: the network takes ['batch', 32], the example has [1, 3, 128, 128]" in end.message


def test_answers_that_the_journal_cannot_hold_end_it(asked: Board) -> None:
    limits = dataclasses.replace(make_spec().limits, journal_bytes=4000)
    end = ended(asked.run(ask(limits=limits)))
    assert (end.fault, end.code) == (Fault.SPEC, "too_many_answers")


def test_a_data_set_that_was_not_staged_is_refused_by_name(board: Board) -> None:
    refused = board.refuse(pretend(3))
    assert refused.because is RefusedBecause.NO_ARTIFACT and f"artifacts/{DATA_ID}/set.npz" in refused.message
