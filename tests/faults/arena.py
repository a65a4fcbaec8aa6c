"""A farm to be shot at: a supervisor with broker, tick and worker, a second worker, and simulated boards over SSH.

Measuring is scripted, so every board measures at once and a run takes a second; everything around it is real. Only
processes that the arena knows by pid are ever ended.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import redis
from sqlalchemy import select, text

from agent.wire.codec import encode
from orchestrator import broker, protocols, queue, studies
from orchestrator.artifacts import ArtifactStore
from orchestrator.attending import leases
from orchestrator.attending.lifecycle import ENDED_RUN_STATES, DeviceState, StudyState
from orchestrator.boards.bundle import AgentBundle, build_bundle
from orchestrator.config import Settings
from orchestrator.db.model_tables import ArtifactRow, BuildRow, ModelRow
from orchestrator.db.tables import AttemptRow, DeviceRow, RunRow, StudyRow
from orchestrator.farm import Farm, open_farm
from orchestrator.simulator.boards import BOARD_KINDS
from orchestrator.simulator.farm import SimulatedBoard, board_names, simulated_boards
from orchestrator.transport.keys import FarmKey

MODEL = "pretended"
PROTOCOL = (
    "warm_up.min_s=0.05", "window.min_s=0.3", "window.max_s=5", "window.min_inferences=10", "gate.timeout_s=30",
)  # fmt: skip
RUNTIME_OPTIONS = {"median_ms": 5.0, "witness": True}
STOP_PATIENCE_S = 20.0
SMALL_DISK_BYTES = 110 * 1024 * 1024


@dataclass(kw_only=True)
class Arena:
    """The farm under fire. Lifecycle: `arena` makes one and ends everything of it."""

    farm: Farm
    boards: Sequence[SimulatedBoard]
    bundle: AgentBundle
    small_disk: SimulatedBoard | None = None
    supervisor: "subprocess.Popen[bytes] | None" = None
    second_worker: "subprocess.Popen[bytes] | None" = None
    frozen: set[psutil.Process] = field(default_factory=set)

    @property
    def settings(self) -> Settings:
        """The farm's settings."""
        return self.farm.settings

    def keep_running(self) -> None:
        """Start the supervisor and the second worker where they do not run, as a service manager would."""
        if self.supervisor is None or self.supervisor.poll() is not None:
            self.supervisor = self._start("up", "--no-dashboard")
        if (self.second_worker is None or self.second_worker.poll() is not None) and self.broker_answers():
            self.second_worker = self._start("worker")

    def broker_answers(self) -> bool:
        """Whether the broker can be spoken to."""
        return broker.is_answering(self.settings)

    def workers(self) -> list[psutil.Process]:
        """The workers that run now."""
        found = self._children("worker")
        if self.second_worker is not None and self.second_worker.poll() is None:
            found.append(psutil.Process(self.second_worker.pid))
        return found

    def broker_process(self) -> psutil.Process | None:
        """The embedded broker, where it runs."""
        return next(iter(self._children("valkey-server")), None)

    def queue_client(self) -> redis.Redis:
        """A connection to the broker; the caller closes it."""
        return redis.Redis(unix_socket_path=str(broker.socket_path(self.settings)), socket_timeout=2.0)

    def ring(self, device_ids: Sequence[int], queue_name: str | None = None) -> None:
        """Send wake-up messages, into another queue where one is named."""
        app = queue.make_app(self.settings)
        for device_id in device_ids:
            app.send_task(queue.ATTEND, args=[device_id], retry=False, queue=queue_name)
        app.close()

    def submit(self, blocks: int, settings: Sequence[str] = PROTOCOL, *, board: str | None = None) -> int:
        """A study of one pretended variant on one board, or on all."""
        return studies.submit(
            self.farm.database,
            studies.Submission(
                model=MODEL,
                protocol=protocols.with_overrides(protocols.preset("demo").protocol, settings),
                blocks=blocks,
                devices=() if board is None else (board,),
                bundle_hash=self.bundle.hash,
                runtime_options=RUNTIME_OPTIONS,
                seed=1,
            ),
        )

    def sql(self, statement: str, **values: object) -> int:
        """Change the database by hand; how many rows that was."""
        with self.farm.database.write() as session:
            result = session.execute(text(statement), values)
            return int(getattr(result, "rowcount", 0))

    def device_ids(self) -> list[int]:
        """The devices' ids, in the order of the boards."""
        with self.farm.database.read() as session:
            return list(session.scalars(select(DeviceRow.id).order_by(DeviceRow.id)))

    def active_studies(self) -> list[int]:
        """Studies that have not ended."""
        with self.farm.database.read() as session:
            return list(session.scalars(select(StudyRow.id).where(StudyRow.state == StudyState.ACTIVE)))

    def resume_sick(self) -> None:
        """Take every sick device back into service, as its owner would."""
        with self.farm.database.write() as session:
            sick = session.scalars(select(DeviceRow).where(DeviceRow.state == DeviceState.SICK)).all()
            for device in sick:
                device.state, device.state_reason = DeviceState.READY, ""
                device.faults_in_row = device.unreachable_in_row = 0
            leases.call(session, [device.id for device in sick])

    def call_all(self) -> None:
        """Want attention for every device now."""
        with self.farm.database.write() as session:
            leases.call(session, list(session.scalars(select(DeviceRow.id))))

    def progress(self) -> tuple[int, int]:
        """How many runs have ended, and how many there are."""
        with self.farm.database.read() as session:
            states = session.scalars(select(RunRow.state)).all()
        return sum(state in ENDED_RUN_STATES for state in states), len(states)

    def is_at_rest(self) -> bool:
        """Whether every run has ended, every board has forgotten, and nobody is at work."""
        with self.farm.database.read() as session:
            if any(state not in ENDED_RUN_STATES for state in session.scalars(select(RunRow.state))):
                return False
            kept = select(AttemptRow.id).where(
                AttemptRow.started_at_s.is_not(None), AttemptRow.forgotten_at_s.is_(None)
            )
            held = select(DeviceRow.id).where(DeviceRow.lease_holder.is_not(None))
            away = select(DeviceRow.id).where(DeviceRow.state_reason != "")
            return all(session.scalar(query.limit(1)) is None for query in (kept, held, away))

    def freeze(self, process: psutil.Process) -> None:
        """SIGSTOP a process; `thaw` it in any case."""
        with contextlib.suppress(psutil.Error):
            process.suspend()
            self.frozen.add(process)

    def thaw(self, process: psutil.Process) -> None:
        """SIGCONT a process that was frozen."""
        self.frozen.discard(process)
        with contextlib.suppress(psutil.Error):
            process.resume()

    def end(self) -> None:
        """End the farm's own processes."""
        for process in list(self.frozen):
            self.thaw(process)
        for child in (self.second_worker, self.supervisor):
            if child is not None and child.poll() is None:
                child.send_signal(signal.SIGTERM)
        for child in (self.second_worker, self.supervisor):
            if child is not None:
                _end(child)

    def _start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        self.settings.logs_dir.mkdir(mode=0o700, exist_ok=True)
        with (self.settings.logs_dir / f"harness-{arguments[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "orchestrator", *arguments],
                env=self.settings.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _children(self, word: str) -> list[psutil.Process]:
        if self.supervisor is None or self.supervisor.poll() is not None:
            return []
        found = []
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self.supervisor.pid).children():
                with contextlib.suppress(psutil.Error):
                    if any(part == word or f"/{word}" in part for part in child.cmdline()):
                        found.append(child)
        return found


