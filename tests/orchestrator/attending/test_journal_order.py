"""The order of a journal's records: one test for each thing that results rely on."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from agent.wire.codec import WireError
from agent.wire.records import Ended, Inferences, Loaded, Outcome, Phase, PhaseEntered, Record, Telemetry
from orchestrator.attending.journal_order import Progress
from tests.journals import SECOND_NS, completed_records, evaluated_records, make_inferences, make_telemetry

Change = Callable[[list[Record]], list[Record]]
RECORDS = completed_records("cafe")
DONE = Outcome.COMPLETED
END_NS = 60 * SECOND_NS
ENDED_LATE = Ended(at_ns=2 * END_NS, outcome=DONE)
EVALUATED = evaluated_records("cafe")
EVALUATING, ANSWERS = EVALUATED[6], EVALUATED[7]
CLAIMED, ENVIRONMENT, LOADED, WARM_UP, WINDOW, TELEMETRY, ENDED = (RECORDS[i] for i in (0, 1, 5, 7, 9, 10, 11))


def take_all(records: list[Record]) -> Progress:
    """The progress that a whole journal makes."""
    progress = Progress()
    for record in records:
        progress.take(record)
    return progress


def test_an_honest_journal_is_in_order() -> None:
    progress = take_all(RECORDS)
    assert progress.is_ended and progress.counts == {"warm_up": 3, "window": 24}


def test_an_evaluation_has_answers_in_place_of_a_window() -> None:
    progress = take_all(EVALUATED)
    assert progress.is_ended and progress.answers == 3 and not progress.counts


def test_a_run_that_went_back_to_its_gate_is_in_order() -> None:
    again = [PhaseEntered(phase=phase, at_ns=9 * SECOND_NS) for phase in (Phase.WARM_UP, Phase.GATE, Phase.READY)]
    take_all([*RECORDS[:6], *again, RECORDS[3], *RECORDS[6:]])


def segment(number: int, from_s: int, **changes: Any) -> list[Record]:
    """A further segment: gate, warm-up of one inference and window of two, each of a second."""
    at_ns = from_s * SECOND_NS
    warm_up, window = (
        make_inferences(phase, [SECOND_NS] * count, at_ns + begun, first_index=first, segment=number)
        for phase, count, begun, first in (
            (Phase.WARM_UP, 1, SECOND_NS, 2 + number),
            (Phase.WINDOW, 2, 2 * SECOND_NS, 22 + 2 * number),
        )
    )
    entered = [
        PhaseEntered(phase=phase, at_ns=at_ns + index)
        for index, phase in enumerate((Phase.GATE, Phase.READY, Phase.WARM_UP, Phase.WINDOW))
    ]
    return [*entered, dataclasses.replace(warm_up, **changes), window]


def test_a_run_that_heat_sent_back_goes_on_in_further_segments() -> None:
    records = [*RECORDS[:10], *segment(1, 60), *segment(2, 70), TELEMETRY, Ended(at_ns=END_NS * 2, outcome=DONE)]
    progress = take_all(records)
    assert progress.counts == {"warm_up": 5, "window": 28}
    assert (progress.segment, progress.has_window) == (2, True)


def test_a_segment_may_have_no_warm_up() -> None:
    *entered, _, window = segment(1, 60)
    take_all([*RECORDS[:10], *entered, window])


def test_a_segment_may_be_disturbed_on_its_way() -> None:
    *entered, warm_up, window = segment(1, 60)
    phases = (Phase.GATE, Phase.READY, Phase.WARM_UP, Phase.WINDOW)
    again = [PhaseEntered(phase=phase, at_ns=END_NS + 2 * SECOND_NS) for phase in phases]
    take_all([*RECORDS[:10], *entered[:3], *again, warm_up, window])


def later(first_index: int, at_ns: int, phase: Phase = Phase.WINDOW, segment: int = 0) -> Inferences:
    """One more inference."""
    return make_inferences(phase, [1], at_ns, first_index=first_index, segment=segment)


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([ENVIRONMENT], "expected the claim first"),
        ([CLAIMED, CLAIMED], "expected the claim first"),
        ([*EVALUATED[:5], EVALUATING, ANSWERS], "answers of a model that was never loaded"),
        ([*EVALUATED[:6], ANSWERS], "answers in a run that is not evaluating"),
        ([*EVALUATED[:7], PhaseEntered(phase=Phase.WINDOW, at_ns=END_NS)], "a window in a run that is evaluating"),
        ([*EVALUATED[:7], EVALUATING], "an evaluation elsewhere than once"),
        ([*RECORDS[:10], PhaseEntered(phase=Phase.EVALUATING, at_ns=END_NS)], "an evaluation elsewhere than once"),
        ([*EVALUATED[:8], WARM_UP], "inferences of a warm_up that never began"),
        ([*EVALUATED[:7], ENDED_LATE], "a completed evaluation without an answer"),
        ([*RECORDS[:3], ENVIRONMENT], "a second environment"),
        ([*RECORDS[:6], LOADED], "a second load"),
        ([*RECORDS, TELEMETRY], "a line after the end record"),
        ([*RECORDS[:6], PhaseEntered(phase=Phase.READY, at_ns=0)], "a phase that was entered before"),
        ([*RECORDS[:5], *RECORDS[6:]], "a model that was never loaded"),
        ([*RECORDS[:6], WARM_UP], "a warm_up that never began"),
        ([*RECORDS[:8], WINDOW], "a window that never began"),
        ([*RECORDS[:10], later(25, END_NS)], "do not go on in their numbering"),
        ([*RECORDS[:10], later(23, END_NS)], "do not go on in their numbering"),
        ([*RECORDS[:10], later(24, SECOND_NS)], "began before the one before it ended"),
        ([*RECORDS[:10], later(3, END_NS, Phase.WARM_UP)], "a warm-up after the window"),
        ([*RECORDS[:7], RECORDS[8], later(0, 10 * SECOND_NS)], "an inference from before its window"),
        ([*RECORDS[:10], *segment(2, 60)[:4], later(24, END_NS * 2, segment=2)], "segments that do not go on"),
        ([*RECORDS[:10], *segment(1, 60), later(3, END_NS * 2, segment=0)], "do not go on in their numbering"),
        ([*RECORDS[:10], *segment(1, 60), later(26, END_NS * 2)], "segments that do not go on"),
        ([*RECORDS[:8], *segment(1, 60, first_index=3)], "had no window yet"),
        ([*RECORDS[:10], later(24, END_NS, segment=1)], "entered no gate of its own"),
        ([*RECORDS[:10], *segment(1, 60)[:3], later(24, END_NS, segment=1)], "entered no window of its own"),
        ([*RECORDS[:10], *segment(1, 60)[:4], later(24, END_NS, segment=1)], "an inference from before its window"),
        ([*RECORDS[:10], *segment(1, 60)[:5], ENDED_LATE], "a completed run without an inference in its window"),
        (
            [*RECORDS[:10], *segment(1, 60), later(4, END_NS * 2, Phase.WARM_UP, segment=1)],
            "a warm-up after the window",
        ),
        ([*RECORDS[:11], make_telemetry(0, SECOND_NS)], "telemetry from before"),
        ([*RECORDS[:11], Ended(at_ns=SECOND_NS, outcome=Outcome.ABORTED)], "an end from before what it ends"),
        ([CLAIMED, *RECORDS[2:]], "a completed run without its environment"),
        ([*RECORDS[:8], ENDED], "a completed run without an inference in its window"),
    ],
)
def test_what_results_rely_on_is_refused_when_it_does_not_hold(records: list[Record], message: str) -> None:
    with pytest.raises(WireError, match=message):
        take_all(records)


def test_the_records_of_the_example_are_what_they_are_called() -> None:
    assert isinstance(LOADED, Loaded) and isinstance(TELEMETRY, Telemetry) and isinstance(ENDED, Ended)
    assert isinstance(WARM_UP, Inferences) and isinstance(WINDOW, Inferences)
