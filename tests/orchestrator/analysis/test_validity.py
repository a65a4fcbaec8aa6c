"""Verdicts: a clean run alarms on nothing, and each fault alarms with its own code."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from agent.wire.records import Loaded, StoppedBy, TensorFact
from orchestrator.analysis.facts import Declared, Reference
from orchestrator.analysis.rules.rule import Severity
from orchestrator.analysis.rules.table import RULES
from orchestrator.analysis.validity import Judgement, judge
from orchestrator.attending.lifecycle import Verdict
from tests.orchestrator.analysis.clean_run import ended, gate, latencies, run

TENSOR = TensorFact(name="x", dtype="float32", shape=(1,))
SLOW_CLOCK = {"clock_hz": [2.4e9] * 120 + [1.5e9] * 10 + [2.4e9]}
COUNTED = 120
CALM = {"governor": "performance", "clock_limit_hz": 2.4e9}
SAME_ONCE, SAME_TWICE = (Reference(output_sha256="11" * 32, output_runs=runs) for runs in (1, 2))


def loaded(**changes: Any) -> Loaded:
    values = {
        "at_ns": 1,
        "load_ns": 1,
        "first_ns": 1,
        "runtime_version": "1.32.0",
        "inputs": (TENSOR,),
        "outputs": (TENSOR,),
        "output_sha256": "00",
    }
    return Loaded(**{**values, **changes})


def codes(judgement: Judgement) -> set[str]:
    return {reason.code for reason in judgement.reasons}


def test_a_clean_run_is_valid_without_a_reason() -> None:
    as_asked = loaded(options={"intra_op_threads": 4})
    judgement = judge(run(gate=gate(), loaded=as_asked, declared=Declared(threads=4)).facts())
    assert (judgement.verdict, judgement.reasons) == (Verdict.VALID, ())


INVALID = [
    ("under-voltage", {"telemetry": {"throttled": [0, 0x1, 0]}}),
    ("under-voltage-seen", {"telemetry": {"throttled": [0] * 8 + [0x10000]}}),
    ("throttled", {"telemetry": {"throttled": [0] * COUNTED + [0x2, 0]}}),
    ("throttled", {"telemetry": {"throttled": [0] * COUNTED + [0x4, 0]}}),
    ("throttled", {"telemetry": {"throttled": [0] * COUNTED + [0x80008, 0x80000]}}),
    ("clock-low", {"telemetry": SLOW_CLOCK}),
    ("too-few-inferences", {"durations_ns": latencies(samples=29, median_ns=2e9)}),
    ("telemetry-gap", {"without_telemetry": (20.0, 26.0)}),
    ("telemetry-coverage", {"without_telemetry": (20.0, 24.5)}),
    ("threads-differ", {"declared": Declared(threads=4), "loaded": loaded(options={"intra_op_threads": 1})}),
    ("runtime-differs", {"reference": Reference(runtime_version="1.31.0"), "loaded": loaded()}),
    ("clock-low", {"reference": Reference(clock_limit_hz=2.4e9), "telemetry": {"clock_hz": 1.8e9}}),
    ("output-differs", {"reference": SAME_TWICE, "declared": Declared(threads=1), "loaded": loaded()}),
    ("swap-used", {"swapped_bytes": 4096}),
    ("heat-limited", {"durations_ns": latencies(samples=19), "ended": ended(stopped_by=StoppedBy.HEAT)}),
]
SUSPECT = [
    ("gate-timed-out", {"gate": gate(timed_out=True, waited_s=1200.0)}),
    ("start-outside", {"gate": gate(temperature_c=56.0)}),
    ("back-to-gate", {"ended": ended(back_to_gate=3)}),
    ("contact", {"ended": ended(contacts_ns=(30_000_000_000,))}),
    ("drift", {"durations_ns": (latencies() * np.linspace(1, 1.06, 600)).astype(np.int64)}),
    ("dispersion", {"durations_ns": latencies(sigma=0.05)}),
    ("tail", {"durations_ns": np.where(np.arange(600) % 6 == 0, 150_000_000, latencies())}),
    ("foreign-load", {"telemetry": {"foreign_cpu": 0.05}}),
    ("foreign-burst", {"telemetry": {"foreign_cpu": [0.0] * 150 + [0.2] * 24 + [0.0]}}),
    ("governor", {"environment": {"governor": "ondemand", "clock_limit_hz": 2.4e9}}),
    ("fan-changed", {"telemetry": {"fan_rpm": [0.0] * 150 + [3000.0]}}),
    ("kernel-changed", {"reference": Reference(kernel="6.12"), "environment": {**CALM, "kernel": "6.13"}}),
    ("firmware-changed", {"reference": Reference(firmware="May"), "environment": {**CALM, "firmware": "June"}}),
    ("ambient-moved", {"telemetry": {"ambient_c": [21.0] * 100 + [22.6]}}),
    ("ambient-moved", {"telemetry": {"ambient_c": 21.0}, "reference": Reference(ambient_high_c=22.6)}),
    ("output-differs", {"reference": SAME_ONCE, "declared": Declared(threads=1), "loaded": loaded()}),
    ("sensor-missing", {"telemetry": {"throttled": None}}),
    ("sensor-missing", {"environment": {"governor": "performance"}}),
]


@pytest.mark.parametrize(("code", "fault"), INVALID)
def test_a_grave_fault_makes_a_run_invalid(code: str, fault: dict[str, Any]) -> None:
    judgement = judge(run(**fault).facts())
    assert judgement.verdict is Verdict.INVALID
    assert code in codes(judgement)
    assert judgement.reasons[0].severity is Severity.INVALID


@pytest.mark.parametrize(("code", "fault"), SUSPECT)
def test_a_lesser_fault_makes_a_run_suspect_by_its_own_code(code: str, fault: dict[str, Any]) -> None:
    judgement = judge(run(**fault).facts())
    assert judgement.verdict is Verdict.SUSPECT
    assert code in codes(judgement)


def test_every_rule_that_changes_a_verdict_is_shown_to_alarm() -> None:
    shown = {code for code, _ in INVALID + SUSPECT}
    assert {rule.code for rule in RULES if rule.severity is not Severity.NOTE} - shown == {"model-differs"}


def test_another_model_file_than_asked_for_is_invalid() -> None:
    environment = {"governor": "performance", "clock_limit_hz": 2.4e9, "artifact_id": "b" * 64}
    judgement = judge(run(environment=environment, declared=Declared(artifact_id="a" * 64)).facts())
    assert codes(judgement) == {"model-differs"}


def test_an_old_sticky_bit_is_no_fault_of_this_run() -> None:
    assert judge(run(telemetry={"throttled": 0x50000}).facts()).verdict is Verdict.VALID


def test_throttling_outside_of_the_counted_samples_does_not_count() -> None:
    assert judge(run(telemetry={"throttled": [0x4] * 4 + [0]}).facts()).verdict is Verdict.VALID


def test_one_low_clock_sample_is_no_fault() -> None:
    clock = {"clock_hz": [2.4e9] * 120 + [1.5e9] + [2.4e9]}
    assert judge(run(telemetry=clock).facts()).verdict is Verdict.VALID


def test_a_source_that_answers_once_a_second_is_not_missing() -> None:
    every_fourth = {"clock_hz": [2.4e9, None, None, None] * 70, "throttled": [0, None, None, None] * 70}
    assert judge(run(telemetry=every_fourth).facts()).verdict is Verdict.VALID


def test_bit_3_is_the_declared_state_of_a_3b_plus_at_1200_mhz_and_only_there() -> None:
    soft = {"throttled": 0x80008, "clock_hz": 1.2e9}
    environment = {"governor": "performance", "clock_limit_hz": 1.4e9}
    assert judge(run(board_type="pi3+", telemetry=soft, environment=environment).facts()).verdict is Verdict.VALID
    lower = {**soft, "clock_hz": 1.1e9}
    for board_type, telemetry in (("pi3+", lower), ("pi4", soft)):
        judgement = judge(run(board_type=board_type, telemetry=telemetry, environment=environment).facts())
        assert {"throttled", "clock-low"} <= codes(judgement)


def test_a_host_without_sensors_is_valid_and_says_what_was_not_checked() -> None:
    absent = {"temperature_c": None, "clock_hz": None, "throttled": None}
    judgement = judge(run(board_type="host", telemetry=absent, environment={}).facts())
    assert judgement.verdict is Verdict.VALID
    (note,) = judgement.reasons
    assert note.severity is Severity.NOTE
    assert note.figure == "temperature_c, clock_hz, throttled, governor, clock_limit_hz"
    assert note.text.startswith(f"sensor-missing: {note.figure} read in too little of the window (limit 95 %)")


def test_a_window_that_heat_ended_counts_down_to_its_floor() -> None:
    hot = ended(stopped_by=StoppedBy.HEAT)
    enough = judge(run(durations_ns=latencies(samples=20), ended=hot).facts())
    assert (enough.verdict, codes(enough)) == (Verdict.VALID, {"stopped-by-heat"})
    slow = judge(run(durations_ns=latencies(samples=8, median_ns=2e9), ended=hot).facts())
    assert slow.verdict is Verdict.VALID
    too_few = judge(run(durations_ns=latencies(samples=7, median_ns=2e9), ended=hot).facts())
    assert not too_few.is_worth_repeating
    assert judge(run(telemetry={"throttled": [0, 1, 0]}).facts()).is_worth_repeating


def test_foreign_load_below_what_the_kernel_can_tell_is_no_alarm_on_a_short_window() -> None:
    short: dict[str, Any] = {"durations_ns": latencies(samples=20), "protocol": "demo"}
    assert judge(run(telemetry={"foreign_cpu": 0.03}, **short).facts()).verdict is Verdict.VALID
    judgement = judge(run(telemetry={"foreign_cpu": 0.05}, **short).facts())
    assert codes(judgement) == {"foreign-load"}
    assert judgement.reasons[0].figure == pytest.approx(5.0)
    assert "known to 1.2 %" in judgement.reasons[0].unit


def test_a_return_to_the_gate_is_noted() -> None:
    judgement = judge(run(ended=ended(back_to_gate=1)).facts())
    assert (judgement.verdict, codes(judgement)) == (Verdict.VALID, {"back-to-gate"})


def test_the_gravest_reason_comes_first_and_is_stored_whole() -> None:
    judgement = judge(run(telemetry={"throttled": [0, 1, 0], "foreign_cpu": 0.5}).facts())
    assert judgement.reasons[0].severity is Severity.INVALID
    stored = json.loads(json.dumps(judgement.stored_reasons()))[0]
    assert stored["code"] == "under-voltage"
    assert set(stored) == {"code", "figure", "threshold", "unit", "advice", "severity", "text"}
    assert stored["text"].startswith("under-voltage: 1 samples")


def test_a_clock_limit_that_was_lowered_within_a_study_is_held_against_what_the_study_began_with() -> None:
    capped: dict[str, Any] = {"environment": {**CALM, "clock_limit_hz": 1.8e9}, "telemetry": {"clock_hz": 1.8e9}}
    assert judge(run(**capped).facts()).verdict is Verdict.VALID
    began = Reference(clock_limit_hz=2.4e9)
    assert codes(judge(run(reference=began, **capped).facts())) == {"clock-low"}


def test_a_study_below_the_boards_highest_clock_is_noted_and_valid() -> None:
    limited = {**CALM, "clock_limit_hz": 1.8e9, "clock_max_hz": 2.4e9}
    judgement = judge(run(environment=limited, telemetry={"clock_hz": 1.8e9}).facts())
    assert (judgement.verdict, codes(judgement)) == (Verdict.VALID, {"clock-capped"})
    assert judgement.reasons[0].figure == 75.0


@pytest.mark.parametrize(("threads", "found"), [(2, set()), (4, {"oversubscribed"})])
def test_more_threads_than_cores_are_noted(threads: int, found: set[str]) -> None:
    judgement = judge(run(environment={**CALM, "threads": threads, "cores": 2}).facts())
    assert (judgement.verdict, codes(judgement)) == (Verdict.VALID, found)
    assert all((reason.figure, reason.threshold) == (4, 2) for reason in judgement.reasons)


@pytest.mark.parametrize("threads", [4, None])
def test_another_output_is_only_noted_where_several_threads_may_have_summed_in_another_order(
    threads: int | None,
) -> None:
    judgement = judge(run(reference=SAME_TWICE, declared=Declared(threads=threads), loaded=loaded()).facts())
    assert (judgement.verdict, codes(judgement)) == (Verdict.VALID, {"output-differs"})
    assert "unlike that of 2 earlier runs" in judgement.reasons[0].unit


def test_the_same_output_as_before_and_a_steady_room_are_no_reason() -> None:
    reference = Reference(output_sha256="00", output_runs=3, ambient_low_c=20.0, ambient_high_c=21.4)
    same = run(reference=reference, declared=Declared(threads=1), loaded=loaded(), telemetry={"ambient_c": 20.5})
    assert judge(same.facts()).reasons == ()


def test_an_unsteady_head_is_left_out_and_said() -> None:
    durations = latencies()
    durations[:40] = (durations[:40] * 1.1).astype(np.int64)
    facts = run(durations_ns=durations).facts()
    assert facts.trimmed == pytest.approx(40, abs=6)
    assert len(facts.durations_ns) + facts.trimmed == 600
    judgement = judge(facts)
    assert (judgement.verdict, codes(judgement)) == (Verdict.VALID, {"head-trimmed"})


def test_no_head_is_left_out_at_the_price_of_the_floor_nor_in_a_sustained_run() -> None:
    durations = latencies(samples=36, median_ns=2e9)
    durations[:7] = (durations[:7] * 1.1).astype(np.int64)
    assert len(run(durations_ns=durations).facts().durations_ns) >= 30


def test_a_warm_up_that_fills_more_than_a_fifth_of_the_window_is_said() -> None:
    durations = latencies()
    durations[:240] = (durations[:240] * 1.1).astype(np.int64)
    judgement = judge(run(durations_ns=durations).facts())
    (note,) = (reason for reason in judgement.reasons if reason.code == "not-steady")
    assert note.figure == pytest.approx(40, abs=2)


@pytest.mark.parametrize(
    ("telemetry", "cause"),
    [
        ({"temperature_c": 82.0, "clock_hz": [2.4e9] * 200 + [1.8e9]}, "cause: thermal"),
        ({"throttled": [0] * 200 + [1]}, "cause: power: under-voltage"),
        ({}, "cause: background load or memory"),
        ({"clock_hz": [2.4e9] * 200 + [1.8e9]}, "the readings disagree"),
        ({"clock_hz": None}, "not known"),
    ],
)
def test_a_slowdown_is_said_with_its_cause(telemetry: dict[str, Any], cause: str) -> None:
    durations = (latencies() * np.where(np.arange(600) < 400, 1, 1.3)).astype(np.int64)
    judgement = judge(run(durations_ns=durations, telemetry=telemetry).facts())
    (note,) = (reason for reason in judgement.reasons if reason.code == "slowdown")
    assert cause in note.text
    assert note.figure == pytest.approx(30, abs=3)


@pytest.mark.parametrize(
    ("ambient_c", "stated_c", "figure"), [(None, None, "nobody"), (None, 23.5, "somebody's word"), (23.5, None, None)]
)
def test_a_soak_says_whose_word_its_room_is_unless_a_thermometer_told_it(
    ambient_c: float | None, stated_c: float | None, figure: str | None
) -> None:
    facts = replace(run(protocol="sustained", telemetry={"ambient_c": ambient_c}).facts(), stated_room_c=stated_c)
    found = [reason for reason in judge(facts).reasons if reason.code == "room-not-measured"]
    assert [(each.figure, each.severity) for each in found] == ([(figure, Severity.NOTE)] if figure else [])
    assert all("pifarm device ambient" in each.text for each in found)
