"""The quiet window, proven by the kernel: no disk write by agent or measuring process, and not a byte of SSH.

A farm runs a study of real inference on a board behind OpenSSH's server. It is watched from outside: the counters of
both processes in /proc, and a relay that counts bytes. A simulated board will not do: it answers questions to its
firmware by a program, and the kernel adds what a program wrote to the counters of the agent that asked it.
"""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from agent.wire.records import Phase
from benchmarks.dispatch import Site
from benchmarks.openssh import openssh_server
from benchmarks.relay import Relay, counting_relay
from benchmarks.running_farm import RunningFarm, running_farm
from orchestrator import demo
from orchestrator.db.tables import AttemptRow, RunRow
from orchestrator.queries.runs import run_series
from orchestrator.transport.address import SshAddress
from orchestrator.transport.local import adopt_own_python

pytestmark = [pytest.mark.integration, pytest.mark.ssh]

LOOK_EVERY_S = 0.02
AT_THE_EDGES_S = 0.5
ORDERS_BYTES = 2  # what the agent says to the measuring process over a pipe: warm up, and measure
ANSWER_BYTES = 5  # what that says back when it is warm
PROTOCOL = ("gate.max_c=none", "gate.live_bits_clear=false", "warm_up.min_s=1", "window.min_s=4")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What one process has written so far: to the disk, and to anything, pipes included."""

    disk_bytes: int
    any_bytes: int

    @classmethod
    def by(cls, pid: int) -> "Written":
        """The kernel's count of a process."""
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
        counts = {name: int(value) for name, value in (line.split(": ") for line in lines)}
        return cls(disk_bytes=counts["write_bytes"], any_bytes=counts["wchar"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All counters between two moments of the monotonic clock."""

    from_ns: int
    to_ns: int
    agent: Written
    measuring: Written
    connections: int
    passed_bytes: int


class Onlooker:
    """Looks at a board's only run, from when it has a measuring process until that is gone.

    Lifecycle: `watching` gives one that looks in a thread of its own until the `with` block ends.
    """

    def __init__(self, runs: Path, relay: Relay) -> None:
        self.looks: list[Look] = []
        self.origin_ns = 0
        self._runs, self._relay = runs, relay
        self._stopping = threading.Event()

    def keep_looking(self) -> None:
        """Look again and again."""
        while not self._stopping.wait(LOOK_EVERY_S):
            for path in self._runs.glob("[!.]*/claim.json"):
                with contextlib.suppress(OSError, ValueError):  # it is being written, or just gone
                    claim = json.loads(path.read_bytes())
                    if claim["measuring"] is not None:
                        self.origin_ns = claim["origin_ns"]
                        self.looks.append(self._look(claim["agent"]["pid"], claim["measuring"]["pid"]))

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()

    def _look(self, agent: int, measuring: int) -> Look:
        from_ns, relay = time.monotonic_ns(), self._relay
        return Look(
            from_ns=from_ns,
            agent=Written.by(agent),
            measuring=Written.by(measuring),
            connections=relay.connections,
            passed_bytes=relay.sent_bytes + relay.answered_bytes,
            to_ns=time.monotonic_ns(),
        )


@contextlib.contextmanager
def watching(runs: Path, relay: Relay) -> Iterator[Onlooker]:
    """Somebody who looks at the runs of a board."""
    onlooker = Onlooker(runs, relay)
    thread = threading.Thread(target=onlooker.keep_looking, daemon=True)
    thread.start()
    try:
        yield onlooker
    finally:
        onlooker.stop()
        thread.join()


@contextlib.contextmanager
def board_over_ssh(folder: Path, farm: RunningFarm) -> Iterator[Site]:
    """A board behind OpenSSH."""
    with openssh_server(folder / "sshd", farm.key.public_line) as running:
        adopt_own_python(running.home / ".pifarm")
        yield Site(name="board", address=running.address, host_key=running.host_key, home=running.home)


def window_of(farm: RunningFarm, study: int) -> tuple[int, int]:
    """From the start of warm-up to the end of the last inference, nanoseconds since the claim.

    The agent notes the window's end later, once the measuring process has reported it.
    """
    database = farm.farm.database
    with database.read() as session:
        query = select(RunRow.id, AttemptRow.phases).join(AttemptRow.run).where(RunRow.study_id == study)
        run_id, phases = session.execute(query).one()
    series = run_series(database, run_id)
    return phases[Phase.WARM_UP.value], round(1e9 * series.start_s[-1] + 1e6 * series.latency_ms[-1])


def measure_once(farm: RunningFarm) -> int:
    """One run of real inference; the study's id."""
    settings = [word for setting in PROTOCOL for word in ("--set", setting)]
    words = ["--variant", "onnx", "--device", "board", "--protocol", "demo", "--blocks", "1", "--threads", "1"]
    study: int = farm.pifarm("submit", demo.MODEL_NAME, *words, *settings)["study"]
    farm.wait_for_end(study)
    return study


def test_from_warm_up_to_the_end_of_the_window_nothing_is_written_and_nobody_speaks_to_the_board(
    sshd: Path, tmp_path: Path
) -> None:
    with (
        running_farm(tmp_path / "farm") as farm,
        board_over_ssh(tmp_path, farm) as site,
        counting_relay(site.address.host, site.address.port) as relay,
    ):
        through = SshAddress(user=site.address.user, host="127.0.0.1", port=relay.port)
        farm.add_board(site.name, through, site.host_key)
        with watching(site.home / ".pifarm" / "runs", relay) as onlooker:
            window = window_of(farm, measure_once(farm))
    warm_up_ns, end_ns = (onlooker.origin_ns + at_ns for at_ns in window)
    quiet = [look for look in onlooker.looks if look.from_ns >= warm_up_ns and look.to_ns <= end_ns]
    assert len(quiet) >= 50 and end_ns - warm_up_ns >= 5e9
    first, last = quiet[0], quiet[-1]
    assert first.from_ns - warm_up_ns < AT_THE_EDGES_S * 1e9 and end_ns - last.to_ns < AT_THE_EDGES_S * 1e9
    assert (last.agent.disk_bytes, last.measuring.disk_bytes) == (first.agent.disk_bytes, first.measuring.disk_bytes)
    assert last.agent.any_bytes - first.agent.any_bytes <= ORDERS_BYTES
    assert last.measuring.any_bytes - first.measuring.any_bytes <= ANSWER_BYTES
    assert (last.connections, last.passed_bytes) == (first.connections, first.passed_bytes)
    assert relay.connections > first.connections, "somebody came back for the journal, by the way that was watched"
