"""A run in words: gates, segments, courses and paces as a person reads them."""

import dataclasses

import pytest

from orchestrator.attending.lifecycle import Verdict
from orchestrator.queries.account import PaceView, RunAccount, SegmentView, Span, TelemetrySummary, WindowEnd
from orchestrator.queries.difference import Difference, RunDifference, Weight
from orchestrator.text import run_text
from tests.examples import make_run

PACE = PaceView(
    answer="held",
    rate_per_s=2.0,
    deadline_ms=500.0,
    offered=120,
    missed=0,
    missed_low=0.0,
    missed_high=0.0247,
    median_ms=312.0,
    p90_ms=330.0,
    p99_ms=None,
    busy=0.62,
    backlog=0,
)


def account(**changes: object) -> RunAccount:
    plain = RunAccount(
        run=make_run(),
        attempt=1,
        timeline=(),
        segments=(),
        window_end=None,
        telemetry=None,
        steadiness="flat",
        change=0.0,
        trimmed=0,
        pace=None,
        soak=None,
        sweep=None,
        progress=None,
        not_checked=(),
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]  # named like its fields


def test_a_gate_says_what_it_waited_for_beside_its_forecast() -> None:
    passed = {
        "waited_s": 245.0, "timed_out": True, "forecast_s": 200.0, "temperature_c": 58.0, "start_c": 52.5,
        "idle_c": 46.5, "tau_s": 361.0, "foreign_cpu": 0.004, "reason": "still too warm",
    }  # fmt: skip
    assert run_text.gate(passed) == (
        "timed out after 4 min 05 s, forecast 3 min 20 s, at 58.0 °C, wanted 52.5 °C, idle 46.5 °C, "
        "time constant 6 min 01 s, foreign load 0.4 %, still too warm"
    )
    busy = {
        "waited_s": 601.0,
        "timed_out": True,
        "foreign_cpu": 0.062,
        "reason": "foreign load 6.2%, wanted at most 2.0%",
    }
    assert run_text.gate(busy) == "timed out after 10 min 01 s, foreign load 6.2%, wanted at most 2.0%"
    assert run_text.gate({}) == ""


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "latency was flat"),
        ({"steadiness": "slowdown", "change": 0.063}, "latency rose: a slowdown (+6.3 %)"),
        (
            {"steadiness": "warm-up", "change": -0.05, "trimmed": 4},
            "latency fell after a warm-up (-5.0 %); 4 inferences before that do not count",
        ),
        ({"steadiness": None}, "no inference was counted"),
    ],
)
def test_a_course_is_worded(changes: dict[str, object], text: str) -> None:
    assert run_text.course(account(**changes)) == text


def test_only_a_window_in_pieces_has_segments() -> None:
    piece = SegmentView(warm_up_from_s=0.0, from_s=10.0, length_s=37.0, inferences=12)
    assert run_text.segments(account(segments=(piece,))) == ""
    assert run_text.segments(account(segments=(piece, piece))) == "2 segments: 12 in 37 s, 12 in 37 s"


def test_a_pace_says_whether_the_rate_was_held_and_how_sure_that_is() -> None:
    assert run_text.pace(PACE) == (
        "2 a second: held; 0 of 120 deadlines of 500 ms missed (0.0 % to 2.5 % of deadlines), "
        "from the due time median 312 ms, p90 330 ms, busy 62.0 %, longest queue 0"
    )


def test_a_sensor_that_gave_nothing_reads_as_absent() -> None:
    hot = Span(first=50.0, last=61.0, low=50.0, high=62.0, mean=58.0)
    board = TelemetrySummary(
        samples=10,
        coverage=0.97,
        longest_gap_s=1.5,
        spans={"temperature_c": hot},
        clock_limit_hz=None,
        live_bits=("throttled",),
        sticky_bits=(),
        knows_bits=True,
    )
    rows = {row[0]: row[1] for row in run_text.telemetry(board)}
    assert rows["temperature"] == "50.0 °C at the start, 61.0 °C at the end, 62.0 °C at most"
    assert rows["throttling"] == "live: throttled; none since boot"
    assert rows["power"] == rows["fan"] == rows["room's thermometer"] == "n/a"
    assert run_text.telemetry(dataclasses.replace(board, knows_bits=False))[2][1] == "n/a"


def test_notes_are_told_apart_from_reasons() -> None:
    reasons = (
        {"code": "tail", "severity": "suspect", "text": "tail: 1.2"},
        {"code": "sensor-missing", "severity": "note", "text": "sensor-missing: power_w"},
    )
    lines = list(run_text.verdict(make_run(verdict=Verdict.SUSPECT, reasons=reasons)))
    assert lines == ["verdict: suspect", "  suspect: tail: 1.2", "  noted: sensor-missing: power_w"]
    assert list(run_text.verdict(make_run(verdict=None))) == []


@pytest.mark.parametrize(("comparable", "text"), [(True, "can be"), (False, "cannot be"), (None, "not known")])
def test_two_runs_can_be_compared_or_not_or_it_is_not_known(comparable: bool | None, text: str) -> None:
    found = RunDifference(one=make_run(), other=make_run(), comparable=comparable, differences=())
    assert text in run_text.comparability(found)


def test_a_difference_has_units_and_says_what_is_missing() -> None:
    found = Difference(weight=Weight.MAY_MATTER, area="environment", fact="clock_limit_hz", one=2.4e9, other=None)
    assert run_text.difference_row(found) == ["environment", "clock_limit_hz", "2400 MHz", "n/a", ""]


@pytest.mark.parametrize(
    ("end", "text"),
    [
        (None, ""),
        (WindowEnd(stopped_by="enough", onset_s=None), ""),
        (WindowEnd(stopped_by="time", onset_s=None), "ended at its longest time"),
        (WindowEnd(stopped_by="heat", onset_s=None), "ended by heat"),
        (
            WindowEnd(stopped_by="heat", onset_s=200.0),
            "ended at 80 % of a known onset: the board throttles after 3 min 20 s of this load",
        ),
    ],
)
def test_a_window_that_was_cut_short_says_by_what(end: WindowEnd | None, text: str) -> None:
    assert run_text.window_end(end) == text
