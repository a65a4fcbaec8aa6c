"""Two variants against each other as the farm knows them: groups, answers, tails, and what was left out."""

import pytest

from orchestrator.analysis.comparison import Answer, Limit
from orchestrator.analysis.pairing import Unit
from orchestrator.attending.lifecycle import RunState, StudyKind
from orchestrator.db.session import Database
from orchestrator.db.tables import StudyRow
from orchestrator.errors import NotFoundError, SpecError
from orchestrator.queries.compare import GroupComparison, compare_variants
from tests import factories
from tests.orchestrator.queries.conftest import CountStatements


@pytest.fixture
def study(database: Database) -> int:
    """Five blocks of two variants on one Pi 5, the second one 30 % faster."""
    factories.add_device(database)
    factories.add_model(database)
    study = factories.add_study(database, blocks=5)
    factories.measure(database, study, {"fp32": 100.0, "int8": 70.0})
    return study


def only(database: Database, a: str = "int8", b: str = "fp32", **options: float) -> GroupComparison:
    (found,) = compare_variants(database, a, b, **options)  # type: ignore[arg-type]  # counts are whole
    return found


def test_the_answer_comes_with_its_ratio_and_what_it_rests_on(database: Database, study: int) -> None:
    found = only(database)
    own = found.comparison
    assert (own.answer, own.unit, own.units) == (Answer.FASTER, Unit.BLOCK, 5)
    assert own.low is not None
    assert own.high is not None
    assert own.low < 0.70 < own.high
    assert own.limit(0.05) is Limit.WITHIN
    assert only(database, "fp32", "int8").comparison.limit(0.05) is Limit.BEYOND
    assert (found.group.board_type, found.provisional, found.excluded) == ("pi5", False, ())


def test_each_side_has_both_kinds_of_p90_by_their_names(database: Database, study: int) -> None:
    side = only(database).a
    assert side is not None
    assert (side.variant, side.runs, side.pooled_samples) == ("int8@onnxruntime,t4", 5, 200)
    assert side.median_ci_ms is not None
    assert side.p90_ci_ms is not None
    assert side.p90_ms is not None
    assert side.pooled_p90_ms is not None
    assert side.median_ms == pytest.approx(70, rel=0.02)
    assert side.median_ms < side.p90_ms < side.pooled_p90_ms
    assert side.pooled_p99_ms is None, "below 662 samples"


def test_only_samples_that_count_are_pooled(database: Database, study: int) -> None:
    run = factories.run_ids(database, study, label="int8")[0]
    factories.change_run(database, run, samples=30)
    side = only(database).a
    assert side is not None
    assert side.pooled_samples == 190


def test_boards_of_several_types_are_never_mixed(database: Database, study: int) -> None:
    factories.add_device(database, "pi4-1", board_type="pi4")
    other = factories.add_study(database, devices=("pi4-1",))
    factories.measure(database, other, {"fp32": 300.0, "int8": 390.0})
    answers = {found.group.board_type: found.comparison.answer for found in compare_variants(database, "int8", "fp32")}
    assert answers == {"pi4": Answer.SLOWER, "pi5": Answer.FASTER}
    assert only(database, device="pi4-1").group.board_type == "pi4"  # type: ignore[arg-type]  # a name
    assert only(database, study=study).group.board_type == "pi5"


def test_runs_that_cannot_be_compared_are_listed_with_their_reasons(database: Database, study: int) -> None:
    failed = factories.run_ids(database, study, label="int8")[0]
    factories.change_run(
        database, failed, state=RunState.FAILED, verdict=None, counted_attempt=None, code="killed", message="SIGILL"
    )
    found = only(database)
    assert [(run.run, run.code) for run in found.excluded] == [(failed, "killed")]
    assert found.comparison.units == 4


def test_where_the_data_cannot_tell_it_says_how_many_units_would(database: Database) -> None:
    factories.add_device(database)
    factories.add_model(database)
    factories.measure(database, factories.add_study(database), {"fp32": 100.0, "int8": 94.0}, cv=0.02)
    found = only(database)
    assert found.comparison.answer is Answer.CANNOT_TELL
    assert found.needed is not None
    assert found.needed > 3


def test_a_side_without_a_run_is_none_and_cannot_be_told(database: Database) -> None:
    factories.add_device(database)
    factories.add_model(database)
    study = factories.add_study(database)
    factories.measure(database, study, {"fp32": 100.0, "int8": 70.0})
    for run in factories.run_ids(database, study, label="int8"):
        factories.change_run(database, run, state=RunState.FAILED, verdict=None, counted_attempt=None, code="killed")
    found = only(database)
    assert (found.a, found.comparison.answer, len(found.excluded)) == (None, Answer.CANNOT_TELL, 3)
    assert found.b is not None


def test_canaries_are_compared_only_where_their_study_is_named(database: Database, study: int) -> None:
    with database.write() as session:
        session.get_one(StudyRow, study).kind = StudyKind.CANARY
    with pytest.raises(SpecError, match="no ended run here"):
        compare_variants(database, "int8", "fp32")
    assert only(database, study=study).comparison.answer is Answer.FASTER


def test_what_cannot_be_meant_is_refused(database: Database, study: int) -> None:
    factories.add_model(database, "other", ("fp16",))
    with pytest.raises(NotFoundError, match="'int4' is unknown"):
        compare_variants(database, "int4", "fp32")
    with pytest.raises(SpecError, match="twice"):
        compare_variants(database, "fp32", "yolov9-c/fp32")
    with pytest.raises(SpecError, match="margin"):
        compare_variants(database, "int8", "fp32", margin=1.0)
    with pytest.raises(SpecError, match="expected one of burst, sustained"):
        compare_variants(database, "int8", "fp32", regime="cold")


def test_the_number_of_statements_does_not_grow_with_runs(
    database: Database, study: int, statements: CountStatements
) -> None:
    with statements(database) as few:
        compare_variants(database, "int8", "fp32")
    factories.measure(database, factories.add_study(database, blocks=6), {"fp32": 100.0, "int8": 70.0})
    with statements(database) as more:
        compare_variants(database, "int8", "fp32")
    assert len(few) == len(more)


def test_a_study_that_went_on_until_narrow_says_what_its_interval_covers(database: Database, study: int) -> None:
    assert only(database).coverage is None
    with database.write() as session:
        session.get_one(StudyRow, study).until_ci = 0.01
    assert only(database).coverage == pytest.approx(0.92)
