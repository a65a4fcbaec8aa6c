"""A whole run by the real agent: what is measured, what is written, when, and what it costs."""

import dataclasses
import itertools
import os
import signal
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from agent.processes import is_alive, rss_bytes
from agent.wire.answers import LostCause, RefusedBecause, RunState
from agent.wire.codec import dumps
from agent.wire.journal import Cursor, read_lines
from agent.wire.profile import Profiled, Profiling
from agent.wire.records import (
    Claimed,
    Environment,
    Fault,
    GatePassed,
    Inferences,
    Loaded,
    Outcome,
    Phase,
    PhaseEntered,
    StoppedBy,
    Telemetry,
)
from agent.wire.spec import Fence, Gate, Inputs, Limits, Regime, WarmUp
from tests.agent.board import Board, ended, kill, phases, wait_for, wait_gone
from tests.agent.onnx_models import save_affine, save_lookup
from tests.agent.specs import make_spec, short_protocol

pytestmark = pytest.mark.integration
LONG = short_protocol(window_s=60, max_s=120)
REAL: dict[str, Any] = {"runtime": "onnxruntime", "runtime_options": {}}
REAL_LONG = {**REAL, "main_file": "slow.onnx", "protocol": LONG, "limits": Limits(journal_bytes=64 * 2**20)}


def test_a_real_model_is_measured_from_gate_to_end(board: Board) -> None:
    records = board.run(make_spec(**REAL))
    assert [type(record) for record in records[:2]] == [Claimed, Environment]
    assert phases(records) == [Phase.GATE, Phase.LOAD, Phase.READY, Phase.WARM_UP, Phase.WINDOW, Phase.END]
    end = ended(records)
    assert (end.outcome, end.stopped_by, end.contacts_ns) == (Outcome.COMPLETED, StoppedBy.ENOUGH, ())
    loaded = next(record for record in records if isinstance(record, Loaded))
    assert (loaded.inputs[0].name, loaded.inputs[0].shape) == ("input", (1, 32))
    assert loaded.options["provider"] == "CPUExecutionProvider"
    assert end.peak_rss_bytes is not None and end.peak_rss_bytes > 10 * 1024 * 1024


def test_the_window_holds_every_inference_in_order(board: Board) -> None:
    records = board.run(make_spec())
    times = {r.phase: r.at_ns for r in records if isinstance(r, PhaseEntered)}
    window = [r for r in records if isinstance(r, Inferences) and r.phase is Phase.WINDOW]
    starts = [start for record in window for start in record.starts_ns]
    durations = [duration for record in window for duration in record.durations_ns]
    assert starts == sorted(starts)
    assert times[Phase.WINDOW] <= starts[0] and starts[-1] + durations[-1] <= times[Phase.END]
    assert starts[-1] + durations[-1] - starts[0] >= 0.29e9
    assert 1.5e6 < statistics.median(durations) < 30e6


def test_telemetry_covers_the_quiet_window(board: Board) -> None:
    records = board.run(make_spec())
    times = {r.phase: r.at_ns for r in records if isinstance(r, PhaseEntered)}
    at_ns = [at for r in records if isinstance(r, Telemetry) for at in r.at_ns]
    inside = [at for at in at_ns if times[Phase.WARM_UP] <= at <= times[Phase.END]]
    assert at_ns == sorted(at_ns) and len(inside) >= 5


def test_a_board_without_sensors_says_what_it_could_not_check(board: Board) -> None:
    gate = Gate(max_c=60, start_c=50, foreign_cpu_max=1.0, load_window_s=0.2, timeout_s=30)
    records = board.run(make_spec(protocol=short_protocol(gate=gate)))
    passed = next(record for record in records if isinstance(record, GatePassed))
    environment = next(record for record in records if isinstance(record, Environment))
    assert not passed.timed_out
    assert "temperature, throttle bits" in passed.reason
    assert {"temperature_c", "throttled"} <= set(environment.absent)


def test_start_answers_once_the_run_is_ready_and_says_when_to_come_back(board: Board) -> None:
    spec = make_spec(protocol=LONG)
    status = board.start(spec)
    assert (status.state, status.phase) == (RunState.ACTIVE, Phase.READY)
    assert status.next_report_in_s is not None and 60 < status.next_report_in_s < 63
    assert status.journal_bytes > 0