def wait_until(condition: Callable[[], bool], what: str, patience_s: float = 60.0) -> None:
    """Wait for a condition; fails saying what did not come."""
    never, deadline_s = threading.Event(), time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline_s, f"after {patience_s:.0f} s, still not: {what}"
        never.wait(0.05)


@contextlib.contextmanager
def arena(home: Path, board_count: int) -> Iterator[Arena]:
    """A running farm with so many boards in `home`; everything of it has ended afterwards."""
    farm = open_farm(Settings(home=home, canary_every_s=0.0))
    kinds = [list(BOARD_KINDS)[number % len(BOARD_KINDS)] for number in range(board_count)]
    bundle = build_bundle(farm.settings.bundles_dir)
    _add_model(farm)
    key = FarmKey.in_folder(farm.settings.keys_dir)
    with contextlib.ExitStack() as stack:
        stack.callback(farm.database.engine.dispose)
        folder = farm.settings.home / "boards"
        has_small_disk = stack.enter_context(_small_disk(folder / board_names(kinds)[-1]))
        boards = stack.enter_context(simulated_boards(folder, kinds, [key.public_line]))
        for board in boards:
            _add_device(farm, board, bundle)
        made = Arena(farm=farm, boards=boards, bundle=bundle, small_disk=boards[-1] if has_small_disk else None)
        stack.callback(made.end)
        made.keep_running()
        wait_until(made.broker_answers, "the broker answers")
        made.keep_running()
        wait_until(lambda: len(made.workers()) == 2, "two workers run")
        yield made


@contextlib.contextmanager
def short_home() -> Iterator[Path]:
    """A state home with a short path, so that the broker's socket fits in it."""
    with tempfile.TemporaryDirectory(prefix="pifarm-faults-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[bool]:
    """A small file system of its own for a board, where the system allows that (Linux, root); says whether it does."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ["-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES}", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.call(["mount", *options], stderr=subprocess.DEVNULL):
        yield False
        return
    try:
        yield True
    finally:
        subprocess.call(["umount", "--lazy", str(folder)])


def _add_model(farm: Farm) -> None:
    source = farm.settings.home / "model.onnx"
    source.write_bytes(b"stands in for a model")
    manifest = ArtifactStore(farm.settings.artifacts_dir).add({"model.onnx": source}, "model.onnx")
    artifact = ArtifactRow(
        id=manifest.id,
        format="onnx",
        size_bytes=manifest.size_bytes,
        manifest=manifest.to_json(),
        facts={"inputs": [], "outputs": [], "opset": {}, "runtimes": ["scripted"]},
    )
    with farm.database.write() as session:
        model = ModelRow(name=MODEL)
        model.builds.append(BuildRow(label="only", artifact=artifact, is_baseline=True))
        session.add(model)


def _add_device(farm: Farm, board: SimulatedBoard, bundle: AgentBundle) -> None:
    with farm.database.write() as session:
        session.add(
            DeviceRow(
                name=board.name,
                address=str(board.address),
                host_key=str(board.host_key),
                machine_key=board.name,
                board=board.name,
                board_type="pi5",
                simulated=True,
                probe=encode({}),
                probed_at_s=0.0,
                python=sys.executable,
                bundle_hash=bundle.hash,
            )
        )


def _end(child: "subprocess.Popen[bytes]") -> None:
    try:
        child.wait(STOP_PATIENCE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
