"""A soak that is made longer stays a journal, and what its bytes come to for an hour is plain arithmetic."""

import dataclasses

import pytest

from agent.wire.journal import encode_line
from agent.wire.records import Inferences, Phase, Record, Telemetry
from benchmarks.soak_cost import Seen, judge, judge_stored, weigh
from benchmarks.stored_soak import Stored, repeated
from orchestrator.attending.journal_order import Progress
from tests.journals import completed_records

SEEN = Seen(
    own_percent=0.05, asked_percent=0.0, agent_mb=20.0, agent_growth_mb=0.0, measuring_growth_mb=0.0
)  # fmt: skip


def of_window(records: list[Record]) -> list[Inferences]:
    """The chunks of its window."""
    return [record for record in records if isinstance(record, Inferences) and record.phase is Phase.WINDOW]


def test_a_window_that_is_repeated_keeps_the_journals_order() -> None:
    records = completed_records("run")
    longer = repeated(records, 3)
    progress = Progress()
    for record in longer:
        progress.take(record)
    (once,) = of_window(records)
    thrice = of_window(longer)
    assert [chunk.durations_ns for chunk in thrice] == [once.durations_ns] * 3
    assert progress.is_ended and progress.counts["window"] == 3 * len(once.starts_ns)


def test_telemetry_is_repeated_where_it_is_of_the_window() -> None:
    records = completed_records("run")
    (window,) = of_window(records)
    looks = [at_ns for record in records if isinstance(record, Telemetry) for at_ns in record.at_ns]
    inside = sum(window.starts_ns[0] <= at_ns <= window.end_ns for at_ns in looks)
    longer = [record for record in repeated(records, 2) if isinstance(record, Telemetry)]
    assert sum(len(record.at_ns) for record in longer) == 2 * inside > 0


def test_what_grows_with_the_window_is_extrapolated_and_nothing_else() -> None:
    records = completed_records("run")
    sizes = {type(record): 0 for record in records}
    for seq, record in enumerate(records):
        sizes[type(record)] += len(encode_line(seq, record))
    weighed, twice = weigh(records, 60.0), weigh(records, 30.0)
    assert weighed.journal_mb == pytest.approx(sum(sizes.values()) / 1e6)
    (window,) = of_window(records)
    assert weighed.inferences == len(window.starts_ns) and twice.inferences == 2 * weighed.inferences
    assert twice.telemetry_mb == pytest.approx(2 * sizes[Telemetry] / 1e6)
    assert twice.journal_mb - weighed.journal_mb == pytest.approx(
        weighed.telemetry_mb + weighed.each * weighed.inferences / 1e6
    )


def test_disk_is_promised_for_slow_inferences_and_bytes_for_fast_ones() -> None:
    size = weigh(completed_records("run"), 60.0)
    heavy = dataclasses.replace(size, journal_mb=3.0, each=5.0)
    promised = {pace: [line for line in judge(pace, SEEN, heavy) if line.targets] for pace in ("20 ms", "0.3 ms")}
    assert [line.what for line in promised["20 ms"]] == [
        "20 ms: agent with telemetry at 1 Hz", "20 ms: journal of an hour"
    ]  # fmt: skip
    assert [line.is_met for line in promised["20 ms"]] == [True, False]
    assert [line.what for line in promised["0.3 ms"]][-1] == "0.3 ms: journal for an inference"


def test_the_page_is_judged_by_its_median() -> None:
    stored = Stored(ingest_s=1.0, judge_s=0.2, account_s=0.5, page_s=[3.0, 0.5, 0.6])
    assert [line.is_met for line in judge_stored(stored, 180_000)] == [None, None, None, True]
