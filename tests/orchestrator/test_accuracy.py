"""Accuracy studies against a board in memory: staged, answered, resumed, scored, and shown in place of declarations."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from sqlalchemy import select

from agent.wire.answers import LostCause
from agent.wire.codec import encode
from agent.wire.evaluation import DETECTION_ROW, Predicted, pack_predictions
from agent.wire.records import Record
from agent.wire.spec import RunSpec
from agent.wire.task import Decoder, Detection, ImageInput, Task, TaskKind
from orchestrator import catalog, studies
from orchestrator.attending import scoring
from orchestrator.attending.lifecycle import RunState, StudyKind, Verdict
from orchestrator.boards import quota
from orchestrator.datasets.catalog import add_dataset, find_dataset
from orchestrator.db.accuracy_tables import ScoreRow
from orchestrator.db.model_tables import BuildRow
from orchestrator.db.tables import AttemptRow
from orchestrator.errors import NotFoundError, SpecError
from orchestrator.evaluation_plan import plan_evaluation
from orchestrator.export import export_study
from orchestrator.protocols import answering
from orchestrator.queries.account import account_for
from orchestrator.queries.forecast import forecast_study
from orchestrator.queries.leaderboard import leaderboard
from orchestrator.queries.models import get_model
from orchestrator.queries.rows import RunView
from orchestrator.queries.runs import list_runs
from orchestrator.queries.scores import study_scores
from orchestrator.queries.studies import get_study
from orchestrator.report import write_report
from tests.journals import evaluated_records
from tests.orchestrator.datasets.folders import a_document, write_folder
from tests.orchestrator.yard import Yard, submit
from tests.pretended_board import PretendedBoard, complete
from tests.small_farm import BUNDLE_HASH

TASK = Task(
    kind=TaskKind.DETECTION,
    image=ImageInput(width=8, height=8),
    classes=("cat", "dog"),
    detection=Detection(decoder=Decoder.YOLOV8),
)
DOG = [1.0, 1.0, 3.0, 3.0, 0.9, 1.0]  # where `a_document` has it, in image 4
MODEL = "yolov9-c"


@pytest.fixture
def pets(yard: Yard, board: PretendedBoard, tmp_path: Path) -> Yard:
    """A yard whose model has a task, and two images of pets."""
    catalog.set_task(yard.farm, MODEL, TASK)
    add_dataset(yard.farm, "pets", write_folder(tmp_path / "pets"))
    board.outcome = answers()
    return yard


def answers(rows: Sequence[Sequence[float]] = (DOG,), until: int | None = None) -> Callable[[RunSpec], list[Record]]:
    """Every example gets these rows; `until` cuts the journal behind so many examples."""

    def outcome(spec: RunSpec) -> list[Record]:
        assert spec.evaluation is not None
        asked = spec.evaluation.examples
        chunks = [pack_predictions([name], [rows], DETECTION_ROW) for name in asked[:until]]
        records = evaluated_records(spec.run_id, spec.attempt, asked)
        first = next(number for number, each in enumerate(records) if isinstance(each, Predicted))
        rest = [each for each in records[first:] if not isinstance(each, Predicted)]
        return [*records[:first], *chunks, *(rest if until is None else [])]

    return outcome


def ask(yard: Yard, *, dataset: str = "pets", variant: str = "fp32", devices: Sequence[str] = ()) -> int:
    return studies.submit(yard.database, submission(yard, dataset=dataset, variant=variant, devices=devices))


def submission(
    yard: Yard, *, dataset: str = "pets", variant: str = "fp32", devices: Sequence[str] = (), count: int = 500
) -> studies.Submission:
    """Two images have two answers; `count` of one asks for fewer."""
    planned = plan_evaluation(yard.farm, MODEL, dataset, count, seed=0)
    return studies.Submission(
        model=MODEL,
        protocol=answering(len(planned.examples)),
        blocks=1,
        bundle_hash=BUNDLE_HASH,
        variants=(variant,),
        devices=devices,
        kind=StudyKind.ACCURACY,
        evaluation=planned,
    )


def only_run(yard: Yard, study: int) -> RunView:
    (run,) = list_runs(yard.database, study=study)
    return run


def test_a_board_gets_the_examples_and_answers_are_scored(pets: Yard, board: PretendedBoard) -> None:
    study = ask(pets)
    pets.work()
    run = only_run(pets, study)
    assert (run.state, run.verdict, run.median_ms, run.samples) == (RunState.DONE, Verdict.VALID, None, None)
    assert any(name.endswith("/set.npz") for name in board.pushed)
    assert not any("truth" in name for name in board.pushed)
    (found,) = study_scores(pets.database, study)
    assert (found.dataset, found.examples, found.objects) == ("pets", 2, 1)
    assert found.metrics["mAP50"] == {"value": 1.0, "source": "measured", "dataset": "pets", "examples": 2}
    assert [(entry["name"], entry["mAP50"]) for entry in found.by_class] == [("cat", None), ("dog", 1.0)]
    assert found.by_size[0]["name"] == "small" and found.by_size[0]["mAP50"] == 1.0
    assert account_for(pets.database, run.run).scores == found
    assert board.disturbances == 0 and board.runs == {}


def test_the_time_of_answers_is_foretold_by_the_example(pets: Yard) -> None:
    ask(pets)
    pets.work()
    with pets.database.write() as session:
        (attempt,) = session.scalars(select(AttemptRow))
        attempt.started_at_s, attempt.closed_at_s, attempt.gate = 1000.0, 1030.0, {"waited_s": 10.0}
    half = submission(pets, count=1)
    (board,) = forecast_study(pets.database, half, studies.outline(pets.database, half)).boards
    assert board.run_s == pytest.approx(10.0)


def test_another_attempt_is_asked_for_the_rest_and_all_attempts_are_scored(pets: Yard, board: PretendedBoard) -> None:
    board.outcome = answers(until=1)
    study = ask(pets)
    pets.visit()
    (first,) = board.runs.values()
    assert first.spec.evaluation is not None and first.spec.evaluation.examples == ("4", "9")
    first.lost, board.outcome = LostCause.REBOOTED, answers()
    pets.clock.wait(board.quiet_s)
    pets.visit()
    (second,) = (run for name, run in board.runs.items() if name.endswith(".2"))
    assert second.spec.evaluation is not None and second.spec.evaluation.examples == ("9",)
    far = get_study(pets.database, study).answering
    assert far is not None and (far.dataset, far.answered, far.examples) == ("pets", 1, 2)
    pets.work()
    (found,) = study_scores(pets.database, study)
    assert (found.examples, found.metrics["mAP50"]["value"]) == (2, 1.0)


def test_an_end_that_was_lost_behind_all_answers_costs_one_example(pets: Yard, board: PretendedBoard) -> None:
    board.outcome = answers(until=2)
    study = ask(pets)
    pets.visit()
    (first,) = board.runs.values()
    first.lost, board.outcome = LostCause.AGENT_DIED, answers([])
    pets.clock.wait(board.quiet_s)
    pets.work()
    assert only_run(pets, study).state is RunState.DONE
    assert study_scores(pets.database, study)[0].metrics["mAP50"]["value"] == 1.0, "the first answer counts"


@pytest.mark.parametrize(
    ("outcome", "complaint"),
    [
        (lambda spec: evaluated_records(spec.run_id, spec.attempt, ["4"]), "expected an answer to each example"),
        (answers([[0.0, 0.0, 1.0, 1.0, 0.5, 2.0]]), r"expected classes 0\.\.1, got 2"),
    ],
)
def test_a_board_that_answers_what_nobody_asked_is_not_believed(
    pets: Yard, board: PretendedBoard, outcome: Callable[[RunSpec], list[Record]], complaint: str
) -> None:
    board.outcome = outcome
    study = ask(pets)
    pets.work()
    run = only_run(pets, study)
    assert run.state is RunState.FAILED and run.code == "journal_damaged"
    assert complaint.replace("\\", "") in run.message
    assert study_scores(pets.database, study) == ()


def test_scores_take_the_place_of_what_was_declared_on_such_boards_only(pets: Yard, board: PretendedBoard) -> None:
    pets.add_board("sim", simulated=True)
    with pets.database.write() as session:
        for build in session.scalars(select(BuildRow)):
            build.metrics = {"mAP50": {"value": 0.5, "source": "declared"}}
    ask(pets, devices=("pi5",))
    pets.work()
    board.outcome = complete
    study = submit(pets, variants=("fp32", "int8"))
    for device_id in pets.boards:
        pets.work(device_id)
    sources = {
        (row.simulated, row.variant.partition("@")[0]): (row.metrics["mAP50"]["value"], row.metrics["mAP50"]["source"])
        for row in leaderboard(pets.database, study=study).rows
    }
    assert sources == {
        (False, "fp32"): (1.0, "measured"),
        (False, "int8"): (0.5, "declared"),
        (True, "fp32"): (0.5, "declared"),
        (True, "int8"): (0.5, "declared"),
    }
    fp32, int8 = get_model(pets.database, MODEL).builds
    assert [(each.board_type, each.simulated) for each in fp32.measured] == [("pi5", False)]
    assert int8.measured == ()


def test_a_newer_data_set_speaks_for_a_model_alone(pets: Yard, board: PretendedBoard, tmp_path: Path) -> None:
    ask(pets)
    ask(pets, variant="int8")
    fewer = a_document(annotations=a_document()["annotations"][:1])
    add_dataset(pets.farm, "newer", write_folder(tmp_path / "newer", fewer))
    ask(pets, dataset="newer")
    pets.work()
    fp32, int8 = get_model(pets.database, MODEL).builds
    assert [each.metrics["mAP50"]["dataset"] for each in fp32.measured] == ["newer"]
    assert int8.measured == (), "it was not asked about the newer one"


def test_an_accuracy_study_is_listed_and_never_ranked_and_not_extended(pets: Yard) -> None:
    study = ask(pets)
    pets.work()
    assert get_study(pets.database, study).kind is StudyKind.ACCURACY
    assert leaderboard(pets.database).rows == leaderboard(pets.database, study=study).rows == ()
    with pytest.raises(SpecError, match="it answers a data set"):
        studies.extend(pets.database, study, 1)


def test_scores_are_made_again_from_the_answers(pets: Yard) -> None:
    study = ask(pets)
    pets.work()
    before = study_scores(pets.database, study)
    with pets.database.write() as session:
        session.get_one(ScoreRow, before[0].run).metrics = {}
    assert scoring.rescore_all(pets.farm) == 1
    assert study_scores(pets.database, study) == before


def test_an_export_has_the_scores_and_says_how_they_came(pets: Yard, tmp_path: Path) -> None:
    study = ask(pets)
    pets.work()
    folder = export_study(pets.database, study, tmp_path / "out")
    scores = parquet.read_table(folder / "scores.parquet").to_pylist()
    assert [(row["part"], row["name"], row["value"]) for row in scores if row["metric"] == "mAP50"] == [
        *[("all", "", 1.0), ("class", "cat", None), ("class", "dog", 1.0)],
        *[("size", "small", 1.0), ("size", "medium", None), ("size", "large", None)],
    ]
    (variant,) = parquet.read_table(folder / "variants.parquet").to_pylist()
    assert json.loads(variant["measured"])[0]["metrics"]["mAP50"]["source"] == "measured"
    methods = (folder / "methods.txt").read_text()
    assert "answered the same 2 examples of pets, drawn by seed 0" in methods and "warm" not in methods


@pytest.mark.parametrize("ending", ["html", "pdf"])
def test_a_report_has_the_scores(pets: Yard, tmp_path: Path, ending: str) -> None:
    study = ask(pets)
    pets.work()
    write_report(pets.database, study, tmp_path / f"report.{ending}")
    if ending == "html":
        page = (tmp_path / "report.html").read_text(encoding="utf-8")
        assert "How right they were" in page and "can be ranked" not in page


def test_a_data_set_that_a_run_waits_for_is_kept_on_its_board(pets: Yard, board: PretendedBoard) -> None:
    ask(pets)
    _, waiting = quota._uses(pets.database, 1)
    with pets.database.read() as session:
        assert find_dataset(session, "pets").artifact_id in waiting


def test_what_does_not_fit_is_refused_before_anything_is_stored(pets: Yard, tmp_path: Path) -> None:
    for name, document in (
        ("fish", a_document(categories=[{"id": 1, "name": "cat"}, {"id": 18, "name": "fish"}])),
        ("empty", a_document(annotations=[])),
    ):
        add_dataset(pets.farm, name, write_folder(tmp_path / name, document))
    with pytest.raises(SpecError, match="has no category 'dog'"):
        plan_evaluation(pets.farm, MODEL, "fish", 10, 0)
    with pytest.raises(SpecError, match="no object of the model's classes"):
        plan_evaluation(pets.farm, MODEL, "empty", 10, 0)
    with pytest.raises(NotFoundError, match="data set: 'none' is unknown; there are empty, fish, pets"):
        plan_evaluation(pets.farm, MODEL, "none", 10, 0)
    with pytest.raises(SpecError, match=r"examples: expected 1\.\."):
        plan_evaluation(pets.farm, MODEL, "pets", 0, 0)
    other = Task(kind=TaskKind.CLASSIFICATION, image=TASK.image, classes=TASK.classes)
    catalog.set_task(pets.farm, MODEL, other)
    assert get_model(pets.database, MODEL).task == encode(other)
    with pytest.raises(SpecError, match="it is for detection, the task of yolov9-c is classification"):
        plan_evaluation(pets.farm, MODEL, "pets", 10, 0)


def test_a_model_without_a_task_is_told_the_command(yard: Yard, tmp_path: Path) -> None:
    add_dataset(yard.farm, "pets", write_folder(tmp_path / "pets"))
    with pytest.raises(SpecError, match=f"pifarm model task {MODEL} FILE"):
        plan_evaluation(yard.farm, MODEL, "pets", 10, 0)


def test_without_devices_one_ready_board_of_each_type_answers(yard: Yard) -> None:
    boards: dict[str, dict[str, Any]] = {
        "b": {},
        "a": {"board_type": "pi4"},
        "c": {},
        "sim": {"simulated": True},
        "fan": {"labels": {"cooling": "fan"}},
    }
    for name, columns in boards.items():
        yard.add_board(name, **columns)
    assert studies.one_of_each_type(yard.database, {}) == ("a", "b", "sim")
    assert studies.one_of_each_type(yard.database, {"cooling": "fan"}) == ("fan",)
