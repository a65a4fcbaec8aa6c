"""A board gets a runtime with the first run that wants it; where it cannot have it, the run says so, others go on."""

from orchestrator.attending.lifecycle import DeviceState, RunState
from orchestrator.db.tables import DeviceRow
from tests.orchestrator.yard import Yard, submit
from tests.pretended_board import PretendedBoard
from tests.small_farm import add_model, get_device, runs_of, set_columns


def test_a_runtime_that_a_board_does_not_support_fails_its_runs_with_the_cause_and_no_others(
    yard: Yard, board: PretendedBoard
) -> None:
    probe = {"runtimes": {"onnxruntime": "1.32.0"}, "unsupported": {"openvino": "killed by SIGILL"}}
    set_columns(yard.database, DeviceRow, 1, probe=probe)
    add_model(yard.database, "other", labels=("fp32",), runtimes=("openvino",))
    refused = submit(yard, model="other")
    fine = submit(yard)
    yard.work()
    (run,) = runs_of(yard.database, refused)
    assert (run.state, run.code, run.attempts_made) == (RunState.FAILED, "runtime_unsupported", 1)
    assert run.message == "openvino is not supported by this board: killed by SIGILL"
    assert yard.states(fine) == {RunState.DONE}
    device = get_device(yard.database, 1)
    assert (device.state, device.faults_in_row) == (DeviceState.READY, 0), "it is no fault of the board"
    assert len(board.started) == 1
