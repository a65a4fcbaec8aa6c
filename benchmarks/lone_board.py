"""This machine as a board with the real agent, without a farm and without SSH: what the agent itself costs.

Lifecycle: `LoneBoard.in_folder` stages the agent; every run gets an id of its own; `end` ends what is still running.
"""

import itertools
import json
import os
import select
import shutil
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import psutil

from agent.wire import WIRE_VERSION
from agent.wire.answers import RunState, Status
from agent.wire.journal import Cursor, read_lines
from agent.wire.records import Ended, Outcome, Phase, Record
from agent.wire.spec import Fence, Limits, Protocol, RunSpec, Scalar
from benchmarks.command import CannotMeasureError
from orchestrator.boards.board import START_WAIT_S, Board
from orchestrator.boards.bundle import build_bundle
from orchestrator.errors import BusyError
from orchestrator.transport.local import LocalTransport, adopt_own_python

ARTIFACT_ID = "0123456789abcdef"
FENCE = Fence(farm_id="benchmark", number=1)
LOCK_PATIENCE_S = 120.0
POLL_S = 0.1
VISIT_SLACK_S = 0.3  # a run that has ended until then needs no visit; the agent waits for a visitor ten times as long
LIMITS = Limits(wall_s=600.0, journal_bytes=16 * 1024 * 1024)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A run that is on its way: its spec, the process of its agent, and when it was told that somebody comes again."""

    spec: RunSpec
    agent: psutil.Process
    visit_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LoneBoard:
    """A farm folder on this machine."""

    folder: Path
    board: Board
    bundle_hash: str
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @classmethod
    def in_folder(cls, folder: Path) -> Self:
        """A board in `folder`, which may hold a board.json already."""
        bundle = build_bundle(folder / "bundles")
        adopt_own_python(folder)
        board = Board(LocalTransport(folder), python=sys.executable, bundle_hash=bundle.hash)
        return cls(folder=folder, board=board, bundle_hash=bundle.hash)

    def stage(self, model: Path) -> str:
        """Bring a model to the board; gives its name there."""
        artifact = self.folder / "artifacts" / ARTIFACT_ID
        artifact.mkdir(parents=True, exist_ok=True)
        shutil.copy(model, artifact / model.name)
        return model.name

    def spec(
        self, model: str, protocol: Protocol, *, runtime: str = "onnxruntime", options: dict[str, Scalar] | None = None
    ) -> RunSpec:
        """A run of a staged model, on one thread."""
        return RunSpec(
            wire_version=WIRE_VERSION,
            run_id=f"run{next(self.numbers)}",
            attempt=1,
            fence=FENCE,
            bundle_hash=self.bundle_hash,
            artifact_id=ARTIFACT_ID,
            main_file=model,
            runtime=runtime,
            threads=1,
            protocol=protocol,
            limits=LIMITS,
            runtime_options=options or {},
        )

    def start(self, spec: RunSpec) -> Started:
        """Start a run as soon as nobody else measures on this machine; returns when it is about to warm up."""
        gives_up_s = time.monotonic() + LOCK_PATIENCE_S
        while True:
            try:
                status = self.board.start(spec)
                break
            except BusyError as error:
                if time.monotonic() > gives_up_s:
                    raise CannotMeasureError(f"another measurement holds this machine: {error}") from error
                time.sleep(POLL_S)
        if status.state is not RunState.ACTIVE:
            self.records(spec)
        claim = json.loads((self.folder / "runs" / spec.folder / "claim.json").read_bytes())
        return Started(spec=spec, agent=psutil.Process(claim["agent"]["pid"]), visit_s=_visit_s(status))

    def finish(self, started: Started) -> list[Record]:
        """Wait until the agent has ended, without a word to it; the records of its run.

        Whoever reaps it may take seconds: an agent that waits for that has ended.
        """
        if not _has_ended_by(started.agent, time.monotonic() + LIMITS.wall_s):
            raise CannotMeasureError(f"a run of the agent lasts longer than {LIMITS.wall_s:g} s")
        records = self.records(started.spec)
        self.board.forget([(started.spec.run_id, started.spec.attempt)])
        return records

    def attend(self, started: Started, until_s: float) -> bool:
        """Sleep until the agent has ended, but not beyond a moment on the monotonic clock; whether it has.

        Comes to it when it was told so, as a farm does: a run that is back at its gate waits for that, and at READY for
        whoever takes notice of it.
        """
        while not _has_ended_by(started.agent, min(until_s, started.visit_s + VISIT_SLACK_S)):
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return False
            status, _ = self.board.status(started.spec.run_id, started.spec.attempt, 0)
            if status.phase in (Phase.GATE, Phase.LOAD):
                status = self.board.start(started.spec, wait_s=min(START_WAIT_S, left_s))  # waits until it is ready
            started = replace(started, visit_s=_visit_s(status))
        return True

    def end(self, started: Started) -> None:
        """End a run whose result nobody wants."""
        self.board.abort(started.spec.run_id, started.spec.attempt, FENCE)
        self.board.forget([(started.spec.run_id, started.spec.attempt)])

    def records(self, spec: RunSpec) -> list[Record]:
        """The records of a run that ended well; raises `CannotMeasureError` for any other."""
        journal = (self.folder / "runs" / spec.folder / "journal.jsonl").read_bytes()
        records = [record for _, record in read_lines(journal, Cursor())]
        last = records[-1] if records else None
        if not isinstance(last, Ended) or last.outcome is not Outcome.COMPLETED:
            raise CannotMeasureError(f"a run of the agent did not end well: {last}")
        return records


def _visit_s(status: Status) -> float:
    """When the board was told that somebody comes again, on the monotonic clock."""
    return time.monotonic() + (status.next_report_in_s or 0.0)


def _has_ended_by(agent: psutil.Process, until_s: float) -> bool:
    """Sleep until a process has ended, but not beyond a moment; whether it has (Linux).

    The kernel tells of the end: whoever looks again and again slows down a run that is kept on the same core.
    """
    try:
        descriptor = os.pidfd_open(agent.pid)
    except ProcessLookupError:
        return True
    try:
        end = select.poll()
        end.register(descriptor, select.POLLIN)
        return bool(end.poll(max(0.0, until_s - time.monotonic()) * 1000))
    finally:
        os.close(descriptor)
