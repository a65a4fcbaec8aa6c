"""Repeatability without a machine: schedules, plans, the order of steps, the file of results, the judgement."""

import dataclasses
import itertools
import json
import math
import os
import resource
import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from scipy import stats

from agent.contact import read_note, read_pick_up
from agent.wire.records import Ended, GatePassed, Inferences, Phase
from agent.wire.spec import Gate, WarmUp
from benchmarks.command import CannotMeasureError
from benchmarks.lone_board import LoneBoard
from benchmarks.repeatability.judged import MEANS, SPREAD_OF, judge
from benchmarks.repeatability.loads import Load, bursts, disturbed, overlap_s
from benchmarks.repeatability.methods import Method, Part, pyperf_processes
from benchmarks.repeatability.ours import BLOCKS, LOAD_WINDOW_S, OwnRun, collect, counted, plan, read_run
from benchmarks.repeatability.reference import LEAST_LOOKS, Reference, kept_on, read_looks, watched
from benchmarks.repeatability.reference_loop import PERIOD_S, next_look_s
from benchmarks.repeatability.results import Results
from benchmarks.repeatability.session import FIRST_ROUNDS, Design, Step, measure_session
from benchmarks.repeatability.timed_loop import clip
from benchmarks.repeatability.truth import find_slope, read_rounds, read_truths, unsteady_sessions
from orchestrator.canary.make import write_network
from tests.agent.board import wait_for
from tests.processes import has_ended

REFERENCE_NS = 1e6
MOST_WAKES = 5  # of half a second of waiting: one is needed
TRUE_NS = {"a1": 20e6, "b1": 22e6, "a8": 30e6, "b8": 33e6}
DESIGN = Design(
    seeds=2, repeats=3, budget_s=100.0, model_ms=20.0, loads=tuple(Load), methods=(Method.PIFARM, Method.NAIVE)
)


def line(method: Method, load: Load, repeat: int, factor: float, **others: Any) -> dict[str, Any]:
    """A measurement that reads `factor` times the truth."""
    a_ns, b_ns = TRUE_NS[f"a{method.threads}"] * factor, TRUE_NS[f"b{method.threads}"]
    parts = [
        {
            "model": name,
            "timed": [60.0, 90.0],
            "value_ns": value_ns,
            "mean_ns": value_ns * 1.5,
            "reference_ns": REFERENCE_NS,
        }
        for name, value_ns in (("a", a_ns), ("b", b_ns))
    ]
    where = {"kind": "measured", "session": 0, "seed": 1, "repeat": repeat, "load": load.value, "method": method.value}
    return where | {"parts": parts, "wall_s": 100.0, "timed_s": 90.0, "disturbed_s": 0.0} | others


def session(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"kind": "session"}, *(truth_round(slower) for slower in (0.9, 1.0, 1.1)), *lines]


def truth_round(slower: float) -> dict[str, Any]:
    """A quiet round in which models and reference took that many times as long as in the middle."""
    parts = [
        {
            "model": name[0],
            "threads": int(name[1]),
            "timed": [60.0 * slower, 60.0 * slower + 5.0],
            "value_ns": value_ns * slower,
            "reference_ns": REFERENCE_NS * slower,
        }
        for name, value_ns in TRUE_NS.items()
    ]
    return {"kind": "truth", "session": 0, "parts": parts}


def test_every_method_of_a_repeat_meets_the_same_bursts_and_every_repeat_others() -> None:
    first = bursts(Load.TWO_BURNERS, 1, 0, 20.0)
    assert first == bursts(Load.TWO_BURNERS, 1, 0, 20.0)
    assert first != bursts(Load.TWO_BURNERS, 1, 1, 20.0) != bursts(Load.TWO_BURNERS, 2, 0, 20.0)
    assert bursts(Load.NONE, 1, 0, 20.0) == ()


def test_bursts_are_in_order_apart_and_within_the_horizon() -> None:
    for seed in range(20):
        edges = [edge for span in bursts(Load.MEMORY, seed, 0, 30.0) for edge in span]
        assert edges == sorted(edges)
        assert all(0 < edge <= 300.0 for edge in edges)


def test_it_burns_about_a_quarter_of_the_time() -> None:
    burnt_s = sum(to - start for seed in range(50) for start, to in bursts(Load.ONE_BURNER, seed, 0, 50.0))
    assert 0.20 < burnt_s / (50 * 500.0) < 0.29


