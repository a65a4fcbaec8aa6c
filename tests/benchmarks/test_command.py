"""What a benchmark prints."""

import json

from benchmarks.command import as_json, as_text
from benchmarks.figure import Estimate, Figure, Target
from benchmarks.machine import Load, Machine, look, machine

QUIET = Load(one_minute=0.1, cpu_share=0.02)


def on_a_machine(before: Load = QUIET, after: Load = QUIET) -> Machine:
    return machine(before, after)


def figure(center: float, at_most: float) -> Figure:
    return Figure(
        what="way",
        unit="s",
        ours=Estimate(center=center, low=center - 0.1, high=center + 0.1, count=20),
        reference=Estimate(center=0.5),
        targets=(Target(at_most=at_most),),
    )


def test_the_target_stands_beside_the_figure_with_met_or_not_met() -> None:
    lines = as_text("dispatch", [figure(1.4, 1.5), figure(1.6, 1.5)], on_a_machine()).splitlines()
    assert "1.400 [1.300, 1.500] n=20" in lines[3] and "0.5" in lines[3] and "value <= 1.5" in lines[3]
    assert lines[3].endswith("met") and not lines[3].endswith("NOT MET")
    assert lines[4].endswith("NOT MET")


def test_the_json_holds_what_the_table_shows() -> None:
    document = json.loads(json.dumps(as_json("push", [figure(1.4, 1.5)], on_a_machine())))
    assert document["benchmark"] == "push"
    (row,) = document["figures"]
    assert row["ours"] == {"center": 1.4, "low": 1.4 - 0.1, "high": 1.5, "count": 20}
    assert row["targets"] == [{"judged": "value", "at_most": 1.5}]
    assert row["met"] is True


def test_a_busy_machine_is_named_whenever_it_was_busy() -> None:
    assert "quiet" in on_a_machine().text
    for before, after in [
        (Load(one_minute=0.1, cpu_share=0.3), QUIET),
        (QUIET, Load(one_minute=0.1, cpu_share=0.3)),
    ]:
        assert "only smoke" in on_a_machine(before, after).text


def test_the_load_average_of_the_benchmark_before_makes_a_machine_not_busy() -> None:
    worn = Load(one_minute=1.9, cpu_share=0.02)
    assert not on_a_machine(worn, worn).was_busy


def test_a_look_gives_a_share() -> None:
    assert 0.0 <= look(seconds=0.01).cpu_share <= 1.0
