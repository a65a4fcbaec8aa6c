"""Processes by pid and start time, frames over a pipe, and why a process died."""

import os
import signal
import subprocess
import sys
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import FAULT_OF, RunFault, explain_death
from agent.frames import Chunk, FrameReader, Kind, pack_samples, send_frame, unpack_samples
from agent.processes import cpu_s, identify, is_alive, myself, rss_bytes, send, wait_gone
from agent.wire.records import Fault, Phase
from tests.agent.board import wait_for

INT64 = st.integers(-(2**63), 2**63 - 1)


def test_this_process_is_alive_and_has_memory_and_used_time() -> None:
    me = myself()
    assert me.pid == os.getpid() and is_alive(me)
    used, resident = cpu_s(me.pid), rss_bytes(me.pid)
    if sys.platform == "linux":
        assert used is not None and used > 0
    assert resident is not None and resident > 2**20


def test_a_process_that_nobody_reaped_yet_is_gone_all_the_same() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    named = identify(process.pid)
    assert named is not None and send(named, signal.SIGKILL)
    assert wait_gone(named, timeout_s=10)
    assert not send(named, signal.SIGTERM)
    process.communicate()


def test_waiting_for_a_process_that_stays_gives_up() -> None:
    assert not wait_gone(myself(), timeout_s=0.05)


def test_a_pid_that_is_free_is_nobody() -> None:
    assert identify(2**22 + 1) is None
    assert rss_bytes(2**22 + 1) is None


@given(st.lists(st.tuples(st.sampled_from(Kind), st.binary(max_size=50)), max_size=8), st.integers(1, 30))
def test_messages_come_whole_however_the_pipe_cuts_them(messages: list[tuple[Kind, bytes]], piece: int) -> None:
    heard, said = os.pipe()
    for kind, payload in messages:
        send_frame(said, kind, payload)
    os.close(said)
    reader, received = FrameReader(), []
    while data := os.read(heard, piece):
        received += list(reader.feed(data))
    os.close(heard)
    assert received == messages


@given(
    st.sampled_from([Phase.WARM_UP, Phase.WINDOW]),
    st.integers(0, 19),
    st.integers(0, 2**40),
    st.lists(st.tuples(INT64, INT64), max_size=20),
)
def test_samples_come_back_as_they_were_packed(
    phase: Phase, segment: int, first: int, pairs: list[tuple[int, int]]
) -> None:
    starts, durations = array("q", [start for start, _ in pairs]), array("q", [duration for _, duration in pairs])
    payload = pack_samples(phase, segment, first, starts, durations)
    chunk = Chunk(phase=phase, segment=segment, first_index=first, starts_ns=starts, durations_ns=durations)
    assert unpack_samples(payload) == chunk


@pytest.mark.parametrize(
    ("return_code", "loaded", "code", "fault"),
    [
        (-signal.SIGILL, False, "crashed:SIGILL", Fault.MODEL),
        (-signal.SIGILL, True, "crashed:SIGILL", Fault.MODEL),
        (-signal.SIGSEGV, False, "crashed:SIGSEGV", Fault.MODEL),
        (-signal.SIGSEGV, True, "crashed_running:SIGSEGV", Fault.DEVICE),
        (-signal.SIGKILL, True, "killed:SIGKILL", Fault.DEVICE),
        (-signal.SIGTERM, False, "killed:SIGTERM", Fault.DEVICE),
        (1, False, "measuring_failed", Fault.AGENT),
        (0, True, "measuring_failed", Fault.AGENT),
        (127, False, "runtime_missing", Fault.DEVICE),
    ],
)
def test_a_death_has_a_code_and_somebodys_fault(return_code: int, loaded: bool, code: str, fault: Fault) -> None:
    death = explain_death(return_code, loaded=loaded, last_words="the end")
    assert (death.code, death.fault) == (code, fault)
    assert death.message.endswith(": the end")


def test_a_signal_without_a_name_is_told_by_its_number() -> None:
    assert "signal 63" in explain_death(-63, loaded=True, last_words="").message or sys.platform == "darwin"


@pytest.mark.parametrize("code", sorted(FAULT_OF))
def test_every_code_can_be_raised_with_a_detail(code: str) -> None:
    fault = RunFault(f"{code}:detail", "message")
    assert fault.fault is FAULT_OF[code] and str(fault) == "message"


def test_a_code_that_nobody_listed_cannot_be_raised() -> None:
    with pytest.raises(KeyError):
        RunFault("surprise", "message")


def test_nothing_but_the_boards_own_faults_is_worth_another_attempt() -> None:
    again = {code for code, fault in FAULT_OF.items() if fault is Fault.DEVICE}
    assert again == {"runtime_missing", "crashed_running", "killed", "isolation_failed", "no_space", "no_slot"}


def test_a_process_can_be_waited_for() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    assert wait_for(lambda: process.poll() is not None)