def test_starting_twice_gives_the_same_run(board: Board) -> None:
    spec = make_spec(protocol=LONG)
    board.start(spec)
    agent, _ = board.processes(spec)
    again = board.start(spec, wait_s=0)
    assert again.state is RunState.ACTIVE
    assert board.processes(spec)[0] == agent
    assert len(list((board.home / "runs").glob("[!.]*"))) == 1


def test_two_starts_at_once_claim_one_run(board: Board) -> None:
    spec = make_spec(protocol=LONG)
    argv, text = board.command("start"), dumps(spec).encode()
    pair = [subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=board.home) for _ in range(2)]
    for process in pair:
        assert process.stdin is not None
        process.stdin.write(text)
        process.stdin.close()
    lines = [process.stdout.readline() for process in pair if process.stdout is not None]
    for process in pair:
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    assert all(b'"state":"active"' in line for line in lines), lines


def test_a_second_run_is_refused_while_one_is_active(board: Board) -> None:
    board.start(make_spec(**REAL_LONG))
    refused = board.refuse(make_spec("run2", **REAL))
    assert refused.because is RefusedBecause.BUSY
    assert "run1.1" in refused.message


def test_an_ended_run_leaves_the_machine_free(board: Board) -> None:
    assert ended(board.run(make_spec("run1", **REAL))).outcome is Outcome.COMPLETED
    assert ended(board.run(make_spec("run2", **REAL))).outcome is Outcome.COMPLETED


def test_a_scripted_run_leaves_the_machine_to_others(board: Board) -> None:
    board.start(make_spec("real", **REAL_LONG))
    assert ended(board.run(make_spec("scripted"))).outcome is Outcome.COMPLETED


def test_a_lower_fence_of_the_same_farm_is_stale(board: Board) -> None:
    board.run(make_spec("run1", fence=Fence(farm_id="farm-a", number=5)))
    refused = board.refuse(make_spec("run2", fence=Fence(farm_id="farm-a", number=4)))
    assert (refused.because, refused.number) == (RefusedBecause.STALE_FENCE, 5)


def test_another_farm_is_told_who_owns_the_board(board: Board) -> None:
    board.run(make_spec("run1"))
    refused = board.refuse(make_spec("run2", fence=Fence(farm_id="farm-b", number=99)))
    assert (refused.because, refused.owner) == (RefusedBecause.OWNED, "farm-a")


def test_an_unreadable_fence_is_an_error_and_not_a_free_board(board: Board) -> None:
    (board.home / "fence.json").write_text('{"farm_id": "farm-a", "num')
    assert board.refuse(make_spec()).because is RefusedBecause.FENCE_UNREADABLE


def test_a_model_that_was_never_staged_is_refused(board: Board) -> None:
    refused = board.refuse(make_spec(main_file="other.onnx"))
    assert refused.because is RefusedBecause.NO_ARTIFACT
    assert not (board.home / "runs").exists()


def test_a_journal_that_does_not_fit_the_disk_is_refused(board: Board) -> None:
    assert board.refuse(make_spec(limits=Limits(journal_bytes=2**60))).because is RefusedBecause.NO_SPACE


def test_a_spec_that_cannot_be_understood_is_refused(board: Board) -> None:
    answer, _ = board.call("start", stdin=b'{"run_id": 3}')
    assert answer.refused is not None and answer.refused.because is RefusedBecause.BAD_SPEC


def test_a_spec_of_a_newer_wire_is_refused(board: Board) -> None:
    refused = board.refuse(make_spec(wire_version=99))
    assert refused.because is RefusedBecause.BAD_SPEC and "wire_version" in refused.message


def test_abort_in_the_window_ends_everything(board: Board) -> None:
    spec = make_spec(protocol=LONG)
    board.start(spec)
    agent, measuring = board.processes(spec)
    answer = board.abort(spec)
    assert answer.status is not None and answer.status.state is RunState.ENDED
    assert not is_alive(measuring)
    wait_gone(agent)
    assert ended(board.finish(spec)).outcome is Outcome.ABORTED


