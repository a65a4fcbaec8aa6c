"""A farm that runs: its own state home, supervisor, worker, tick and broker, and simulated boards over real SSH.

What a test says of the flow of work is measured by the scripted runtime: it computes nothing and takes the home's own
lock, so such farms may run side by side. What it says of inference needs `Inference.REAL` and this machine's lock:
such tests are in `inferring`, but for one of `make test-thermal`.
"""

import contextlib
import enum
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, select, update

from orchestrator import demo, embedded, protocols, studies
from orchestrator.attending.lifecycle import AttemptState, RunState, StudyState
from orchestrator.attending.picking import SCRIPTED
from orchestrator.boards import fleet
from orchestrator.boards.bundle import build_bundle
from orchestrator.catalog import NewBuild, add_model
from orchestrator.config import Settings
from orchestrator.db.model_tables import ArtifactRow
from orchestrator.db.tables import AttemptRow, DeviceRow, RunRow
from orchestrator.doorbell import ring
from orchestrator.farm import Farm, open_farm
from orchestrator.queries.studies import get_study
from orchestrator.simulator.farm import SimulatedBoard, simulated_boards
from orchestrator.simulator.scenario import Scenario
from orchestrator.transport.keys import FarmKey
from tests.servers import Postgres, RedisServer, postgres_server, redis_server

PATIENCE_S = 60.0
SHORT = ("warm_up.min_s=0.2", "window.min_s=0.5", "window.min_inferences=30")
LONG = ("warm_up.min_s=0.2", "window.min_s=5", "window.max_s=6")
# Whatever a farm prints, stores or passes on may be searched for them.
DATABASE_PASSWORD, BROKER_PASSWORD = "database-secret", "broker-secret"
_PLAIN = Scenario()


class Pair(enum.Enum):
    """What keeps a farm's memory, and what rings for its workers."""

    EMBEDDED = "SQLite and the embedded valkey"
    SERVERS = "a PostgreSQL and a Redis"


# For a fixture that runs over both.
PAIRS = [
    pytest.param(Pair.EMBEDDED, id="embedded"),
    pytest.param(Pair.SERVERS, id="servers", marks=pytest.mark.postgres),
]