def test_an_overlap_is_the_time_that_both_last() -> None:
    assert overlap_s([(0.0, 10.0), (20.0, 30.0)], [(5.0, 22.0), (29.0, 40.0)]) == pytest.approx(5 + 2 + 1)
    assert overlap_s([(0.0, 1.0)], [(1.0, 2.0)]) == 0


@pytest.mark.integration
def test_a_burner_burns_in_its_spans_and_is_gone_afterwards() -> None:
    began_s = time.monotonic()
    with disturbed(Load.TWO_BURNERS, [(0.0, 0.1)]) as origin_s:
        assert began_s < origin_s <= time.monotonic()
    assert time.monotonic() - began_s < 30.0


def test_runs_alternate_and_fit_into_the_budget_with_time_left_to_wait() -> None:
    ours, no_gate = plan(Method.PIFARM, 1.0, 150.0), plan(Method.NO_GATE, 1.0, 150.0)
    assert ours.order == ("a", "b", "b", "a", "a", "b", "b", "a", "a", "b")
    assert len(ours.order) == 2 * BLOCKS
    assert 10 * (ours.window_s(150.0, 10) + ours.fixed_s) == pytest.approx(0.8 * 150.0)
    assert 10 * (no_gate.window_s(150.0, 10) + no_gate.fixed_s) == pytest.approx(150.0)
    assert plan(Method.ONE_PROCESS, 1.0, 150.0).order == ("a", "b")


def test_what_no_run_has_waited_for_goes_to_the_windows_that_follow() -> None:
    ours = plan(Method.PIFARM, 1.0, 60.0)
    assert ours.window_s(60.0 - ours.planned_s - ours.fixed_s, 9) > ours.planned_s


def test_waiting_takes_runs_away_and_halves_at_most_the_last_window() -> None:
    ours = plan(Method.PIFARM, 1.0, 60.0)
    assert ours.window_s(20.0, 9) == ours.planned_s
    assert ours.window_s(ours.fixed_s + 0.9 * ours.planned_s, 3) == pytest.approx(0.9 * ours.planned_s)
    assert ours.window_s(ours.fixed_s + 0.4 * ours.planned_s, 2) == 0


def test_a_gate_is_never_open_because_time_is_over_and_waits_half_of_what_is_left_at_once() -> None:
    ours = plan(Method.PIFARM, 1.0, 60.0)
    needed_s = ours.fixed_s + ours.planned_s
    early, late = (ours.protocol(left_s, 9).gate for left_s in (needed_s + 20.0, needed_s))
    assert early.timeout_s == pytest.approx(LOAD_WINDOW_S + 10.0)
    assert late.timeout_s == pytest.approx(LOAD_WINDOW_S)
    assert early.foreign_cpu_max is late.foreign_cpu_max is not None
    assert plan(Method.NO_GATE, 1.0, 60.0).protocol(60.0, 1).gate.foreign_cpu_max is None


def test_a_warm_up_holds_two_readings_so_that_the_agent_sees_who_else_runs() -> None:
    protocol = plan(Method.PIFARM, 1.0, 60.0).protocol(60.0, 10)
    assert protocol.warm_up.min_s >= 2 * protocol.telemetry_period_s


def own_run(model: str, *, has_opened: bool) -> OwnRun:
    return OwnRun(part=Part(model=model, value_ns=1.0, timed=(0.0, 1.0)), has_opened=has_opened)


def test_a_run_whose_gate_timed_out_counts_only_where_its_model_has_no_other() -> None:
    runs = [own_run("a", has_opened=True), own_run("b", has_opened=False), own_run("a", has_opened=False)]
    assert counted(runs) == [runs[0].part, runs[1].part]


def test_only_the_window_of_a_run_counts_and_is_placed_on_the_monotonic_clock() -> None:
    warm_up = Inferences(phase=Phase.WARM_UP, first_index=0, starts_ns=(0,), durations_ns=(9,))
    window = Inferences(phase=Phase.WINDOW, first_index=1, starts_ns=(10, 20, 30), durations_ns=(2, 3, 10))
    gates = [GatePassed(at_ns=1, waited_s=0.0, timed_out=timed_out, reason="") for timed_out in (True, False)]
    run = read_run([*gates, warm_up, window], 1_000_000_000, "a")
    part = run.part
    assert run.has_opened and not read_run([gates[0], warm_up, window], 0, "a").has_opened
    assert (part.model, part.value_ns, part.mean_ns) == ("a", 3.0, 5.0)
    assert part.timed == pytest.approx((1.00000001, 1.00000004))