def test_abort_by_a_stale_lease_changes_nothing(board: Board) -> None:
    spec = make_spec(protocol=LONG, fence=Fence(farm_id="farm-a", number=3))
    board.start(spec)
    answer = board.abort(spec, fence=2)
    assert answer.refused is not None and answer.refused.because is RefusedBecause.STALE_FENCE
    assert is_alive(board.processes(spec)[0])


def test_killing_the_agent_ends_the_measuring_process_and_the_run_is_lost(board: Board) -> None:
    spec = make_spec(**REAL_LONG)
    board.start(spec)
    agent, measuring = board.processes(spec)
    kill(agent)
    wait_gone(measuring)
    status, _ = board.status(spec)
    assert (status.state, status.cause) == (RunState.LOST, LostCause.AGENT_DIED)
    assert board.start(spec).state is RunState.LOST
    assert ended(board.run(make_spec("run2", **REAL))).outcome is Outcome.COMPLETED


def test_a_run_of_an_earlier_boot_is_lost_to_the_reboot(board: Board) -> None:
    board.note(board={"boot_id": "first"})
    spec = make_spec(protocol=LONG)
    board.start(spec)
    kill(board.processes(spec)[0])
    board.note(board={"boot_id": "second"})
    status, _ = board.status(spec)
    assert (status.state, status.cause) == (RunState.LOST, LostCause.REBOOTED)


def test_an_unknown_run_is_unknown(board: Board) -> None:
    status, journal = board.status(make_spec())
    assert (status.state, journal) == (RunState.UNKNOWN, b"")


def test_the_run_outlives_the_session_that_started_it(board: Board) -> None:
    spec = make_spec(protocol=short_protocol(window_s=1.0))
    asker = subprocess.Popen(
        board.command("start", "--wait-s", "30"),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        cwd=board.home,
        start_new_session=True,
    )
    assert asker.stdin is not None
    asker.stdin.write(dumps(spec).encode())
    asker.stdin.close()
    wait_for(lambda: board.folder(spec).claim())
    os.killpg(asker.pid, signal.SIGKILL)
    asker.wait()
    assert ended(board.finish(spec)).outcome is Outcome.COMPLETED


def test_a_run_that_nobody_comes_back_to_goes_on_by_itself(board: Board) -> None:
    spec = make_spec(runtime_options={"median_ms": 2.0, "load_ms": 300.0})
    status = board.start(spec, wait_s=0)
    assert status.phase in (None, Phase.GATE, Phase.LOAD)
    assert ended(board.finish(spec)).outcome is Outcome.COMPLETED


def test_nothing_is_written_to_disk_in_the_quiet_window(board: Board) -> None:
    spec = make_spec(protocol=short_protocol(window_s=1.5))
    status = board.start(spec)
    assert status.phase is Phase.READY
    _, measuring = board.processes(spec)
    wait_for(lambda: _sleeps_between_inferences(measuring.pid))
    before = _modified(board.home)
    time.sleep(0.8)  # the thing looked at is that nothing happens for a while
    assert _modified(board.home) == before
    assert is_alive(measuring)
    board.finish(spec)
    assert _modified(board.home) != before


def test_a_contact_in_the_quiet_window_is_recorded(board: Board) -> None:
    spec = make_spec(protocol=short_protocol(warm_up_s=0.2, window_s=2.0))
    board.start(spec)
    _, measuring = board.processes(spec)
    wait_for(lambda: _sleeps_between_inferences(measuring.pid))
    status, _ = board.status(spec)
    assert status.phase in (Phase.WARM_UP, Phase.WINDOW)
    assert status.next_report_in_s is not None and 0.5 < status.next_report_in_s < 2.5
    assert len(ended(board.finish(spec)).contacts_ns) == 1


def test_status_sends_the_journal_from_a_byte_on_and_says_when_more_waits(board: Board) -> None:
    spec = make_spec()
    board.run(spec)
    first, head = board.status(spec, max_bytes=100)
    assert (first.next_report_in_s, len(head)) == (0, 100)
    rest_status, rest = board.status(spec, 100)
    assert rest_status.next_report_in_s is None
    assert len(list(read_lines(head + rest, Cursor()))) > 5


