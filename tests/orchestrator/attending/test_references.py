"""A run beside others: the study's first attempt, its block's room, and what the variant answered before."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from agent.wire.records import Ended, Environment, Inferences, Loaded, Phase, PhaseEntered, Record, Telemetry
from agent.wire.spec import Inputs, Pace
from orchestrator import studies
from orchestrator.attending import results
from orchestrator.attending.ingest import ingest
from orchestrator.attending.lifecycle import RunState, Verdict
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, RunRow
from tests.journals import SECOND_NS, completed_records, encode_journal, end_of, make_inferences, make_telemetry
from tests.small_farm import QUICK, dump, get_run, make_submission, plant, start_attempt


@pytest.fixture
def database(each_database: Database) -> Database:
    """Each kind of database."""
    return each_database


def measure(
    database: Database,
    device_id: int,
    *,
    facts: dict[str, Any] | None = None,
    output: str = "d",
    version: str = "1.32.0",
    ambient_c: float | None = None,
    **changes: Any,
) -> RunRow:
    """The next run of a device, measured with these facts and this output, and settled."""
    opened = start_attempt(database, device_id)

    def changed(record: Record) -> Record:
        if isinstance(record, Environment):
            return replace(record, facts={**record.facts, **(facts or {})})
        if isinstance(record, Loaded):
            return replace(record, output_sha256=output * 64, runtime_version=version)
        if isinstance(record, Telemetry):
            return replace(record, ambient_c=(ambient_c,) * len(record.at_ns))
        return record

    deliver(database, opened.attempt_id, map(changed, completed_records(opened.run_id, opened.number, **changes)))
    return get_run(database, opened.run_id)


def deliver(database: Database, attempt_id: int, records: Iterable[Record]) -> None:
    with database.write() as session:
        attempt = session.get_one(AttemptRow, attempt_id)
        taken = ingest(session, attempt, encode_journal(records), attempt.cursor_byte)
        assert taken.ended is not None
        results.settle(session, attempt, taken.ended)


def lasting(records: list[Record], window: Inferences, *instead: Inferences | PhaseEntered) -> list[Record]:
    """The journal with other windows, and telemetry and an end to go with them."""
    end_ns = max(end_of(each) for each in instead if isinstance(each, Inferences))
    at = records.index(window)
    end = replace(records[-1], at_ns=end_ns) if isinstance(records[-1], Ended) else records[-1]
    return [*records[:at], *instead, make_telemetry(0, end_ns + SECOND_NS), end]


def codes(run: RunRow) -> set[str]:
    return {reason["code"] for reason in run.reasons}


def test_a_study_that_agrees_with_itself_has_no_reason(database: Database) -> None:
    farm = plant(database, blocks=3, threads=[1])
    for _ in range(3):
        run = measure(database, farm.device_id, facts={"kernel": "6.12", "firmware": "May"}, ambient_c=21.0)
        assert (run.verdict, run.reasons) == (Verdict.VALID, [])
    assert (run.ambient_c, run.segments, run.steadiness, run.missed_deadlines) == (21.0, 1, "flat", None)


@pytest.mark.parametrize("name", ["kernel", "firmware"])
def test_what_was_updated_within_a_study_makes_the_later_runs_suspect(database: Database, name: str) -> None:
    farm = plant(database, blocks=3)
    measured = [measure(database, farm.device_id, facts={name: value}) for value in ("May", "May", "June")]
    assert [codes(run) for run in measured] == [set(), set(), {f"{name}-changed"}]


def test_an_update_between_two_studies_is_no_fault(database: Database) -> None:
    farm = plant(database)
    measure(database, farm.device_id, facts={"kernel": "6.12"})
    studies.submit(database, make_submission())
    assert codes(measure(database, farm.device_id, facts={"kernel": "6.13"})) == set()


def test_the_clock_is_held_against_the_limit_that_the_study_began_with(database: Database) -> None:
    farm = plant(database, blocks=2)
    for state in (RunState.QUEUED, RunState.DONE, RunState.QUEUED):  # an invalid result is repeated once
        limit_hz = 3.0e9 if state is RunState.QUEUED else 2.4e9
        run = measure(database, farm.device_id, facts={"clock_limit_hz": limit_hz})
        assert run.state is state
    run = measure(database, farm.device_id, facts={"clock_limit_hz": 2.4e9})
    assert (run.verdict, codes(run)) == (Verdict.INVALID, {"clock-low"})


def test_another_version_of_the_runtime_than_the_study_began_with_is_invalid(database: Database) -> None:
    farm = plant(database, blocks=2)
    measure(database, farm.device_id)
    measure(database, farm.device_id, version="1.33.0")
    assert codes(measure(database, farm.device_id, version="1.33.0")) == {"runtime-differs"}


def test_another_output_than_most_runs_gave_is_invalid_with_one_thread(database: Database) -> None:
    farm = plant(database, blocks=4, threads=[1])
    for output, expected in (("d", set()), ("d", set()), ("e", set()), ("e", {"output-differs"}), ("d", set())):
        run = measure(database, farm.device_id, output=output)
        assert codes(run) == expected
    assert codes(get_run(database, run.id)) == set()


def test_outputs_that_never_repeat_are_no_fault_of_any_run(database: Database) -> None:
    farm = plant(database, blocks=4, threads=[1])
    found = [codes(measure(database, farm.device_id, output=output)) for output in "abcd"]
    assert found == [set(), {"output-differs"}, set(), set()]


def test_other_inputs_and_several_threads_promise_no_equal_output(database: Database) -> None:
    farm = plant(database, threads=[4])
    measure(database, farm.device_id, output="d")
    studies.submit(database, make_submission(threads=[4]))
    noted = measure(database, farm.device_id, output="e")
    assert (noted.verdict, codes(noted)) == (Verdict.VALID, {"output-differs"})
    studies.submit(database, make_submission(threads=[4], inputs=Inputs(seed=3)))
    assert codes(measure(database, farm.device_id, output="e")) == set()


def test_a_room_that_moved_within_the_block_marks_the_run_that_shows_it(database: Database) -> None:
    farm = plant(database, labels=["a", "b", "c"])
    found = [codes(measure(database, farm.device_id, ambient_c=ambient_c)) for ambient_c in (21.0, 22.4, 22.6)]
    assert found == [set(), set(), {"ambient-moved"}]


def test_a_room_may_move_between_blocks(database: Database) -> None:
    farm = plant(database, blocks=2)
    found = [codes(measure(database, farm.device_id, ambient_c=ambient_c)) for ambient_c in (21.0, 25.0)]
    assert found == [set(), set()]


def test_recomputing_finds_for_each_run_only_what_came_before_it(database: Database) -> None:
    farm = plant(database, blocks=4, threads=[1])
    for output, ambient_c in (("d", 21.0), ("d", 24.0), ("d", 21.0), ("d", 19.0)):
        measure(database, farm.device_id, output=output, ambient_c=ambient_c, facts={"kernel": str(ambient_c)})
    before = dump(database)
    results.recompute_all(database)
    assert dump(database) == before


def test_a_paced_run_counts_from_the_due_times_and_says_what_it_missed(database: Database) -> None:
    pace = Pace(rate_per_s=2.0, deadline_s=0.45)
    farm = plant(database, protocol=replace(QUICK, name="quick-paced", pace=pace))
    opened = start_attempt(database, farm.device_id)
    records = completed_records(opened.run_id, opened.number, durations_ns=[400_000_000] * 40)
    window = next(record for record in records if isinstance(record, Inferences) and record.phase is Phase.WINDOW)
    starts = tuple(window.starts_ns[0] + index * pace.period_ns + (90_000_000 if index % 4 == 3 else 0)
                   for index in range(40))  # fmt: skip
    paced = replace(window, starts_ns=starts)
    deliver(database, opened.attempt_id, lasting(records, window, paced))
    run = get_run(database, opened.run_id)
    assert run.missed_deadlines == 10
    assert (run.median_ns, run.max_ns) == (400_000_000, 490_000_000)


def test_segments_are_counted(database: Database) -> None:
    farm = plant(database)
    opened = start_attempt(database, farm.device_id)
    records = completed_records(opened.run_id, opened.number)
    window = next(record for record in records if isinstance(record, Inferences) and record.phase is Phase.WINDOW)
    further = make_inferences(Phase.WINDOW, [800_000_000] * 10, end_of(window) + SECOND_NS, 24)
    gate = PhaseEntered(phase=Phase.GATE, at_ns=end_of(window))
    again = PhaseEntered(phase=Phase.WINDOW, at_ns=end_of(window) + SECOND_NS)
    deliver(database, opened.attempt_id, lasting(records, window, window, gate, again, replace(further, segment=1)))
    run = get_run(database, opened.run_id)
    assert (run.segments, run.samples) == (2, 34)
