"""A board that answers what it likes costs itself a visit or an attempt, never the worker, and never another board."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.wire.answers import Answer, Refused, RefusedBecause, Status
from agent.wire.answers import RunState as BoardState
from agent.wire.codec import dumps
from orchestrator.attending.lifecycle import AttemptState, RunState
from orchestrator.boards import fleet
from orchestrator.boards.board import MAX_ANSWER_BYTES, Board
from orchestrator.boards.wheelhouse import WheelPlatform
from orchestrator.db.session import Database
from orchestrator.db.tables import EventRow
from orchestrator.errors import DeviceError, PifarmError, StaleFenceError
from orchestrator.transport import Completed, Progress, Pushed
from orchestrator.transport.errands import Survey, list_artifacts, remove_folders, take_survey
from orchestrator.transport.pushing import Parcel, Reply
from tests.agent.specs import make_spec
from tests.agent.strategies import ANSWERS
from tests.orchestrator.hostile_journals import HOSTILE, NASTY
from tests.orchestrator.yard import Yard, submit
from tests.pretended_board import Clock, PretendedBoard
from tests.small_farm import BUNDLE_HASH, add_model, get_device, runs_of

EVIL_TEXT = "\0 \x1b]0;owned\x07 \udcff [bold] ![](http://evil/x.png)"
JSON_TEXTS = st.recursive(st.sampled_from(NASTY), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
GARBAGE = st.one_of(
    st.binary(max_size=200),
    JSON_TEXTS.map(lambda value: json.dumps(value).encode() + b"\n"),
    st.tuples(ANSWERS, st.binary(max_size=50)).map(lambda pair: dumps(pair[0]).encode() + b"\n" + pair[1]),
    st.sampled_from([b"", b"\n", b"{" * 20_000 + b"\n", b"[" * 900 + b"]" * 900 + b"\n", b"1" * 5000 + b"\n"]),
)
ENDS = st.builds(Completed, exit_code=st.integers(-64, 255), stdout=GARBAGE, stderr=st.binary(max_size=100))
# One farm for all examples: each finds it as the one before has left it. They are few, for each is many visits.
going_on = settings(
    max_examples=max(settings().max_examples // 10, 1),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@dataclass(slots=True)
class Liar:
    """A `Transport` to a board that answers every command with what it was given, and takes every file."""

    said: Completed

    def open(self) -> None:
        """Be reached."""

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 30.0) -> Completed:
        """Answer."""
        return self.said

    def push(
        self, source: Path, target: str, *, sha256: str, slice_s: float | None = None, progress: Progress | None = None
    ) -> Pushed:
        """Take it."""
        return Pushed(sent_bytes=0, complete=True)

    def close(self) -> None:
        """Nothing is open."""


def liar(stdout: bytes, stderr: bytes = b"", exit_code: int = 0) -> Liar:
    """A board that always says the same."""
    return Liar(Completed(exit_code=exit_code, stdout=stdout, stderr=stderr))


@given(said=ENDS)
def test_whatever_a_board_answers_is_an_answer_or_an_error_of_ours(said: Completed) -> None:
    transport = Liar(said)
    board = Board(transport, python="python3", bundle_hash=BUNDLE_HASH)
    for ask in (
        lambda: board.start(make_spec()),
        lambda: board.status("run1", 1, 0),
        lambda: board.abort("run1", 1, make_spec().fence),
        board.probe,
        board.examine,
        lambda: board.prepare("farm-a"),
        lambda: board.restore("farm-a"),
        board.staged_artifacts,
        lambda: board.forget([("run1", 1)]),
        lambda: take_survey(transport),
    ):
        try:
            ask()
        except PifarmError as error:
            text = str(error)
            assert "\0" not in text and text.encode("utf-8").decode("utf-8") == text


@going_on
@given(said=st.lists(ENDS, min_size=1, max_size=6))
def test_a_visit_to_a_board_that_answers_garbage_ends_and_says_when_to_come_back(
    garbage_yard: Yard, said: list[Completed]
) -> None:
    board = garbage_yard.boards[1]
    for one in said:
        garbage_yard.boards[1] = Liar(one)  # type: ignore[assignment]  # another transport
        next_s = garbage_yard.visit()
        assert next_s is None or 0 <= next_s <= 4000
        if get_device(garbage_yard.database, 1).state.value == "sick":
            fleet.resume(garbage_yard.database, "pi5")
    garbage_yard.boards[1] = board


@pytest.fixture
def garbage_yard(yard: Yard) -> Yard:
    """A farm whose only board has work; its examples go on where the one before has stopped."""
    yard.add_board()
    submit(yard, blocks=50)
    return yard


@going_on
@given(journals=st.lists(HOSTILE, min_size=1, max_size=3))
def test_hostile_journals_cost_attempts_and_no_visit_of_another_board(
    hostile_yard: Yard, journals: list[bytes]
) -> None:
    yard, board = hostile_yard, hostile_yard.boards[1]
    study_id = submit(yard, devices=("pi5",))
    for _ in range(40):
        next_s = yard.visit(1)
        if next_s is None:
            break
        for run in board.runs.values():
            run.journal = journals[run.spec.attempt % len(journals)]
        yard.clock.wait(next_s)
    else:
        raise AssertionError("the device is never done")
    states = {run.state for run in runs_of(yard.database, study_id)}
    assert states <= {RunState.DONE, RunState.FAILED, RunState.QUEUED}
    assert all(attempt.state not in (AttemptState.STARTED, AttemptState.STAGING) for attempt in yard.attempts())
    fleet.resume(yard.database, "pi5")


@pytest.fixture
def hostile_yard(yard: Yard) -> Yard:
    """A farm with one board that is to be hostile."""
    yard.add_board()
    return yard


def test_a_board_beside_a_hostile_one_goes_on(yard: Yard) -> None:
    yard.add_board("evil")
    yard.add_board("good")
    study_id = submit(yard)
    yard.boards[1] = liar(b"\0" * 1000, EVIL_TEXT.encode(errors="surrogateescape"))  # type: ignore[assignment]  # another transport
    assert yard.visit(1) is not None
    yard.work(2)
    assert {run.state for run in runs_of(yard.database, study_id) if run.device_id == 2} == {RunState.DONE}


def test_what_a_board_said_is_stored_by_every_database(each_yard: Yard) -> None:
    submit(each_yard)
    each_yard.boards[1] = liar(b"", EVIL_TEXT.encode(errors="surrogateescape"), exit_code=1)  # type: ignore[assignment]  # another transport
    assert each_yard.visit() is not None
    assert "owned" in get_device(each_yard.database, 1).state_reason
    with each_yard.database.read() as session:
        assert session.query(EventRow).count() >= 2


@pytest.fixture
def each_yard(yard: Yard, each_database: Database) -> Yard:
    """A farm with one board, on each database."""
    made = Yard(farm=dataclasses.replace(yard.farm, database=each_database), clock=Clock())
    add_model(each_database)
    made.add_board()
    return made


def test_a_board_cannot_send_its_attendant_away_for_good(yard: Yard, board: PretendedBoard) -> None:
    submit(yard)
    board.quiet_s = 1e15
    next_s = yard.visit()
    assert next_s is not None and 0 <= next_s < 4000


def test_a_run_that_ended_without_an_end_in_its_journal_is_lost_and_measured_again(
    yard: Yard, board: PretendedBoard
) -> None:
    study_id = submit(yard)
    yard.visit()
    (run,) = board.runs.values()
    run.journal = run.journal[: run.journal.rfind(b"\n", 0, -1) + 20]
    yard.work()
    assert [(each.state, each.code) for each in yard.attempts()] == [
        (AttemptState.LOST, "journal_damaged"),
        (AttemptState.ENDED, ""),
    ]
    assert yard.states(study_id) == {RunState.DONE}


def test_an_answer_about_another_attempt_is_refused() -> None:
    answer = Answer(status=Status(run_id="other", attempt=1, state=BoardState.ENDED))
    board = Board(liar(dumps(answer).encode() + b"\n"), python="python3", bundle_hash=BUNDLE_HASH)
    with pytest.raises(DeviceError, match=r"asked about run1\.1"):
        board.status("run1", 1, 0)


def test_more_journal_than_was_asked_for_is_refused() -> None:
    answer = Answer(status=Status(run_id="run1", attempt=1, state=BoardState.ACTIVE, journal_bytes=11))
    board = Board(liar(dumps(answer).encode() + b"\n" + b"x" * 11), python="python3", bundle_hash=BUNDLE_HASH)
    with pytest.raises(DeviceError, match="at most 10 journal bytes were asked for"):
        board.status("run1", 1, 0, max_bytes=10)


def test_an_answer_without_end_is_refused() -> None:
    board = Board(liar(b'{"error": "' + b"x" * MAX_ANSWER_BYTES + b'"}\n'), python="python3", bundle_hash=BUNDLE_HASH)
    with pytest.raises(DeviceError, match=f"at most {MAX_ANSWER_BYTES} bytes"):
        board.probe()


def test_a_board_cannot_raise_its_fence_beyond_what_fits() -> None:
    def told(number: int) -> Board:
        text = dumps(Answer(refused=Refused(because=RefusedBecause.STALE_FENCE, message="stale", number=1)))
        text = text.replace('"number":1', f'"number":{number}')
        return Board(liar(text.encode() + b"\n"), python="python3", bundle_hash=BUNDLE_HASH)

    with pytest.raises(StaleFenceError):
        told(2**53 - 1).start(make_spec())
    with pytest.raises(DeviceError, match="does not fit"):
        told(2**53).start(make_spec())


@pytest.mark.parametrize("name", ["../../etc", "/", "", ".", "a/b", "x\0"])
def test_an_artifact_with_the_name_of_a_path_is_refused(name: str) -> None:
    said = json.dumps([{"artifact_id": name, "size_bytes": 1, "complete": True}]).encode()
    with pytest.raises(DeviceError, match=r"artifact_id: expected a (plain name|text without NUL)"):
        list_artifacts(liar(said))


@pytest.mark.parametrize("said", [b"7", b'["/etc"]', b"null", b"{}"])
def test_a_board_that_removed_something_else_is_refused(said: bytes) -> None:
    with pytest.raises(DeviceError):
        remove_folders(liar(said), ["runs/x.1"])


@pytest.mark.parametrize(("libc", "machine"), [("2.99999999999", "aarch64"), ("2.36", "aarch64 --index-url=http://x")])
def test_wheels_are_not_gathered_for_a_platform_that_cannot_be(libc: str, machine: str) -> None:
    survey = Survey(
        machine=machine, bits=64, libc="glibc", libc_version=libc, free_bytes=10**12, python="/usr/bin/python3",
        python_version=(3, 11), can_make_environments=True, other_pythons={}, adopted_python=None,
        adopted_version=None, environments={}, jobs=(),
    )  # fmt: skip
    with pytest.raises(DeviceError):
        WheelPlatform.of(survey, (3, 11))


@given(line=GARBAGE)
def test_whatever_a_receiver_says_is_a_reply_or_a_fault_of_the_board(line: bytes) -> None:
    parcel = Parcel(source=Path(__file__), target="x", size_bytes=10, sha256="0" * 64)
    try:
        reply = Reply.parse(line, parcel)
    except DeviceError:
        return
    assert reply.have is None or 0 <= reply.have <= 10