def test_a_broken_model_is_the_models_fault(board: Board) -> None:
    (board.artifact / "model.onnx").write_bytes(b"no model at all")
    end = ended(board.run(make_spec(**REAL)))
    assert (end.outcome, end.fault, end.code) == (Outcome.FAILED, Fault.MODEL, "bad_model")
    assert "model.onnx" in end.message


def test_a_model_that_loads_but_cannot_answer_is_the_models_fault(board: Board) -> None:
    save_lookup(board.artifact / "model.onnx", rows=2)
    end = ended(board.run(make_spec(**REAL)))
    assert (end.fault, end.code) == (Fault.MODEL, "inference_failed")


def test_an_input_that_cannot_be_invented_is_named(board: Board) -> None:
    save_affine(board.artifact / "model.onnx", shape=["batch", "length", 32])
    end = ended(board.run(make_spec(**REAL)))
    assert (end.fault, end.code) == (Fault.SPEC, "unknown_input")
    assert "input input" in end.message and "--shape input=1,1,32" in end.message


def test_a_shape_that_was_given_is_used_and_recorded(board: Board) -> None:
    save_affine(board.artifact / "model.onnx", shape=["batch", "length", 32])
    records = board.run(make_spec(**REAL, inputs=Inputs(shapes={"input": (2, 7, 32)})))
    loaded = next(record for record in records if isinstance(record, Loaded))
    assert (loaded.inputs[0].shape, loaded.outputs[0].shape) == ((2, 7, 32), (2, 7, 32))


def test_a_runtime_that_the_agent_does_not_know_is_the_specs_fault(board: Board) -> None:
    end = ended(board.run(make_spec(runtime="nosuch")))
    assert (end.fault, end.code) == (Fault.SPEC, "unknown_runtime")


def test_a_model_that_takes_too_much_memory_is_ended(board: Board) -> None:
    limits = Limits(wall_s=60, rss_bytes=100 * 2**20, journal_bytes=2**20)
    options = {"hold_bytes": 300 * 2**20, "load_ms": 5000.0}
    end = ended(board.run(make_spec(limits=limits, runtime_options=options)))
    assert (end.fault, end.code) == (Fault.MODEL, "memory_limit")
    assert end.peak_rss_bytes is not None and end.peak_rss_bytes > 100 * 2**20


def test_a_run_beyond_its_wall_time_is_ended(board: Board) -> None:
    limits = Limits(wall_s=0.8, journal_bytes=2**20)
    end = ended(board.run(make_spec(protocol=LONG, limits=limits)))
    assert (end.fault, end.code) == (Fault.SPEC, "wall_limit")


def test_a_runtime_that_dies_of_sigill_is_not_called_slow(board: Board) -> None:
    end = ended(board.run(make_spec(runtime_options={"crash_at": 0})))
    assert (end.fault, end.code) == (Fault.MODEL, "crashed:SIGILL")
    assert "does not run on this board" in end.message


def test_a_crash_in_the_window_is_the_devices_fault(board: Board) -> None:
    options = {"median_ms": 2.0, "crash_at": 100, "crash_signal": "SIGSEGV"}
    end = ended(board.run(make_spec(protocol=LONG, runtime_options=options)))
    assert (end.fault, end.code) == (Fault.DEVICE, "crashed_running:SIGSEGV")


def test_an_inference_that_fails_late_is_a_failed_run(board: Board) -> None:
    end = ended(board.run(make_spec(protocol=LONG, runtime_options={"median_ms": 2.0, "fail_at": 100})))
    assert (end.fault, end.code) == (Fault.MODEL, "inference_failed")


@pytest.mark.parametrize("regime", [Regime.BURST, Regime.SUSTAINED])
def test_a_window_that_its_journal_cannot_hold_says_so(board: Board, regime: Regime) -> None:
    limits = Limits(wall_s=60, journal_bytes=64)
    options = {"median_ms": 1.0, "spin": True}
    end = ended(board.run(make_spec(protocol=short_protocol(regime=regime), limits=limits, runtime_options=options)))
    assert (end.fault, end.code) == (Fault.SPEC, "too_many_inferences")


