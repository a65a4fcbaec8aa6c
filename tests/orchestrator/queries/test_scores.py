"""Scores as they are read: of runs, of studies, and in place of what was declared."""

from typing import Any

from sqlalchemy import select

from orchestrator.attending.journal_order import PREDICTED
from orchestrator.attending.lifecycle import StudyKind
from orchestrator.db.accuracy_tables import DatasetRow, EvaluationRow, ScoreRow
from orchestrator.db.model_tables import ArtifactRow
from orchestrator.db.session import Database
from orchestrator.db.tables import ChunkRow, RunRow, StudyRow
from orchestrator.queries.leaderboard import leaderboard
from orchestrator.queries.models import get_model
from orchestrator.queries.scores import study_scores
from orchestrator.queries.studies import get_study
from tests import factories

FIGURE = {"value": 0.75, "low": 0.7, "high": 0.8}


def score(database: Database, study: int, *, examples: int = 100) -> None:
    """Make a measured study one that has answered a data set, every run with the same figure."""
    artifact_id = str(study).rjust(64, "d")
    details: dict[str, Any] = {"objects": None, "by_class": [], "by_size": []}
    with database.write() as session:
        session.get_one(StudyRow, study).kind = StudyKind.ACCURACY
        session.add(ArtifactRow(id=artifact_id, format="dataset", size_bytes=9, manifest={}, facts={}))
        session.flush()
        data = DatasetRow(
            name=f"set-{study}",
            kind="tensors",
            artifact_id=artifact_id,
            truth_id=artifact_id,
            examples=examples,
        )
        session.add(data)
        session.flush()
        asked = list(range(examples))
        session.add(EvaluationRow(study_id=study, dataset_id=data.id, seed=3, count=examples, examples=asked))
        for run in session.scalars(select(RunRow).where(RunRow.study_id == study)):
            blob = ChunkRow(attempt_id=run.attempts[0].id, seq=90_000, kind=PREDICTED, count=examples, blob=b"")
            metrics = {"mAP50": FIGURE}
            scores = ScoreRow(
                run_id=run.id, dataset_id=data.id, examples=examples, seed=3, metrics=metrics, details=details
            )
            session.add_all([blob, scores])


def test_a_study_has_the_scores_of_its_runs_and_says_how_far_it_is(database: Database) -> None:
    example = factories.fill(database)
    score(database, example.study)
    found = study_scores(database, example.study)
    assert len(found) == get_study(database, example.study).total == 12
    assert {(each.dataset, each.examples, each.seed) for each in found} == {(f"set-{example.study}", 100, 3)}
    far = get_study(database, example.study).answering
    assert far is not None and (far.answered, far.examples) == (1200, 1200)


def test_what_was_measured_on_a_type_of_board_stands_for_what_was_declared(database: Database) -> None:
    example = factories.fill(database)
    answered = factories.add_study(database, devices=("pi5-1",), labels=["int8"], threads=(1,), blocks=1)
    factories.measure(database, answered, {"int8": 70.0})
    score(database, answered)
    metrics = {
        (row.simulated, row.variant.partition("@")[0]): row.metrics["mAP50"]
        for row in leaderboard(database, study=example.study).rows
    }
    assert metrics[False, "int8"] == {**FIGURE, "source": "measured", "dataset": f"set-{answered}", "examples": 100}
    assert {metrics[key]["source"] for key in metrics if key != (False, "int8")} == {"declared"}
    fp32, int8 = get_model(database, factories.MODEL).builds
    assert fp32.measured == () and int8.measured[0].board_type == "pi5"