@pytest.mark.integration
def test_a_run_that_is_late_can_be_ended_and_leaves_the_board_to_the_next(tmp_path: Path) -> None:
    write_network(tmp_path / "tiny.onnx", layers=4, channels=8, size=16)
    board = LoneBoard.in_folder(tmp_path / "board")
    staged = board.stage(tmp_path / "tiny.onnx")
    longer, shorter = (plan(Method.NO_GATE, 1.0, budget_s).protocol(budget_s, 10) for budget_s in (3000.0, 1.0))
    late = board.start(board.spec(staged, longer))
    began = resource.getrusage(resource.RUSAGE_THREAD)
    assert not board.attend(late, time.monotonic() + 0.5)
    waited = resource.getrusage(resource.RUSAGE_THREAD)
    assert waited.ru_nvcsw - began.ru_nvcsw <= MOST_WAKES  # it shares a core with what is measured
    board.end(late)
    run = collect(board, board.start(board.spec(staged, shorter)), "a")
    assert run.has_opened and run.part.value_ns > 0
    assert has_ended(late.agent)


@pytest.mark.integration
def test_an_agent_is_come_to_when_it_was_told_so_and_not_before(tmp_path: Path) -> None:
    write_network(tmp_path / "tiny.onnx", layers=4, channels=8, size=16)
    board = LoneBoard.in_folder(tmp_path / "board")
    staged = board.stage(tmp_path / "tiny.onnx")
    protocol = plan(Method.NO_GATE, 1.0, 30.0).protocol(30.0, 10)
    for early_s, contacts in ((0.0, 0), (protocol.window.min_s, 1)):
        started = board.start(board.spec(staged, protocol))
        assert board.attend(dataclasses.replace(started, visit_s=started.visit_s - early_s), math.inf)
        (ended,) = (record for record in board.finish(started) if isinstance(record, Ended))
        assert len(ended.contacts_ns) == contacts


@pytest.mark.integration
def test_a_run_that_is_back_at_its_gate_is_visited_and_picked_up(tmp_path: Path) -> None:
    write_network(tmp_path / "tiny.onnx", layers=4, channels=8, size=16)
    board = LoneBoard.in_folder(tmp_path / "board")
    gate = Gate(live_bits_clear=False, foreign_cpu_max=0.3, load_window_s=0.4, timeout_s=1.0)
    warm_up = WarmUp(min_inferences=5, min_s=1.0)  # long enough for telemetry to see who else runs
    ours = plan(Method.NO_GATE, 1.0, 30.0).protocol(30.0, 10)
    protocol = dataclasses.replace(ours, gate=gate, warm_up=warm_up)
    spec = board.spec(board.stage(tmp_path / "tiny.onnx"), protocol)
    folder = board.folder / "runs" / spec.folder
    with disturbed(Load.TWO_BURNERS, [(0.0, 60.0)]):
        started = board.start(spec)
        wait_for(lambda: (note := read_note(folder)) is not None and note.phase is Phase.GATE)
    assert board.attend(started, math.inf)
    picked_up = [read_pick_up(folder, gate_passed) for gate_passed in (1, 2)]
    assert all(each is not None and each.by.pid != started.agent.pid for each in picked_up)


def looks(path: Path, *each_ns: float) -> Path:
    """A file of looks, one a second from 0 on, and a torn one."""
    path.write_bytes(np.array(list(enumerate(each_ns)), dtype=np.float64).tobytes() + b"torn")
    return path


def test_the_reference_of_a_span_is_the_median_look_in_it_and_of_two_cores_the_geometric_mean(tmp_path: Path) -> None:
    inside = [4.0] * LEAST_LOOKS + [5.0] * 3
    files = {0: looks(tmp_path / "0", *[90.0] * 50, *inside, *[90.0] * 50), 1: looks(tmp_path / "1", *[9.0] * 150)}
    reference, span = Reference(files=files), (49.5, 49.5 + len(inside))
    assert reference.in_span(span, [0]) == pytest.approx(4.0)
    assert reference.in_span(span, [0, 1]) == pytest.approx(6.0)


