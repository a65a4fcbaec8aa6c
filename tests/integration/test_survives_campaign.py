"""The short version of `make test-faults`: some runs, some faults at once, and nothing lost, doubled or overlapping."""

import pytest

from tests.faults.arena import short_home
from tests.faults.campaign import fight
from tests.faults.checker import count
from tests.faults.plan import FaultKind, make_plan

pytestmark = [pytest.mark.integration, pytest.mark.ssh]
SEED, RUNS, BOARDS, FAULTS = 3, 20, 5, 8
LEISURELY = (  # to get over these takes up to 15 s; test_survives and test_operations have them one by one
    FaultKind.MESSAGES_LOST, FaultKind.BROKER_EMPTIED, FaultKind.FENCE_RESTORED, FaultKind.SUPERVISOR_KILLED,
)  # fmt: skip


def test_a_few_runs_under_fire_end_once_each() -> None:
    plan = [fault for fault in make_plan(SEED, FAULTS * 2, pace=0.4) if fault.kind not in LEISURELY][:FAULTS]
    with short_home() as home:
        outcome = fight(home, plan, runs=RUNS, boards=BOARDS, give_up_s=60.0, tell=lambda line: None)
    assert outcome.findings == [], (f"seed {SEED}", count(outcome.findings))
    assert len(outcome.books.runs) == RUNS
    assert sum(outcome.faults.values()) >= FAULTS // 2


def test_the_same_seed_gives_the_same_plan_and_every_kind_comes() -> None:
    assert make_plan(7, 100) == make_plan(7, 100)
    assert make_plan(7, 100) != make_plan(8, 100)
    assert {fault.kind for fault in make_plan(7, 100)} == set(FaultKind)
