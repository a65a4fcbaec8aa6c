"""Which variant to ship: from runs in the database to an answer for each type of board."""

from sqlalchemy import select, update

from orchestrator.analysis.choosing import LATENCY, Bound, Limit
from orchestrator.attending.lifecycle import Verdict
from orchestrator.db.model_tables import BuildRow, PublishedRow
from orchestrator.db.session import Database
from orchestrator.db.tables import RunRow
from orchestrator.queries.choose import ENERGY, Unmeasured, choose_variants
from tests import factories

LABELS = ("fp32", "int8", "ort", "slim")


def plant(database: Database) -> None:
    """Four builds: three of them measured thrice, `ort` as fast as `fp32`; the runs of `int8` are invalid."""
    factories.add_device(database)
    metrics = {label: {"mAP50": value} for label, value in zip(LABELS, (0.7, 0.4, 0.7, 0.6), strict=True)}
    factories.add_model(database, labels=LABELS, metrics=metrics)
    study = factories.add_study(database, labels=("fp32", "int8", "ort"))
    factories.measure(database, study, {"fp32": 100.0, "int8": 50.0, "ort": 100.1})
    with database.write() as session:
        reasons = [{"code": "throttled", "text": "the board throttled"}]
        session.execute(
            update(RunRow)
            .where(RunRow.id.in_(factories.run_ids(database, study, label="int8")))
            .values(verdict=Verdict.INVALID, reasons=reasons)
        )


def test_builds_that_no_run_speaks_for_are_named_with_the_reason(database: Database) -> None:
    plant(database)
    (chosen,) = choose_variants(database, factories.MODEL, regime="burst", limits=[])
    assert {chosen.choice.best, *chosen.choice.tied_with} == {"fp32@onnxruntime,t4", "ort@onnxruntime,t4"}
    assert chosen.unmeasured == (
        Unmeasured(variant="int8", reason="its runs do not count: the board throttled"),
        Unmeasured(variant="slim", reason="not measured"),
    )


def test_a_metric_that_breaks_a_limit_is_told_with_its_source(database: Database) -> None:
    plant(database)
    limit = Limit(figure="mAP50", bound=Bound.AT_LEAST, value=0.8)
    (chosen,) = choose_variants(database, factories.MODEL, regime="burst", limits=[limit])
    assert chosen.choice.best is None
    assert chosen.choice.left_out[0].reason == "mAP50 is 0.7 (declared), wanted mAP50 at least 0.8"


def test_a_measured_metric_has_to_be_above_its_limit_with_its_whole_interval(database: Database) -> None:
    plant(database)
    fact = {"value": 0.7, "source": "measured", "dataset": "scenes", "examples": 500, "low": 0.64, "high": 0.76}
    with database.write() as session:
        session.execute(update(BuildRow).values(metrics={"mAP50": fact}))
    limit = Limit(figure="mAP50", bound=Bound.AT_LEAST, value=0.65)
    (chosen,) = choose_variants(database, factories.MODEL, regime="burst", limits=[limit])
    assert (chosen.choice.best, len(chosen.choice.undecided)) == (None, 2)
    assert chosen.choice.left_out[0].reason == (
        "cannot tell: mAP50 is 0.7 [0.64, 0.76] (measured), wanted mAP50 at least 0.65"
    )


def test_energy_has_an_interval_and_the_choice_by_it_can_be_open(database: Database) -> None:
    plant(database)
    with database.write() as session:
        for number, run in enumerate(session.scalars(select(RunRow).order_by(RunRow.id))):
            run.energy_j = 2.0 + 0.1 * (number // 3)  # the blocks differ, the variants do not
    (chosen,) = choose_variants(database, factories.MODEL, regime="burst", limits=[], prefer=ENERGY)
    assert all(row.energy_ci_low_j and row.energy_ci_low_j < row.energy_j for row in chosen.rows if row.energy_j)
    assert len(chosen.choice.tied_with) == 1
    limit = Limit(figure=ENERGY, bound=Bound.AT_MOST, value=2.1, unit="J")
    (chosen,) = choose_variants(database, factories.MODEL, regime="burst", limits=[limit], prefer=LATENCY)
    assert (chosen.choice.best, len(chosen.choice.undecided)) == (None, 2)


def test_what_others_published_is_never_chosen(database: Database) -> None:
    plant(database)
    with database.write() as session:
        session.add(
            PublishedRow(
                model=factories.MODEL,
                source="a paper",
                board_type="pi5",
                regime="burst",
                variant="tiny",
                runtime="ONNX",
                latency_ns=1,
                metrics={},
                note="",
            )
        )
    assert len(choose_variants(database, factories.MODEL, regime="burst", limits=[])) == 1