def test_the_reference_of_a_short_span_is_that_of_the_looks_around_it(tmp_path: Path) -> None:
    around = [*range(LEAST_LOOKS)]
    reference = Reference(files={0: looks(tmp_path / "0", 90, *around, 90)})
    middle_s = 1 + LEAST_LOOKS // 2
    assert reference.in_span((middle_s - 0.1, middle_s + 0.1), [0]) == pytest.approx(LEAST_LOOKS // 2)


def test_looks_while_something_burnt_do_not_count(tmp_path: Path) -> None:
    reference = Reference(files={0: looks(tmp_path / "0", *[4.0] * 20, *[90.0] * 60, *[4.0] * 20)})
    assert reference.in_span((0.0, 99.0), [0], [(19.5, 50.0), (49.0, 79.5)]) == pytest.approx(4.0)


def test_a_reference_that_has_ended_is_no_reference(tmp_path: Path) -> None:
    reference = Reference(files={0: looks(tmp_path / "0", 1, 1, 1, 1, 1, 1)})
    with pytest.raises(CannotMeasureError, match="the reference has ended"):
        reference.in_span((1.0, 60.0), [0])


@pytest.mark.integration
def test_every_core_is_looked_at_while_others_are_kept_on_one(tmp_path: Path) -> None:
    write_network(tmp_path / "tiny.onnx", layers=20, channels=32, size=56)
    allowed = os.sched_getaffinity(0)
    with watched(tmp_path / "tiny.onnx", tmp_path) as reference, kept_on([min(allowed)]):
        assert set(reference.files) == allowed
        assert os.sched_getaffinity(0) == {min(allowed)}
    assert os.sched_getaffinity(0) == allowed
    assert all(len(read_looks(file)) for file in reference.files.values())


@pytest.mark.integration
def test_each_core_has_a_phase_of_its_own(tmp_path: Path) -> None:
    write_network(tmp_path / "tiny.onnx", layers=20, channels=32, size=56)
    with watched(tmp_path / "tiny.onnx", tmp_path) as reference:
        words = [child.cmdline() for child in psutil.Process().children()]
    loops = [each[3:5] for each in words if each[2:3] == ["benchmarks.repeatability.reference_loop"]]
    phases = {int(core): float(phase) for core, phase in loops}
    assert phases == {core: number / len(phases) for number, core in enumerate(sorted(reference.files))}


@pytest.mark.parametrize("now_s", [0.0, 0.37, 0.75, 78_123.456])
def test_looks_of_two_phases_never_come_in_the_same_moment(now_s: float) -> None:
    first_s, second_s = next_look_s(now_s, 0.0), next_look_s(now_s, 0.5)
    assert now_s < first_s <= now_s + PERIOD_S
    assert now_s < second_s <= now_s + PERIOD_S
    assert abs(first_s - second_s) == pytest.approx(PERIOD_S / 2)


def test_a_look_that_was_late_does_not_move_the_later_ones() -> None:
    assert next_look_s(3 * PERIOD_S + 0.2, 0.5) == pytest.approx(3.5 * PERIOD_S)
    assert next_look_s(3.5 * PERIOD_S + 0.7, 0.5) == pytest.approx(4.5 * PERIOD_S)


def test_one_thread_is_kept_on_one_core_and_more_use_all() -> None:
    assert Method.PIFARM.cores({2, 5}) == Method.NAIVE.cores({2, 5}) == [2]
    assert Method.ULTRALYTICS.cores({2, 5}) == [2, 5]


def test_pyperf_gets_as_many_processes_as_its_time_holds() -> None:
    assert pyperf_processes(75.0, 2.5) == 28
    assert pyperf_processes(0.1, 2.5) == 1


def test_clipping_leaves_out_what_is_far_from_the_mean_until_nothing_is() -> None:
    values = np.array([1.0] * 10 + [1.1] * 10 + [9.0])
    assert clip(values).max() == 1.1
    assert len(clip(np.ones(5))) == 5


def test_all_steps_come_once_and_no_method_is_always_first() -> None:
    steps = list(DESIGN.steps())
    assert len(steps) == len({step.key for step in steps}) == 2 * 3 * 4 * 2
    assert {step.method for step in steps[::2]} == set(DESIGN.methods)
    assert [step.key for step in DESIGN.steps()] == [step.key for step in steps]


def test_results_go_on_after_a_torn_last_line_and_what_failed_is_tried_again(tmp_path: Path) -> None:
    results = Results(tmp_path / "results.jsonl")
    results.add(line(Method.NAIVE, Load.NONE, 0, 1.0))
    results.add(line(Method.NAIVE, Load.NONE, 1, 1.0, failed="busy"))
    with results.path.open("a") as file:
        file.write('{"kind": "meas')
    again = Results(results.path)
    assert again.done() == {(1, 0, "none", "naive loop")}
    again.add(line(Method.NAIVE, Load.NONE, 1, 1.0))
    assert len(Results(results.path).done()) == 2


def test_lines_are_of_the_newest_session_in_a_folder_that_is_made(tmp_path: Path) -> None:
    results = Results(tmp_path / "new" / "results.jsonl")
    for number in range(2):
        results.add({"kind": "session"})
        results.add_of_session({"kind": "truth"})
        assert results.lines[-1] == {"kind": "truth", "session": number}


def measured(step: Step) -> dict[str, Any]:
    return line(step.method, step.load, step.repeat, 1.0)


def test_a_session_has_rounds_around_it_and_leaves_the_rest_where_its_time_is_over(tmp_path: Path) -> None:
    results = Results(tmp_path / "results.jsonl")
    waiting = deque(itertools.islice(DESIGN.steps(), 4))
    steps = list(waiting)
    for over_s in (-math.inf, math.inf):
        assert measure_session(waiting, DESIGN, results, measured, lambda: truth_round(1.0), over_s)
    first = ["session", *["truth"] * FIRST_ROUNDS]
    after = ["measured", "truth"]
    assert [each["kind"] for each in results.lines] == [*first, *after, *first, "measured", *after, *after]
    assert results.measured() == [measured(step) | {"session": min(1, number)} for number, step in enumerate(steps)]
    assert not waiting


def test_a_session_on_a_machine_that_becomes_unsteady_ends_at_once_and_its_steps_wait_again(tmp_path: Path) -> None:
    results = Results(tmp_path / "results.jsonl")
    waiting = deque(itertools.islice(DESIGN.steps(), 8))
    steps = list(waiting)
    rounds = iter([truth_round(1.0)] * (FIRST_ROUNDS + 1) + noisy_session(0.05)[1:])
    assert not measure_session(waiting, DESIGN, results, measured, rounds.__next__, math.inf)
    assert list(waiting) == steps
    assert 2 < len(results.measured()) < len(steps)
    assert results.done() == set()


def test_nothing_is_measured_where_the_first_rounds_are_unsteady(tmp_path: Path) -> None:
    results = Results(tmp_path / "results.jsonl")
    waiting = deque(itertools.islice(DESIGN.steps(), 2))
    rounds = iter(noisy_session(0.02)[1:])
    assert not measure_session(waiting, DESIGN, results, measured, rounds.__next__, math.inf)
    assert len(waiting) == 2
    assert not results.lines


def test_the_table_holds_spread_and_worst_distance_of_ours_beside_the_best_peer() -> None:
    repeats = range(SPREAD_OF)
    lines = [line(Method.PIFARM, Load.TWO_BURNERS, each, 1 + each / 500, disturbed_s=each) for each in repeats]
    lines += [line(Method.NAIVE, Load.TWO_BURNERS, each, 1 + each / 10) for each in repeats]
    figures = {figure.what: figure for figure in judge(session(lines))}
    spread = figures["load two burners: one model, spread (reference: best peer)"]
    assert spread.ours.center == pytest.approx(100 * 0.018 / 1.009)
    assert spread.reference is not None and spread.reference.center == pytest.approx(100 * 0.9 / 1.45)
    worst = figures["load two burners: one model, worst off the truth (reference: best peer)"]
    assert worst.ours.center == pytest.approx(1.8)
    assert worst.is_met is True
    assert any("pifarm: spread, worst; 9 of 10 met the disturbance" in what for what in figures)
    assert any(MEANS in what for what in figures)


def test_spreads_are_of_the_repeats_that_all_have_and_nothing_is_promised_of_fewer_than_ten() -> None:
    ours = [line(Method.PIFARM, Load.NONE, each, 1.0) for each in range(1, SPREAD_OF)]
    peers = [line(Method.NAIVE, Load.NONE, each, 9.0 if each == 0 else 1.0) for each in range(SPREAD_OF)]
    peers += [line(Method.PYPERF, Load.NONE, each, 1.01) for each in range(SPREAD_OF)]
    what = "load none: one model, spread (reference: best peer)"
    fewer = {figure.what: figure for figure in judge(session(ours + peers))}[what]
    assert (fewer.ours.count, fewer.is_met) == (SPREAD_OF - 1, None)
    assert fewer.reference is not None and fewer.reference.center == pytest.approx(0.0, abs=1e-9)
    all_ten = {
        figure.what: figure for figure in judge(session([line(Method.PIFARM, Load.NONE, 0, 1.0), *ours, *peers]))
    }
    assert all_ten[what].is_met is True


def test_a_machine_that_became_slower_is_corrected_by_the_reference_and_shown_as_read() -> None:
    measured = [line(Method.PIFARM, Load.NONE, each, 1.0) for each in range(SPREAD_OF)]
    for part in itertools.chain.from_iterable(each["parts"] for each in measured):
        part |= {"value_ns": part["value_ns"] * 1.1, "reference_ns": REFERENCE_NS * 1.1}
    judged, read = [
        figure for figure in judge(session(measured)) if "one model" in figure.what and "worst off" in figure.what
    ]
    assert judged.ours.center == pytest.approx(0.0, abs=1e-9)
    assert judged.is_met is True
    assert read.ours.center == pytest.approx(10.0)
    assert read.is_met is None
    assert "as the clock read it" in read.what


def test_other_session_options_are_held_against_their_own_truth() -> None:
    lines = [line(method, Load.NONE, 0, 1.0) for method in (Method.PIFARM, Method.ULTRALYTICS)]
    (worst,) = [figure for figure in judge(session(lines)) if "one model, worst off" in figure.what]
    assert worst.reference is not None and worst.reference.center == pytest.approx(0.0, abs=1e-9)


def noisy_session(scatter: float) -> list[dict[str, Any]]:
    """Rounds that are now slower, now faster than the reference beside them, with a scatter (SD) of so much."""
    rounds = []
    for number in range(12):
        each = truth_round(1.0)
        for part in each["parts"]:
            part["value_ns"] *= math.exp(scatter * (-1) ** number / math.sqrt(2))
            part["timed"] = [10.0 * number, 10.0 * number + 5.0]
        rounds.append(each)
    return [{"kind": "session"}, *rounds]


@pytest.mark.parametrize(("scatter", "is_steady"), [(0.0095, True), (0.0100, False)])
def test_an_unsteady_machine_is_told_by_its_own_rounds_and_by_what_ten_results_may_spread(
    scatter: float, is_steady: bool
) -> None:
    assert unsteady_sessions(read_rounds(noisy_session(scatter))) == (frozenset() if is_steady else {0})


def test_what_was_measured_on_an_unsteady_machine_is_judged_apart_and_measured_again(tmp_path: Path) -> None:
    spoiled = [line(Method.PIFARM, Load.NONE, each, 1 + each / 10) for each in range(SPREAD_OF)]
    results = Results(tmp_path / "results.jsonl")
    for each in [*noisy_session(0.02), *spoiled]:
        results.add(each)
    assert results.done() == set()
    results.add({"kind": "session"})
    results.add_of_session(truth_round(1.0))
    for repeat in range(SPREAD_OF):
        results.add_of_session(line(Method.PIFARM, Load.NONE, repeat, 1.0))
    assert len(Results(results.path).done()) == SPREAD_OF
    figures = {figure.what: figure for figure in judge(results.lines)}
    judged = figures["load none: one model, spread (reference: best peer)"]
    apart = figures["load none on an unsteady machine: one model, spread (reference: best peer)"]
    assert judged.ours.center == pytest.approx(0.0, abs=1e-6)
    assert apart.ours.center == pytest.approx(100 * 0.9 / 1.45)
    assert judged.targets and apart.targets


def truth_line(number: int, at_s: float, **each: tuple[float, float]) -> dict[str, Any]:
    """A round of a session at a moment: for each model what it took, and the reference."""
    parts = [
        {"model": name, "threads": 1, "timed": [at_s - 1, at_s + 1], "value_ns": value_ns, "reference_ns": reference_ns}
        for name, (value_ns, reference_ns) in each.items()
    ]
    return {"kind": "truth", "session": number, "parts": parts}


def quiet(at_s: float, reference_ns: float, model: str = "a") -> dict[str, Any]:
    return {"model": model, "timed": [at_s - 1, at_s + 1], "reference_ns": reference_ns}


def test_the_truth_of_a_session_is_the_middle_of_its_own_rounds() -> None:
    rounds = [
        truth_line(number, at_s, a=(value_ns, 2.0))
        for at_s, (number, value_ns) in enumerate(((0, 10.0), (1, 90.0), (0, 14.0), (0, 12.0)))
    ]
    truths = read_truths(read_rounds(rounds))
    assert truths[0, 1].at(quiet(1.0, 2.0)) == pytest.approx(12.0)
    assert truths[0, 1].read_ns(quiet(1.0, 2.0)) == 12.0
    assert truths[1, 1].at(quiet(1.0, 5.0)) == pytest.approx(90.0)


def test_a_model_moves_with_the_reference_by_as_much_as_the_rounds_say() -> None:
    rng = np.random.default_rng(7)
    moves = rng.normal(0.0, 0.03, 60)
    assert find_slope([(x, 0.6 * x) for x in moves]) == pytest.approx(0.6)
    assert find_slope([(x, -x) for x in moves]) == 0.0, "a model does not become faster because the machine is slower"
    assert abs(find_slope(list(zip(moves, rng.normal(0.0, 0.01, 60), strict=True)))) < 0.15
    rounds = [truth_line(0, at_s, a=(20.0 * each**0.5, 5.0 * each)) for at_s, each in enumerate((0.9, 1.0, 1.1, 1.0))]
    truth = read_truths(read_rounds(rounds))[0, 1]
    assert truth.slope == pytest.approx(0.5)
    assert truth.at(quiet(2.0, 5.0 * 1.21)) == pytest.approx(22.0)
    assert truth.apart(read_rounds(rounds)[0, 1]) == pytest.approx([0.0] * 3)


def test_what_one_model_takes_beside_the_other_is_told_by_all_rounds() -> None:
    rng, rounds_made, noise = np.random.default_rng(3), 401, 0.03
    rounds = [
        truth_line(0, at_s, a=(20.0 * float(a), 5.0), b=(22.0 * float(b), 5.0))
        for at_s, (a, b) in enumerate(np.exp(rng.normal(0.0, noise, (rounds_made, 2))))
    ]
    truth = read_truths(read_rounds(rounds))[0, 1]
    ratio = truth.at(quiet(200.0, 5.0, "b")) / truth.at(quiet(200.0, 5.0, "a"))
    error_of_medians = noise * float(np.sqrt(np.pi / 2 * 2 / rounds_made))
    assert abs(np.log(ratio / 1.1)) < stats.norm.ppf(0.9995) * error_of_medians


def test_a_machine_that_became_slower_without_the_reference_is_told_by_the_nearest_rounds_of_both_models() -> None:
    rounds = [truth_line(0, at_s, a=(20.0, 5.0), b=(22.0, 5.0)) for at_s in range(0, 300, 10)]
    rounds += [truth_line(0, at_s, a=(22.0, 5.0), b=(24.2, 5.0)) for at_s in range(300, 500, 10)]
    truth = read_truths(read_rounds(rounds))[0, 1]
    assert truth.at(quiet(100.0, 5.0)) == pytest.approx(20.0)
    assert truth.at(quiet(400.0, 5.0)) == pytest.approx(22.0)
    assert truth.at(quiet(400.0, 5.0, "b")) / truth.at(quiet(400.0, 5.0, "a")) == pytest.approx(1.1)


def test_the_table_says_how_still_the_machine_itself_was() -> None:
    still, restless = [figure for figure in judge(session([])) if figure.what.startswith("the machine")]
    assert (still.ours.count, restless.ours.count) == (4, 4)
    assert still.ours.center == pytest.approx(0.0, abs=1e-9)
    assert still.reference is not None
    assert still.reference.center == pytest.approx(100 * np.std(np.log([0.9, 1.0, 1.1])), rel=1e-6)


def test_measurements_that_failed_are_counted() -> None:
    lines = [line(Method.PIFARM, Load.NONE, 0, 1.0), {**line(Method.NAIVE, Load.NONE, 0, 1.0), "failed": "busy"}]
    assert judge(session(json.loads(json.dumps(lines))))[-1].ours.center == 1
