"""The methods paragraph says what was done, and another thing when another thing was done."""

from dataclasses import replace
from typing import Any

import pytest

from agent.wire.spec import Inputs
from orchestrator.analysis.comparison import Observation, compare_all
from orchestrator.analysis.rate_search import Search
from orchestrator.attending.lifecycle import RunState, StudyState, Verdict
from orchestrator.boards.ambient import AmbientSource
from orchestrator.protocols import for_search, paced, preset
from orchestrator.queries.conduct import Conduct
from orchestrator.queries.rows import RunView
from orchestrator.queries.study_parts import GroupPair, Terms
from orchestrator.queries.traces import trace_of
from orchestrator.text.methods_text import methods_paragraph
from tests.examples import make_attempt, make_device, make_group, make_run, make_study

VARIANTS = ("fp32@onnxruntime,t4", "int8@onnxruntime,t4")
GATE = {"waited_s": 90.0, "timed_out": False, "temperature_c": 52.5, "reason": "open"}
LOADED = {
    "runtime_version": "1.32.0",
    "inputs": [{"name": "images", "dtype": "float32", "shape": [1, 3, 64, 64]}],
}
BLOCKS = 3


def run_of(variant: str, block: int, **changes: Any) -> RunView:
    """A run that did what the standard protocol asks."""
    attempt = make_attempt(gate=GATE, loaded=LOADED, measuring_hash="cd" * 16, absent=())
    return make_run(**{"variant": variant, "block": block, "attempts": (attempt,), "window_s": 60.0, **changes})


def runs_of(**changes: Any) -> list[RunView]:
    return [run_of(variant, block, **changes) for block in range(BLOCKS) for variant in VARIANTS]


def pairs_of(medians_ms: tuple[float, float] = (100.0, 70.0)) -> list[GroupPair]:
    """Both variants compared over three blocks that scatter by a half per cent."""
    observations = [
        Observation(variant=name, device="pi5-1", block=block, median_ns=median_ms * 1e6 * (1 + 0.005 * block * sign))
        for block in range(BLOCKS)
        for sign, (name, median_ms) in enumerate(zip(VARIANTS, medians_ms, strict=True))
    ]
    comparison = compare_all(observations)[VARIANTS]
    return [GroupPair(group=make_group(), comparison=comparison, coverage=None)]


def conduct(runs: list[RunView] | None = None, **changes: Any) -> Conduct:
    facts: dict[str, Any] = {
        "study": make_study(),
        "terms": Terms(protocol=preset("standard").protocol, inputs=Inputs(), input_shape="1x3x64x64"),
        "devices": [make_device()],
        "traces": [trace_of(run) for run in (runs_of() if runs is None else runs)],
        "pairs": pairs_of(),
        "version": "0.1.0",
    }
    return Conduct(**{**facts, **changes})


def words(runs: list[RunView] | None = None, **changes: Any) -> str:
    return methods_paragraph(conduct(runs, **changes))


def sustained(**changes: Any) -> str:
    """The words on three soaks."""
    terms = Terms(protocol=preset("sustained").protocol, inputs=Inputs(), input_shape="")
    soaks = [run_of(VARIANTS[0], block, regime="sustained", **changes) for block in range(BLOCKS)]
    study = make_study(protocol="sustained", regime="sustained", variants=VARIANTS[:1])
    return words(soaks, terms=terms, study=study, pairs=[])


def test_a_clean_study_is_told_in_whole_sentences() -> None:
    told = words()
    assert told.startswith(
        "Study 1 measured 2 variants of yolov9-c (fp32@onnxruntime,t4; int8@onnxruntime,t4) on 1 device: "
        "pi5-1 (Raspberry Pi 5 Model B Rev 1.0). Blocks on each device: 3; a block held every variant once, in random "
        "order (seed 7). Each run was a fresh process."
    )
    for part in (
        "Inputs were synthetic tensors from seed 0: images float32 1×3×64×64.",
        "The gate opened in all 6 runs; runs waited 1 min 30 s (median 1 min 30 s) and began at 52.5 °C.",
        "The temperature of the room was not recorded in any run.",
        "All 6 runs ended with a result: 6 valid, 0 suspect, 0 invalid.",
        "1 pair of variants compared by the ratio of medians over 3 common blocks on the same board.",
        "1 of 1 are told apart.",
        "Runtimes: onnxruntime 1.32.0.",
        "Measuring code: cdcdcdcdcdcd.",
        "Boards said of themselves: kernel 6.12, governor performance.",
    ):
        assert part in told
    assert "\n" not in told and "None" not in told and "  " not in told


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ambient_c": 23.0, "ambient_source": AmbientSource.TYPED}, "The room was 23.0 °C in all 6 runs, typed in"),
        ({"ambient_c": 23.0, "ambient_source": AmbientSource.SENSOR}, "measured by a thermometer"),
        ({"labels": {"cooling": "fan"}}, "pi5-1 (Raspberry Pi 5 Model B Rev 1.0; cooling=fan)"),
        ({"segments": 2}, "Heat cut the window of all 6 runs into segments."),
        ({"energy_j": 1.2}, "Energy of an inference is gross"),
        ({"state": RunState.FAILED, "verdict": None, "code": "model-load"}, "All 6 runs failed: model-load (6)."),
        ({"state": RunState.CANCELLED, "verdict": None}, "All 6 runs had not ended or were cancelled."),
    ],
)
def test_what_happened_to_runs_is_said_only_where_it_happened(changes: dict[str, Any], said: str) -> None:
    assert said in words(runs_of(**changes))
    assert said not in words()


