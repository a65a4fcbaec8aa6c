"""What a journal says of a run's own time, on a journal whose moments are known."""

import dataclasses

import pytest

from agent.wire.records import Ended, Inferences, Loaded, Phase, PhaseEntered, Record
from agent.wire.spec import Protocol
from benchmarks.control import PROTOCOL, Cost, judge, read_cost
from tests.journals import SECOND_NS, completed_records


def journal() -> tuple[list[Record], Protocol]:
    """Half a second before the import; a window whose last inference ends a tenth late; 0.2 s of journal."""
    found = [record for record in completed_records("run") if isinstance(record, Loaded)]
    loaded = dataclasses.replace(
        found[0],
        at_ns=round(2.5 * SECOND_NS),
        load_ns=SECOND_NS,
        first_ns=SECOND_NS // 2,
        import_ns=500_000_000,
    )
    entered = [
        PhaseEntered(phase=Phase.GATE, at_ns=SECOND_NS // 10),
        PhaseEntered(phase=Phase.LOAD, at_ns=SECOND_NS // 5),
    ]
    warm_up = Inferences(phase=Phase.WARM_UP, first_index=0, starts_ns=(3 * SECOND_NS,), durations_ns=(SECOND_NS,))
    window = Inferences(
        phase=Phase.WINDOW, first_index=1, starts_ns=(4 * SECOND_NS,), durations_ns=(round(2.1 * SECOND_NS),)
    )
    ends = [record for record in completed_records("run") if isinstance(record, Ended)]
    ended = dataclasses.replace(ends[0], at_ns=round(6.3 * SECOND_NS))
    return [*entered, loaded, warm_up, window, ended], PROTOCOL


def test_what_a_run_costs_beyond_its_protocol_is_all_but_load_warm_up_and_window() -> None:
    cost = read_cost(*journal())
    # 6.3 s from the claim on, of which 2 s are import, load and first inference, 3 s the protocol's.
    assert cost.beyond_s == pytest.approx(1.3)
    assert cost.steps_s["facts and sensors"] == pytest.approx(0.1)
    assert cost.steps_s["measuring process, inputs"] == pytest.approx(0.3)
    assert cost.steps_s["window beyond its least"] == pytest.approx(0.1)
    assert cost.steps_s["journal"] == pytest.approx(0.2)


def test_the_parts_are_shown_below_the_figure_that_was_promised() -> None:
    costs = [Cost(beyond_s=0.4, steps_s={"gate": 0.3, "journal": 0.1})] * 6
    promised, gate, journal = judge(costs)
    assert promised.is_met is True
    assert (gate.ours.center, journal.ours.center) == (0.3, 0.1)
    (slow, *_) = judge([Cost(beyond_s=0.6, steps_s={})] * 6)
    assert slow.is_met is False