class Inference(enum.Enum):
    """Whether a study's runs infer, by the name of the runtime."""

    REAL = "onnxruntime"
    SCRIPTED = SCRIPTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """The servers of a farm that has some."""

    postgres: Postgres
    redis: RedisServer

    def settings(self, home: Path) -> Settings:
        """Settings of a farm in `home` that uses them."""
        return Settings(home=home, database_url=self.postgres.url, broker_url=self.redis.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class LivingFarm:
    """The running farm and its boards."""

    farm: Farm
    boards: Sequence[SimulatedBoard]
    supervisor: "subprocess.Popen[bytes]"
    servers: Servers | None = field(default=None)

    def submit(
        self,
        *variants: str,
        blocks: int = 1,
        overrides: Sequence[str] = SHORT,
        device: str | None = None,
        inference: Inference = Inference.REAL,
        protocol: str = "demo",
    ) -> int:
        """Submit a study of demo variants on one board, or on all."""
        study = studies.submit(
            self.farm.database,
            studies.Submission(
                model=demo.MODEL_NAME,
                protocol=protocols.with_overrides(protocols.preset(protocol).protocol, overrides),
                blocks=blocks,
                bundle_hash=build_bundle(self.farm.settings.bundles_dir).hash,
                variants=variants,
                runtimes=(inference.value,),
                devices=() if device is None else (device,),
                seed=1,
            ),
        )
        ring(self.farm)
        return study

    def wait_for_end(self, study: int) -> dict[str, int]:
        """Wait until a study has ended; how many of its runs ended how."""
        wait_until(lambda: get_study(self.farm.database, study).state is not StudyState.ACTIVE, f"study {study} ends")
        return {state: count for state, count in get_study(self.farm.database, study).counts.items() if count}

    def wait_until_quiet(self, study: int) -> None:
        """Wait until a run of a study measures and nobody speaks to its board."""

        def is_quiet() -> bool:
            with self.farm.database.read() as session:
                query = (
                    select(DeviceRow.last_phase)
                    .join(AttemptRow, AttemptRow.device_id == DeviceRow.id)
                    .join(RunRow, RunRow.id == AttemptRow.run_id)
                    .where(RunRow.study_id == study, AttemptRow.state == AttemptState.STARTED)
                )
                return session.scalar(query) == "ready"

        wait_until(is_quiet, f"a run of study {study} measures")

    def attempts_of(self, study: int) -> list[AttemptState]:
        """How each attempt of a study ended, in order."""
        with self.farm.database.read() as session:
            query = select(AttemptRow.state).join(RunRow).where(RunRow.study_id == study).order_by(AttemptRow.id)
            return list(session.scalars(query))

    def results_of(self, study: int) -> int:
        """How many runs of a study have a counted result."""
        with self.farm.database.read() as session:
            query = select(func.count()).where(RunRow.study_id == study, RunRow.counted_attempt.is_not(None))
            return session.scalar(query) or 0

    def part(self, name: str) -> psutil.Process:
        """A process of the farm: worker, tick or valkey-server."""
        children = psutil.Process(self.supervisor.pid).children()
        return next(child for child in children if any(name in word for word in child.cmdline()))

    def is_done(self, study: int) -> bool:
        """Whether every run of a study is done."""
        with self.farm.database.read() as session:
            query = select(func.count()).where(RunRow.study_id == study, RunRow.state != RunState.DONE)
            return session.scalar(query) == 0


def wait_until(condition: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait for a condition; fails saying what did not come."""
    never = threading.Event()
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, f"after {patience_s:.0f} s, still not: {what}"
        never.wait(0.05)


@contextlib.contextmanager
def living_farm(
    home: Path,
    kinds: Sequence[str],
    *,
    services: Pair = Pair.EMBEDDED,
    canary_every_s: float = 0.0,
    scenario: Scenario = _PLAIN,
) -> Iterator[LivingFarm]:
    """A farm in `home` with the demo model and simulated boards, running until the `with` block ends."""
    with contextlib.ExitStack() as stack:
        servers = stack.enter_context(running_servers()) if services is Pair.SERVERS else None
        own = Settings(home=home, canary_every_s=canary_every_s)
        farm = open_farm(own if servers is None else servers.settings(home))
        stack.callback(farm.database.engine.dispose)
        yield stack.enter_context(_with_boards(farm, kinds, servers, scenario))


@contextlib.contextmanager
def running_servers() -> Iterator[Servers]:
    """A PostgreSQL and a Redis, running until the `with` block ends."""
    with redis_server(BROKER_PASSWORD) as redis, postgres_server(DATABASE_PASSWORD) as postgres:
        yield Servers(postgres=postgres, redis=redis)


@contextlib.contextmanager
def _with_boards(farm: Farm, kinds: Sequence[str], servers: Servers | None, scenario: Scenario) -> Iterator[LivingFarm]:
    builds = [
        NewBuild(path=variant.path, label=variant.label, is_baseline=variant.is_baseline)
        for variant in demo.demo_variants()
    ]
    add_model(farm, demo.MODEL_NAME, builds)
    with farm.database.write() as session:
        session.execute(update(ArtifactRow).values(facts={"runtimes": [kind.value for kind in Inference]}))
    key = FarmKey.in_folder(farm.settings.keys_dir)
    with (
        simulated_boards(farm.settings.home / "simulated", kinds, [key.public_line], scenario=scenario) as boards,
        _supervised(farm) as supervisor,
    ):
        for board in boards:
            _keep_clock_high(board)
            new = fleet.NewBoard(name=board.name, address=str(board.address))
            fleet.add_board(farm, new, board.host_key, progress=lambda step, detail: None)
        yield LivingFarm(farm=farm, boards=boards, supervisor=supervisor, servers=servers)


def _keep_clock_high(board: SimulatedBoard) -> None:
    """As its owner would: a board that computes nothing lets its clock fall, and such a run is measured again."""
    for file in (board.home / "board").rglob("scaling_governor"):
        file.write_text("performance\n")


@contextlib.contextmanager
def _supervised(farm: Farm) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "orchestrator", "up", "--no-dashboard"]
    with subprocess.Popen(command, env=farm.settings.environment(), stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: embedded.is_ready(farm.settings), "the farm is up")
        yield process
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