def test_a_hot_board_ends_the_window(board: Board, tmp_path: Path) -> None:
    zone = tmp_path / "root/sys/class/thermal/thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "type").write_text("cpu-thermal\n")
    (zone / "temp").write_text("81000\n")
    protocol = short_protocol(window_s=30, max_s=60, stop_c=77.0)
    end = ended(board.run(make_spec(protocol=protocol)))
    assert (end.outcome, end.stopped_by) == (Outcome.COMPLETED, StoppedBy.HEAT)


def test_a_slow_model_ends_its_window_by_time(board: Board) -> None:
    protocol = short_protocol(window_s=0.1, min_inferences=10_000, max_s=0.4)
    end = ended(board.run(make_spec(protocol=protocol)))
    assert (end.outcome, end.stopped_by) == (Outcome.COMPLETED, StoppedBy.TIME)


def test_the_supervisor_stays_small(board: Board) -> None:
    spec = make_spec(**REAL_LONG)
    board.start(spec)
    used = rss_bytes(board.processes(spec)[0].pid)
    assert used is not None and used <= 30 * 2**20


def test_a_sustained_run_spools_its_telemetry_and_asks_for_a_report_a_minute(board: Board) -> None:
    status = board.start(make_spec(protocol=dataclasses.replace(LONG, regime=Regime.SUSTAINED)))
    assert status.next_report_in_s == 60


def _modified(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


def _sleeps_between_inferences(pid: int) -> bool:
    # The measuring process listens for HEAT_STOP (SIGUSR1) from the first order on.
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) & (1 << (signal.SIGUSR1 - 1)))


def test_a_sustained_run_is_written_down_while_it_lasts_between_recorded_idling_and_cooling(board: Board) -> None:
    protocol = dataclasses.replace(
        short_protocol(warm_up_s=0.0, window_s=1.5, regime=Regime.SUSTAINED),
        warm_up=WarmUp(min_inferences=0, min_s=0.0),
        recorded_idle_s=0.3,
        recorded_cooling_s=0.4,
        report_every_s=0.4,
    )
    records = board.run(make_spec(protocol=protocol))
    phases = {record.phase: record.at_ns for record in records if isinstance(record, PhaseEntered)}
    assert list(phases)[-6:] == [Phase.READY, Phase.IDLE, Phase.WARM_UP, Phase.WINDOW, Phase.COOLING, Phase.END]
    assert phases[Phase.WARM_UP] - phases[Phase.IDLE] >= 0.3e9
    assert phases[Phase.END] - phases[Phase.COOLING] >= 0.4e9

    chunks = [record for record in records if isinstance(record, Inferences)]
    assert len(chunks) >= 3, "it is handed on in parts"
    starts_ns = [start for chunk in chunks for start in chunk.starts_ns]
    assert [chunk.first_index for chunk in chunks] == [
        sum(len(chunk.starts_ns) for chunk in chunks[:number]) for number in range(len(chunks))
    ]
    assert chunks[-1].end_ns - phases[Phase.WINDOW] >= 1.5e9
    assert max(after - before for before, after in itertools.pairwise(starts_ns)) < 0.2e9, "no gap where a part ended"
    at_ns = [at for record in records if isinstance(record, Telemetry) for at in record.at_ns]
    for begins, ends in ((Phase.IDLE, Phase.WARM_UP), (Phase.COOLING, Phase.END)):
        assert sum(phases[begins] <= at <= phases[ends] for at in at_ns) >= 4, f"telemetry of the {begins.value}"


def test_a_run_is_profiled_after_its_window_where_that_is_asked(board: Board) -> None:
    records = board.run(make_spec(**REAL, profiling=Profiling(inferences=8, warm_ups=2)))
    assert ended(records).outcome is Outcome.COMPLETED
    (profiled,) = (record for record in records if isinstance(record, Profiled))
    assert profiled.inferences == 8
    assert {operator.kind for operator in profiled.operators} >= {"MatMul"}
    assert sum(operator.total_ns for operator in profiled.operators) <= profiled.total_ns
    window = max(place for place, record in enumerate(records) if isinstance(record, PhaseEntered))
    assert records.index(profiled) > window, "nothing is timed while it profiles"


def test_a_runtime_without_a_profiler_says_so(board: Board) -> None:
    end = ended(board.run(make_spec(profiling=Profiling())))
    assert (end.outcome, end.fault, end.code) == (Outcome.FAILED, Fault.SPEC, "no_profiler")
