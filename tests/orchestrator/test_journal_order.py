"""The order of a journal's records: one test for each thing that results rely on."""

from collections.abc import Callable

import pytest

from agent.wire.codec import WireError
from agent.wire.records import Ended, Inferences, Loaded, Outcome, Phase, PhaseEntered, Record, Telemetry
from orchestrator.journal_order import Progress
from tests.journals import SECOND_NS, completed_records, make_inferences, make_telemetry

Change = Callable[[list[Record]], list[Record]]
RECORDS = completed_records("cafe")
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


def test_a_run_that_went_back_to_its_gate_is_in_order() -> None:
    again = [PhaseEntered(phase=phase, at_ns=9 * SECOND_NS) for phase in (Phase.WARM_UP, Phase.GATE, Phase.READY)]
    take_all([*RECORDS[:6], *again, RECORDS[3], *RECORDS[6:]])


def later(first_index: int, at_ns: int, phase: Phase = Phase.WINDOW) -> Inferences:
    """One more inference."""
    return make_inferences(phase, [1], at_ns, first_index=first_index)


END_NS = 60 * SECOND_NS


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([ENVIRONMENT], "expected the claim first"),
        ([CLAIMED, CLAIMED], "expected the claim first"),
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
