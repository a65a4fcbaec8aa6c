"""What each benchmark makes of its measurements, on known numbers."""

import dataclasses

import pytest

from benchmarks import agent_cost, dispatch, idle, overhead, push
from benchmarks.agent_cost import Cost
from benchmarks.figure import Figure
from benchmarks.idle import Footprint
from benchmarks.trace import Journey, Trace

CASE = overhead.CASES[1]


def found(figures: list[Figure], words: str) -> Figure:
    (figure,) = [figure for figure in figures if words in figure.what]
    return figure


def test_overhead_sets_the_agent_over_the_bare_loop_and_the_bare_loop_over_itself() -> None:
    bare = [20e6, 21e6, 20e6, 22e6, 20e6, 21e6]
    ratio, medians = overhead.judge(CASE, [value * 1.001 for value in bare], bare, bare[::-1])
    assert ratio.ours.center == pytest.approx(1.001)
    assert ratio.is_met is True
    assert ratio.reference is not None and ratio.reference.center == pytest.approx(1.0)
    assert medians.reference is not None and medians.reference.center == pytest.approx(20.5)


def test_an_agent_that_makes_everything_two_percent_slower_misses_both_targets() -> None:
    bare = [20e6, 21e6, 20e6, 22e6]
    ratio, _ = overhead.judge(CASE, [value * 1.02 for value in bare], bare, bare)
    assert ratio.is_met is False


def test_a_second_push_that_sends_a_byte_of_the_file_is_not_met() -> None:
    for sent, is_met in ((0, True), (1, False)):
        figures = push.judge(100, [1.0, 1.1, 1.0], [1.0, 1.0, 1.1], sent, 5000)
        assert found(figures, "bytes of the file").is_met is is_met
        assert found(figures, "at the socket").ours.center == 5000


def test_telemetry_is_what_an_agent_uses_more_than_without_it() -> None:
    def cost(own_percent: float, peak_rss_mb: float = 18.0) -> Cost:
        return Cost(own_percent=own_percent, children_percent=0.0, rss_mb=17.0, peak_rss_mb=peak_rss_mb)

    rounds = [{"4 Hz": cost(0.25), "1 Hz": cost(0.10, 31.0), "none": cost(0.05)} for _ in range(3)]
    figures = agent_cost.judge("here", rounds, agent_cost.SHARES)
    assert found(figures, "telemetry at 4 Hz").ours.center == pytest.approx(0.20)
    assert found(figures, "telemetry at 1 Hz").ours.center == pytest.approx(0.05)
    assert found(figures, "memory, peak").ours.center == 31.0
    assert found(figures, "memory, peak").is_met is False
    assert not [figure for figure in figures if "programs" in figure.what]


def test_an_idle_farm_is_the_sum_of_its_parts() -> None:
    part = Footprint(cpu_percent=0.5, rss_mb=100.0, rss_after_mb=101.0)
    figures = idle.judge({"worker": part, "tick": part}, 4000)
    assert found(figures, "all: processor").ours.center == 1.0
    assert found(figures, "all: memory after").ours.center == 202.0


def trace(at_s: float) -> Trace:
    """A run whose moments are a tenth of a second apart."""
    names = [field.name for field in dataclasses.fields(Trace)]
    return Trace(**{name: at_s + 0.1 * number for number, name in enumerate(names)})


def test_the_steps_of_a_journey_add_up_to_its_way() -> None:
    journey = Journey(stored_s=99.5, runs=(trace(100.0), trace(101.5)))
    first = journey.steps_to_first_inference()
    assert sum(first.values()) == pytest.approx(100.7 - 99.5)
    assert first["queue, lease and pick"] == pytest.approx(0.5)
    following = journey.steps_to_next_load()
    assert sum(following.values()) == pytest.approx(102.2 - 100.8)
    assert following["tidy up and pick"] == pytest.approx(101.5 - 101.1)


def test_dispatch_judges_both_ways_beside_the_bare_ssh() -> None:
    journeys = [Journey(stored_s=99.5, runs=(trace(100.0), trace(102.5))) for _ in range(6)]
    figures = dispatch.judge("simulated", journeys, [0.5] * 6)
    stored, window = (figure for figure in figures if figure.targets)
    assert (stored.is_met, window.is_met) == (True, False)
    assert stored.reference is not None and stored.reference.center == 0.5
    steps = [figure.ours.center for figure in figures if not figure.targets]
    assert sum(steps) == pytest.approx(stored.ours.center + window.ours.center)
