"""One variant under the values of a label, as the farm knows it: levels, heat, and what was left out."""

import pytest

from orchestrator.analysis.comparison import Answer
from orchestrator.analysis.factors import Design
from orchestrator.boards.ambient import AmbientSource
from orchestrator.boards.surroundings import relabel
from orchestrator.db.session import Database
from orchestrator.db.tables import RunRow
from orchestrator.errors import NotFoundError, SpecError
from orchestrator.queries.factors import FactorComparison, compare_by
from tests import factories
from tests.orchestrator.queries.conftest import CountStatements

BARE, FAN = ("pi4-a", "pi4-b"), ("pi4-c", "pi4-d")


@pytest.fixture
def study(database: Database) -> int:
    """Two bare Pi 4s, and two with a fan that are a fifth faster, each measured three times; soaks."""
    return shelf(database)


def shelf(database: Database, bare: tuple[str, ...] = BARE, fan: tuple[str, ...] = FAN) -> int:
    factories.add_model(database, labels=("fp32",))
    for names, cooling in ((bare, "bare"), (fan, "fan")):
        for name in names:
            factories.add_device(database, name, board_type="pi4", labels={"cooling": cooling})
    study = factories.add_study(database, devices=(*bare, *fan), protocol="sustained")
    factories.measure(database, study, {"fp32": 100.0})
    for name in fan:
        for run in factories.run_ids(database, study, device=name):
            slow_down(database, run, 0.8)
    return study


def slow_down(database: Database, run: str, factor: float) -> None:
    """Make a run's median so many times as long."""
    with database.read() as session:
        median_ns = session.get_one(RunRow, run).median_ns or 0.0
    factories.change_run(database, run, median_ns=median_ns * factor)


def only(database: Database, variant: str = "fp32", factor: str = "cooling", **options: str) -> FactorComparison:
    (found,) = compare_by(database, variant, factor, **options)  # type: ignore[arg-type]  # texts all
    return found


def test_boards_are_set_beside_each_other_by_the_label_that_they_had(database: Database, study: int) -> None:
    found = only(database, baseline="bare")
    assert [(level.level, level.devices, level.runs) for level in found.levels] == [("bare", BARE, 6), ("fan", FAN, 6)]
    (own,) = found.comparisons
    assert (own.level, own.baseline, own.answer, own.contrast.design) == (
        "fan",
        "bare",
        Answer.FASTER,
        Design.BETWEEN,
    )
    assert own.ratio == pytest.approx(0.8, rel=0.02)
    assert (found.factor, found.baseline, found.group.regime, found.excluded) == ("cooling", "bare", "sustained", ())


def test_a_label_that_is_changed_later_changes_nothing_that_was_measured(database: Database, study: int) -> None:
    before = only(database, baseline="bare")
    for name in BARE:
        relabel(database, name, {"cooling": "fan"})
    assert only(database, baseline="bare") == before


def test_the_same_boards_measured_again_under_another_label_are_compared_with_themselves(database: Database) -> None:
    boards = ("pi4-a", "pi4-b", "pi4-c")
    shelf(database, bare=boards, fan=())
    for name in boards:
        relabel(database, name, {"cooling": "fan"})
    again = factories.add_study(database, devices=boards, protocol="sustained")
    factories.measure(database, again, {"fp32": 80.0})
    (own,) = only(database, baseline="bare").comparisons
    assert (own.contrast.design, own.contrast.boards_a, own.answer) == (Design.PAIRED, boards, Answer.FASTER)


def test_without_a_baseline_the_value_with_most_boards_is_one(database: Database) -> None:
    shelf(database, bare=("pi4-a",), fan=("pi4-b", "pi4-c"))
    assert only(database).baseline == "fan"
    assert only(database, baseline="bare").baseline == "bare"


