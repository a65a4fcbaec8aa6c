"""Faults caught: how a fault is judged, and that each rule that changes a verdict is either done or named here."""

from dataclasses import replace

import pytest

from agent.wire.records import Environment
from agent.wire.spec import Scalar
from benchmarks.faults_caught import ALONE, FAULTS, PROTOCOL, Caught, Fault, facts_of, report
from orchestrator.analysis.rules.rule import Severity
from orchestrator.analysis.rules.table import RULES
from orchestrator.analysis.validity import judge
from tests.journals import STEADY_NS, completed_records
from tests.orchestrator.analysis.clean_run import run

NOT_DONE = {
    "threads-differ": "a runtime that does not obey",
    "runtime-differs": "an update of the runtime within a study",
    "model-differs": "a damaged store",
    "start-outside": "a gate in degrees, too slow for here",
    "back-to-gate": "a board that is busy again and again",
    "tail": "hiccups by the dozen",
    "kernel-changed": "the kernel is the host's",
}


def caught(code: str | None, found: dict[str, object]) -> Caught:
    return Caught(fault=Fault(name="a fault", code=code), judgement=judge(run(telemetry=found).facts()))


@pytest.mark.parametrize(
    ("code", "found", "expected"),
    [
        ("under-voltage", {"throttled": [0, 1, 0]}, True),
        ("under-voltage", {"foreign_cpu": 0.3}, False),
        ("under-voltage", {}, False),
        (None, {"foreign_cpu": 0.3}, True),
        (None, {"throttled": [0, 1, 0]}, False),
    ],
)
def test_a_fault_is_caught_by_its_own_code_alone(code: str | None, found: dict[str, object], expected: bool) -> None:
    assert caught(code, found).is_as_expected is expected


def test_what_is_found_without_a_fault_too_is_said_to_prove_nothing() -> None:
    busy: dict[str, object] = {"foreign_cpu": 0.3}
    figures = report([caught(None, busy), caught("foreign-load", busy), caught("drift", {})])
    assert "foreign-load*" in figures[1].what
    assert [figure.ours.center for figure in figures] == [1, 1, 0, 0.5, 1]


def test_every_rule_that_changes_a_verdict_is_done_to_a_board_or_named_with_the_reason() -> None:
    done = {fault.code for fault in (*FAULTS, *ALONE)}
    assert {rule.code for rule in RULES if rule.severity is not Severity.NOTE} - done <= set(NOT_DONE)
    assert not done & set(NOT_DONE)


def test_facts_of_a_journal_are_its_window_and_its_environment() -> None:
    environment: dict[str, Scalar] = {"board_type": "pi5", "governor": "ondemand", "clock_limit_hz": 2.4e9}
    records = [
        replace(record, facts=environment) if isinstance(record, Environment) else record
        for record in completed_records("run")
    ]
    facts = facts_of(records, PROTOCOL)
    assert facts.durations_ns.tolist() == list(STEADY_NS)
    assert [reason.code for reason in judge(facts).reasons] == ["governor"]