def test_a_gate_that_timed_out_is_counted() -> None:
    late = make_attempt(gate={**GATE, "timed_out": True, "waited_s": 1200.0}, loaded=LOADED)
    runs = [replace(runs_of()[0], attempts=(late,)), *runs_of()[1:]]
    told = words(runs)
    assert "The gate opened in 5 of 6 runs; runs waited 1 min 30 s to 20 min 00 s" in told
    assert "The gate timed out in 1 of 6 runs." in told


def test_verdicts_are_counted_with_their_reasons_and_notes_are_not_doubts() -> None:
    doubts = ({"code": "load-foreign", "severity": "suspect"}, {"code": "sensor-missing", "severity": "note"})
    runs = [replace(run, verdict=Verdict.SUSPECT, reasons=doubts) if run.block == 0 else run for run in runs_of()]
    told = words(runs)
    assert "6 runs ended with a result: 4 valid, 2 suspect, 0 invalid. Reasons for suspect: load-foreign (2)." in told


def test_rooms_that_some_runs_do_not_know_are_said_beside_those_that_do() -> None:
    known = {"ambient_c": 21.0, "ambient_source": AmbientSource.SENSOR}
    runs = [replace(run, **known) if run.block else run for run in runs_of()]  # type: ignore[arg-type]  # named fields
    told = words(runs)
    assert "The room was 21.0 °C in 4 of 6 runs, measured by a thermometer beside the board." in told
    assert "The temperature of the room was not recorded in 2 of 6 runs." in told


def test_boards_that_differ_are_told_apart() -> None:
    other = make_attempt(gate=GATE, loaded=LOADED, environment={"kernel": "6.6"}, absent=("power_w",))
    runs = [*runs_of(), *(replace(run, device="pi4-1", attempts=(other,)) for run in runs_of())]
    told = words(runs, devices=[make_device(), make_device(name="pi4-1", simulated=True)])
    assert "kernel 6.12 (pi5-1); 6.6 (pi4-1)" in told
    assert "Not readable: power_w (pi4-1)." in told
    assert "pi4-1 is simulated: temperature, clock and throttling come from a model of a board" in told


def test_no_simulation_is_spoken_of_where_there_was_none() -> None:
    assert "simulated" not in words()


def test_variants_that_were_not_compared_are_not_said_to_have_been() -> None:
    assert "compared" not in words(pairs=[])
    lonely = [run for run in runs_of() if run.block == 0]
    assert "Student" not in words(lonely, pairs=[])


def test_a_study_that_stopped_early_says_how_far_it_came() -> None:
    study = make_study(state=StudyState.CANCELLED, blocks_done=1, blocks_planned=3)
    assert "Only 1 of 3 blocks were completed." in words(study=study)


def test_a_paced_protocol_speaks_of_due_times() -> None:
    terms = Terms(protocol=paced(preset("standard").protocol, 2.0, 0.4), inputs=Inputs(), input_shape="")
    assert "Inferences were then due at 2 a second" in words(terms=terms)
    assert "its deadline was 400 ms after that" in words(terms=terms)


def test_soaks_tell_of_throttling_and_of_those_that_did_not() -> None:
    assert "3 of 3" not in sustained(onset_s=None, known_until_s=1200.0)
    told = sustained(onset_s=None, known_until_s=1200.0)
    assert "0 of 3 runs throttled" in told and "right-censored" in told
    assert "There was no warm-up" in told and "The idle board was then recorded for 2 min 00 s." in told
    throttled = sustained(onset_s=300.0, known_until_s=1200.0)
    assert "All 3 runs throttled by live bits or else by the true clock, after 5 min 00 s of load." in throttled
    assert "right-censored" not in throttled
    assert "Whether boards throttled is not known" in sustained()


def test_a_sweep_speaks_of_slots_and_not_of_a_ranking() -> None:
    terms = Terms(protocol=preset("sweep").protocol, inputs=Inputs(), input_shape="")
    told = words(terms=terms, study=make_study(protocol="sweep", regime="sweep"), pairs=[])
    assert "medians of slots" in told and "Student" not in told


def test_of_many_devices_the_first_are_named() -> None:
    devices = [make_device(name=f"pi-{number:02}", simulated=True) for number in range(15)]
    told = words(devices=devices)
    assert "on 15 devices: pi-00 (" in told and "pi-11 (Raspberry Pi 5 Model B Rev 1.0); and 3 more." in told
    assert "pi-11 and 3 more are simulated" in told


def test_a_search_tells_the_rates_that_it_really_asked_for() -> None:
    terms = Terms(protocol=for_search(Search()), inputs=Inputs(), input_shape="")
    runs = [replace(run, rate_per_s=1.5 + run.block) for run in runs_of()]
    told = words(runs, terms=terms, pairs=[])
    assert "inferences were due at 1.5 to 3.5 a second" in told and "at 1 a second" not in told
