"""What differs between two runs, and whether it keeps them apart."""

from typing import Any

import pytest
from sqlalchemy import select

from orchestrator.attending.lifecycle import Verdict
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow
from orchestrator.errors import NotFoundError
from orchestrator.queries.difference import RunDifference, Weight, run_difference
from tests import factories


@pytest.fixture
def runs(database: Database) -> list[str]:
    """Three blocks of one variant on a Pi 5."""
    factories.add_device(database)
    factories.add_model(database, labels=("fp32",))
    study = factories.add_study(database)
    factories.measure(database, study, {"fp32": 100.0})
    return factories.run_ids(database, study)


def change_facts(database: Database, run: str, **facts: Any) -> None:
    with database.write() as session:
        attempt = session.scalars(select(AttemptRow).where(AttemptRow.run_id == run)).one()
        environment = attempt.environment or {}
        attempt.environment = {**environment, "facts": {**environment["facts"], **facts}}


def facts_of(found: RunDifference, weight: Weight) -> set[str]:
    return {each.fact for each in found.differences if each.weight is weight}


def test_runs_of_one_study_differ_in_detail_alone(database: Database, runs: list[str]) -> None:
    found = run_difference(database, runs[0], runs[1])
    assert found.comparable is True
    assert {each.weight for each in found.differences} == {Weight.DETAIL}
    assert {"block", "median_ms"} <= facts_of(found, Weight.DETAIL)


def test_a_run_does_not_differ_from_itself(database: Database, runs: list[str]) -> None:
    found = run_difference(database, runs[0], runs[0])
    assert (found.comparable, found.differences) == (True, ())


def test_what_keeps_them_apart_comes_first_and_says_why(database: Database, runs: list[str]) -> None:
    change_facts(database, runs[1], governor="ondemand", kernel="6.13")
    found = run_difference(database, runs[0], runs[1])
    assert found.comparable is False
    first = found.differences[0]
    assert (first.fact, first.one, first.other) == ("governor", "performance", "ondemand")
    assert "clock" in first.why
    assert facts_of(found, Weight.INCOMPARABLE) == {"governor"}, "told once"
    assert "kernel" in facts_of(found, Weight.MAY_MATTER)


def test_settings_of_a_protocol_are_named_one_by_one(database: Database, runs: list[str]) -> None:
    quick = factories.add_study(database, protocol="quick", blocks=1)
    factories.measure(database, quick, {"fp32": 100.0})
    found = run_difference(database, runs[0], factories.run_ids(database, quick)[0])
    assert {"protocol", "gate.max_c", "window.min_inferences"} <= facts_of(found, Weight.INCOMPARABLE)
    assert "gate.max_c" not in facts_of(found, Weight.MAY_MATTER)


def test_a_simulated_board_is_never_comparable_with_a_real_one(database: Database, runs: list[str]) -> None:
    factories.add_device(database, "pi5-sim", simulated=True)
    other = factories.add_study(database, devices=("pi5-sim",), blocks=1)
    factories.measure(database, other, {"fp32": 100.0})
    found = run_difference(database, runs[0], factories.run_ids(database, other)[0])
    assert (found.comparable, found.differences[0].fact) == (False, "source")


def test_an_invalid_run_is_not_comparable(database: Database, runs: list[str]) -> None:
    factories.change_run(database, runs[1], verdict=Verdict.INVALID)
    found = run_difference(database, runs[0], runs[1])
    assert (found.comparable, facts_of(found, Weight.INCOMPARABLE)) == (False, {"verdict"})


def test_a_run_that_has_not_ended_leaves_the_question_open(database: Database, runs: list[str]) -> None:
    waiting = factories.run_ids(database, factories.add_study(database, blocks=1))[0]
    assert run_difference(database, runs[0], waiting).comparable is None


def test_an_unknown_run_is_refused(database: Database, runs: list[str]) -> None:
    with pytest.raises(NotFoundError, match="unknown"):
        run_difference(database, runs[0], "zzz")
