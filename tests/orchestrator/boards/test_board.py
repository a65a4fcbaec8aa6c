"""The agent's answers become values or the errors that say whose fault it is; real runs come back whole."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.wire import WIRE_VERSION
from agent.wire.answers import Answer, Refused, RefusedBecause, RunState, Status
from agent.wire.codec import dumps
from agent.wire.journal import Cursor, read_lines
from agent.wire.records import Claimed, Ended, Inferences, Outcome
from agent.wire.spec import Fence, Gate, Protocol, Regime, RunSpec, WarmUp, Window
from orchestrator.boards.board import Board
from orchestrator.boards.bundle import AgentBundle, build_bundle
from orchestrator.errors import BusyError, DeviceError, NotStagedError, OwnedError, SpecError, StaleFenceError
from orchestrator.simulator.farm import SimulatedBoard, simulated_boards
from orchestrator.transport import Completed, Progress, Pushed
from orchestrator.transport.keys import FarmKey
from orchestrator.transport.ssh import SshTransport

FENCE = Fence(farm_id="farm-1", number=7)
ARTIFACT_ID = "ab" * 32


@dataclass(slots=True, kw_only=True)
class Told:
    """A transport whose board says what a test tells it to."""

    answer: Completed
    asked: list[list[str]] = field(default_factory=list)

    def open(self) -> None:
        """There is nothing to open."""

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 30.0) -> Completed:
        """The answer, whatever was asked."""
        self.asked.append(list(argv))
        return self.answer

    def push(
        self,
        source: Path,
        target: str,
        *,
        sha256: str,
        slice_s: float | None = None,
        progress: Progress | None = None,
    ) -> Pushed:
        """Nothing has to be sent."""
        return Pushed(sent_bytes=0, complete=True)

    def close(self) -> None:
        """Nothing is open."""


def board_that_says(stdout: bytes | Answer, *, exit_code: int = 0, stderr: bytes = b"") -> Board:
    """A board with one thing to say."""
    said = dumps(stdout).encode() + b"\n" if isinstance(stdout, Answer) else stdout
    told = Told(answer=Completed(exit_code=exit_code, stdout=said, stderr=stderr))
    return Board(told, python="python3", bundle_hash="ab" * 16)


def refused(because: RefusedBecause) -> Answer:
    """An answer that changed nothing."""
    return Answer(refused=Refused(because=because, message="because of this", owner="farm-2", number=9))


def active(*, journal_bytes: int = 0) -> Answer:
    """The answer of a board that measures."""
    return Answer(status=Status(run_id="run", attempt=1, state=RunState.ACTIVE, journal_bytes=journal_bytes))


def make_spec(bundle_hash: str) -> RunSpec:
    """A run of ten scripted inferences."""
    protocol = Protocol(
        name="tiny",
        regime=Regime.BURST,
        gate=Gate(),
        warm_up=WarmUp(min_inferences=1, min_s=0),
        window=Window(min_inferences=10, min_s=0, max_s=10),
    )
    return RunSpec(
        wire_version=WIRE_VERSION,
        run_id="run",
        attempt=1,
        fence=FENCE,
        bundle_hash=bundle_hash,
        artifact_id=ARTIFACT_ID,
        main_file="model.onnx",
        runtime="scripted",
        threads=1,
        protocol=protocol,
        runtime_options={"median_ms": 2.0},
    )


@pytest.mark.parametrize(
    ("because", "error"),
    [
        (RefusedBecause.BUSY, BusyError),
        (RefusedBecause.OWNED, OwnedError),
        (RefusedBecause.STALE_FENCE, StaleFenceError),
        (RefusedBecause.FENCE_UNREADABLE, DeviceError),
        (RefusedBecause.NO_SPACE, DeviceError),
        (RefusedBecause.NO_ARTIFACT, NotStagedError),
        (RefusedBecause.BAD_SPEC, SpecError),
    ],
)
def test_a_refusal_becomes_the_error_of_whose_fault_it_is(because: RefusedBecause, error: type[Exception]) -> None:
    board = board_that_says(refused(because))
    with pytest.raises(error, match="because of this") as caught:
        board.start(make_spec("ab" * 16))
    assert type(caught.value) is error
    with pytest.raises(error):
        board.abort("run", 1, FENCE)


def test_a_stale_fence_brings_the_boards_own_number() -> None:
    with pytest.raises(StaleFenceError) as caught:
        board_that_says(refused(RefusedBecause.STALE_FENCE)).start(make_spec("ab" * 16))
    assert (caught.value.owner, caught.value.number) == ("farm-2", 9)


def test_journal_bytes_follow_the_answer_untouched() -> None:
    journal = b"00000000 {}\n\xff\x00\n"
    said = dumps(active(journal_bytes=len(journal))).encode() + b"\n" + journal
    status, came = board_that_says(said).status("run", 1, 0)
    assert (status.state, came) == (RunState.ACTIVE, journal)


@pytest.mark.parametrize("cut", [-1, 1])
def test_other_than_the_announced_journal_bytes_are_refused(cut: int) -> None:
    said = dumps(active(journal_bytes=4 + cut)).encode() + b"\nfour"
    with pytest.raises(DeviceError, match="announced"):
        board_that_says(said).status("run", 1, 0)


@pytest.mark.parametrize(
    "said", [b"", b"\n", b"Killed", b"{}\n", b'{"status": 1}\n', b"\xff\xfe\n", b'{"probe": {}}\n', b"[" * 5000 + b"\n"]
)
def test_nonsense_is_the_boards_fault_with_an_excerpt_of_its_errors(said: bytes) -> None:
    board = board_that_says(said, exit_code=1, stderr=b"Traceback ...\nMemoryError: no more")
    for ask in (lambda: board.status("run", 1, 0), lambda: board.start(make_spec("ab" * 16)), board.probe):
        with pytest.raises(DeviceError, match="MemoryError"):
            ask()


def test_an_answer_to_another_question_is_nonsense() -> None:
    with pytest.raises(DeviceError, match="probe: no answer"):
        board_that_says(active()).probe()


def test_a_bug_of_the_agent_is_told_with_its_text() -> None:
    board = board_that_says(Answer(error="ZeroDivisionError: division by zero"), exit_code=1)
    with pytest.raises(DeviceError, match="ZeroDivisionError"):
        board.status("run", 1, 0)


def test_an_interpreter_that_is_gone_says_to_set_the_board_up_again() -> None:
    board = board_that_says(b"", exit_code=127, stderr=b"sh: exec: python3: not found")
    with pytest.raises(DeviceError, match="set it up again"):
        board.probe()


@pytest.mark.parametrize("artifact_id", ["..", "a/b", ""])
def test_only_an_artifact_can_be_removed_as_one(artifact_id: str) -> None:
    with pytest.raises(SpecError, match="artifact id"):
        board_that_says(b"[]").remove_artifacts([artifact_id])


@dataclass(frozen=True, slots=True, kw_only=True)
class Farm:
    """A simulated board with an agent on it, and a way to it."""

    simulated: SimulatedBoard
    transport: SshTransport
    bundle: AgentBundle
    board: Board


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    """A board that was set up by hand."""
    key = FarmKey.in_folder(tmp_path / "key")
    with simulated_boards(tmp_path / "boards", ["pi4-bare"], [key.public_line]) as boards:
        way = SshTransport(boards[0].address, key_file=key.private_file, host_key=str(boards[0].host_key))
        bundle = build_bundle(tmp_path / "bundles")
        way.push(bundle.path, bundle.target, sha256=bundle.sha256)
        model = boards[0].home / f".pifarm/artifacts/{ARTIFACT_ID}/model.onnx"
        model.parent.mkdir(parents=True)
        model.write_bytes(b"scripted")
        board = Board(way, python="python3", bundle_hash=bundle.hash)
        yield Farm(simulated=boards[0], transport=way, bundle=bundle, board=board)
        way.close()


def follow(board: Board, *, patience: int = 200) -> bytes:
    """The whole journal of a run, once it has ended; asks as often as the board says."""
    journal = b""
    for _ in range(patience):
        status, more = board.status("run", 1, len(journal))
        journal += more
        if status.state is not RunState.ACTIVE and not more:
            return journal
    raise AssertionError("the run did not end")


@pytest.mark.ssh
@pytest.mark.integration
def test_a_run_starts_once_comes_back_whole_and_is_forgotten(farm: Farm) -> None:
    spec = make_spec(farm.bundle.hash)
    assert farm.board.start(spec).state in (RunState.ACTIVE, RunState.ENDED)
    assert farm.board.start(spec).state in (RunState.ACTIVE, RunState.ENDED)
    records = [record for _, record in read_lines(follow(farm.board), Cursor())]
    assert isinstance(records[0], Claimed) and records[0].bundle_hash == farm.bundle.hash
    assert isinstance(records[-1], Ended) and records[-1].outcome is Outcome.COMPLETED
    assert sum(len(record.durations_ns) for record in records if isinstance(record, Inferences)) >= 10
    farm.board.forget([("run", 1), ("never", 1)])
    farm.board.forget([("run", 1)])
    assert farm.board.status("run", 1, 0)[0].state is RunState.UNKNOWN
    assert list((farm.simulated.home / ".pifarm/runs").iterdir()) == []


@pytest.mark.ssh
@pytest.mark.integration
def test_a_cut_while_a_run_goes_on_loses_nothing(farm: Farm) -> None:
    farm.board.start(make_spec(farm.bundle.hash), wait_s=0)
    farm.simulated.cut_connections()
    records = [record for _, record in read_lines(follow(farm.board), Cursor())]
    assert isinstance(records[-1], Ended) and records[-1].outcome is Outcome.COMPLETED


@pytest.mark.ssh
@pytest.mark.integration
def test_an_aborted_run_has_ended(farm: Farm) -> None:
    spec = make_spec(farm.bundle.hash)
    farm.board.start(spec, wait_s=0)
    assert farm.board.abort("run", 1, FENCE).state is RunState.ENDED
    with pytest.raises(StaleFenceError):
        farm.board.abort("run", 1, Fence(farm_id=FENCE.farm_id, number=FENCE.number - 1))


@pytest.mark.ssh
@pytest.mark.integration
def test_a_probe_tells_a_simulated_board_from_a_real_one(farm: Farm) -> None:
    probe = farm.board.probe(["onnxruntime", "tensorrt"], take_over=FENCE)
    assert probe.simulated and probe.board == "Raspberry Pi 4 Model B Rev 1.1"
    assert (probe.owner, probe.fence_number) == (FENCE.farm_id, FENCE.number)
    assert "onnxruntime" in probe.runtimes and "tensorrt" in probe.unsupported
    assert probe.sources["temperature_c"]


@pytest.mark.ssh
def test_a_bundle_that_is_not_there_can_be_pushed_and_asked_again(farm: Farm) -> None:
    with pytest.raises(NotStagedError, match="bundles/"):
        Board(farm.transport, python="python3", bundle_hash="cd" * 16).status("run", 1, 0)


@pytest.mark.ssh
def test_artifacts_are_listed_with_what_is_missing_of_them_and_removed(farm: Farm) -> None:
    partial = farm.simulated.home / ".pifarm/artifacts/cd/model.onnx.part"
    partial.parent.mkdir()
    partial.write_bytes(b"half")
    staged = {each.artifact_id: (each.size_bytes, each.complete) for each in farm.board.staged_artifacts()}
    assert staged == {ARTIFACT_ID: (8, True), "cd": (4, False)}
    farm.board.remove_artifacts(["cd", "never-was"])
    assert [each.artifact_id for each in farm.board.staged_artifacts()] == [ARTIFACT_ID]