def test_heat_is_told_for_each_value_and_as_a_difference(database: Database, study: int) -> None:
    for names, settled_c, onset_s in ((BARE, 88.0, 300.0), (FAN, 62.0, None)):
        for name in names:
            for run in factories.run_ids(database, study, device=name):
                heat = {"settled_c": settled_c, "onset_s": onset_s, "known_until_s": 1200.0, "end_c": settled_c - 5}
                room = {"ambient_c": 24.0, "ambient_source": AmbientSource.TYPED}
                factories.change_run(database, run, **heat, **room)
    found = only(database, baseline="bare")
    bare, fan = found.levels
    assert bare.rise_c is not None and bare.rise_c.center == pytest.approx(64.0)
    assert bare.onset is not None and (bare.onset.median_s, bare.onset.events) == (300.0, 2)
    assert fan.onset is not None and (fan.onset.median_s, fan.onset.censored) == (None, 2)
    assert (bare.rooms.low_c, bare.rooms.high_c, bare.rooms.stated, bare.rooms.unknown) == (24.0, 24.0, 6, 0)
    kelvins = {each.figure: each.contrast.difference for each in found.differences}
    assert kelvins == pytest.approx({"end_c": -26.0, "settled_c": -26.0, "rise_c": -26.0})


def test_what_a_board_cannot_say_of_heat_is_null(database: Database, study: int) -> None:
    level = only(database, baseline="bare").levels[0]
    assert (level.settled_c, level.rise_c, level.onset, level.rooms.unknown) == (None, None, None, 6)


def test_other_labels_that_differ_with_it_are_named(database: Database, study: int) -> None:
    for name in BARE:
        for run in factories.run_ids(database, study, device=name):
            factories.change_run(database, run, labels={"cooling": "bare", "psu": "old"})
    assert only(database, baseline="bare").goes_with == {"fan": {"psu": (("",), ("old",))}}


def test_runs_without_the_label_are_left_out_with_a_reason(database: Database, study: int) -> None:
    run = factories.run_ids(database, study, device="pi4-a")[0]
    factories.change_run(database, run, labels=None)
    found = only(database, baseline="bare")
    assert [(each.run, each.code) for each in found.excluded] == [(run, "label-missing")]
    assert found.levels[0].runs == 5


def test_one_value_alone_has_nothing_to_be_compared_with(database: Database) -> None:
    shelf(database, bare=BARE, fan=())
    found = only(database)
    assert (found.comparisons, found.differences, len(found.levels)) == ((), (), 1)


def test_board_types_are_never_mixed(database: Database, study: int) -> None:
    factories.add_device(database, "pi5-a", labels={"cooling": "bare"})
    other = factories.add_study(database, devices=("pi5-a",), protocol="sustained")
    factories.measure(database, other, {"fp32": 40.0})
    found = compare_by(database, "fp32", "cooling", baseline="bare")
    assert {each.group.board_type: len(each.levels) for each in found} == {"pi4": 2, "pi5": 1}


def test_what_cannot_be_meant_is_refused_with_what_there_is(database: Database, study: int) -> None:
    with pytest.raises(NotFoundError, match=r"--by psu: .*there are cooling; label boards.*psu=VALUE"):
        compare_by(database, "fp32", "psu")
    with pytest.raises(NotFoundError, match=r"--baseline oil: expected a value of cooling: bare, fan"):
        compare_by(database, "fp32", "cooling", baseline="oil")
    with pytest.raises(NotFoundError, match="'int4' is unknown"):
        compare_by(database, "int4", "cooling")
    with pytest.raises(SpecError, match="margin"):
        compare_by(database, "fp32", "cooling", margin=1.0)


def test_the_number_of_statements_does_not_grow_with_runs(
    database: Database, study: int, statements: CountStatements
) -> None:
    with statements(database) as few:
        compare_by(database, "fp32", "cooling")
    factories.measure(
        database, factories.add_study(database, devices=BARE, protocol="sustained", blocks=5), {"fp32": 100.0}
    )
    with statements(database) as more:
        compare_by(database, "fp32", "cooling")
    assert len(few) == len(more)
