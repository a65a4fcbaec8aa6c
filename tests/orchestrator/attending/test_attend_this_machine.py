"""The attendant with the real agent on this machine: processes, journals, real inference, a very short protocol."""

import json
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select, update

from agent.wire.spec import Gate, Protocol, Regime, WarmUp, Window
from orchestrator import studies
from orchestrator.attending import leases, links
from orchestrator.attending.attend import Attendant, attend
from orchestrator.attending.lifecycle import AttemptState, RunState
from orchestrator.attending.picking import SCRIPTED
from orchestrator.attending.tenure import Tenure
from orchestrator.boards.bundle import build_bundle
from orchestrator.catalog import NewBuild, add_model
from orchestrator.config import Settings
from orchestrator.db.migrate import open_migrated
from orchestrator.db.model_tables import ArtifactRow
from orchestrator.db.tables import AttemptRow, ChunkRow, DeviceRow
from orchestrator.demo import demo_variants
from orchestrator.farm import Farm
from tests.processes import has_ended
from tests.racing import at_once
from tests.small_farm import add_device, get_device, get_run, make_submission, runs_of, set_columns

pytestmark = pytest.mark.integration

PATIENCE_S = 60.0
SHORT = Protocol(
    name="short",
    regime=Regime.BURST,
    gate=Gate(timeout_s=5.0),
    warm_up=WarmUp(min_inferences=1, min_s=0.0),
    window=Window(min_inferences=20, min_s=0.2, max_s=10.0),
    telemetry_period_s=0.05,
)
ENDLESS = Protocol(
    name="endless",
    regime=Regime.BURST,
    gate=Gate(timeout_s=5.0),
    warm_up=WarmUp(min_inferences=1, min_s=0.0),
    window=Window(min_inferences=20, min_s=600.0, max_s=600.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThisMachine:
    """A farm whose only device is this machine, with a lock of its own instead of the machine's."""

    farm: Farm
    device_id: int
    waiting: threading.Event

    def submit(self, protocol: Protocol = SHORT, **changes: object) -> int:
        """A study of the demo model."""
        bundle_hash = build_bundle(self.farm.settings.bundles_dir).hash
        asked = make_submission(model="digits", protocol=protocol, bundle_hash=bundle_hash, **changes)
        return studies.submit(self.farm.database, asked)

    def visit(self, holder: str = "worker") -> None:
        """One visit, if nobody else is there."""
        attend(self.farm, self.device_id, holder, lambda _: None, self.waiting.wait)

    def work_until(self, is_over: Callable[[], bool], holder: str = "worker") -> None:
        """Visits whenever the device is due."""
        for _ in range(int(PATIENCE_S / 0.1)):
            if is_over():
                return
            if leases.claim_due(self.farm.database):
                self.visit(holder)
            else:
                self.waiting.wait(0.1)
        raise AssertionError(f"not over after {PATIENCE_S} s")

    def has_ended(self, study_id: int) -> bool:
        """Whether no run of the study waits or runs."""
        open_states = {RunState.QUEUED, RunState.STAGING, RunState.RUNNING}
        return not open_states & {run.state for run in runs_of(self.farm.database, study_id)}

    def runs_on_board(self) -> list[str]:
        """The run folders there are on the board."""
        return [path.name for path in (self.farm.settings.local_dir / "runs").glob("*")]


@pytest.fixture(scope="module")
def stocked_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state home of a farm with two variants and this machine as its device; read once, for each test a copy."""
    settings = Settings(home=tmp_path_factory.mktemp("stocked") / "home")
    database = open_migrated(settings.database_url)
    farm = Farm(settings=settings, database=database, farm_id="farm-1")
    variants = {variant.label: variant.path for variant in demo_variants()}
    add_model(farm, "digits", [NewBuild(path=variants[label], label=label) for label in ("onnx", "int8")])
    add_device(
        database,
        "this-host",
        address=None,
        board_type="host",
        python=sys.executable,
        bundle_hash=build_bundle(settings.bundles_dir).hash,
    )
    database.engine.dispose()
    return settings.home


@pytest.fixture
def this_machine(stocked_home: Path, tmp_path: Path) -> Iterator[ThisMachine]:
    """The farm; whatever a test leaves running on the board is ended."""
    shutil.copytree(stocked_home, tmp_path / "home")
    settings = Settings(home=tmp_path / "home")
    settings.local_dir.mkdir(parents=True)
    notes = {"python": sys.executable, "lock": str(tmp_path / "machine.lock")}
    (settings.local_dir / "board.json").write_text(json.dumps(notes), encoding="utf-8")
    database = open_migrated(settings.database_url)
    farm = Farm(settings=settings, database=database, farm_id="farm-1")
    machine = ThisMachine(farm=farm, device_id=1, waiting=threading.Event())
    yield machine
    with database.read() as session:
        open_studies = session.scalars(select(AttemptRow).where(AttemptRow.state == AttemptState.STARTED)).all()
        study_ids = {attempt.run.study_id for attempt in open_studies}
    for study_id in study_ids:
        studies.cancel(database, study_id)
    machine.visit("janitor")
    database.engine.dispose()


def pretend_inference(machine: ThisMachine) -> None:
    """Measure the models by the scripted runtime, which computes nothing."""
    with machine.farm.database.write() as session:
        session.execute(update(ArtifactRow).values(facts={"runtimes": [SCRIPTED]}))


def test_a_whole_study_is_measured_by_real_inference(this_machine: ThisMachine) -> None:
    study_id = this_machine.submit(blocks=2, threads=(1,))
    this_machine.work_until(lambda: this_machine.has_ended(study_id))
    runs = runs_of(this_machine.farm.database, study_id)
    assert [(run.state, run.message) for run in runs] == [(RunState.DONE, "")] * 4
    for run in runs:
        assert run.samples is not None and run.samples >= 20
        assert run.median_ns is not None and run.min_ns is not None
        assert 0 < run.min_ns <= run.median_ns
        assert run.load_ns is not None and run.first_ns is not None
        assert run.peak_rss_bytes is not None and run.peak_rss_bytes > 10_000_000
        assert run.counted_attempt == run.attempts_made
    assert this_machine.runs_on_board() == []


def test_attendants_that_come_in_crowds_measure_each_run_once(this_machine: ThisMachine) -> None:
    pretend_inference(this_machine)
    study_id = this_machine.submit(blocks=2, runtime_options={"median_ms": 2.0})
    at_once(
        4,
        lambda index: this_machine.work_until(lambda: this_machine.has_ended(study_id), f"worker-{index}"),
    )
    with this_machine.farm.database.read() as session:
        attempts = session.scalars(select(AttemptRow)).all()
        counted = {
            run.id: (run.counted_attempt, run.attempts_made) for run in runs_of(this_machine.farm.database, study_id)
        }
        chunks = {attempt.id for attempt in attempts} - set(session.scalars(select(ChunkRow.attempt_id)))
    assert len(counted) == 4
    assert all(number == made for number, made in counted.values())
    assert len(attempts) == sum(made for _, made in counted.values())
    assert {attempt.state for attempt in attempts} == {AttemptState.ENDED}
    assert chunks == set()


def test_cancelling_ends_the_agent_in_the_middle_of_its_window(this_machine: ThisMachine) -> None:
    pretend_inference(this_machine)
    study_id = this_machine.submit(ENDLESS, variants=("onnx",))
    this_machine.visit()
    (name,) = this_machine.runs_on_board()
    claim = json.loads((this_machine.farm.settings.local_dir / "runs" / name / "claim.json").read_bytes())
    agent = psutil.Process(claim["agent"]["pid"])
    studies.cancel(this_machine.farm.database, study_id)
    this_machine.work_until(lambda: this_machine.runs_on_board() == [])
    assert has_ended(agent)
    with this_machine.farm.database.read() as session:
        assert session.scalars(select(AttemptRow.state)).all() == [AttemptState.ABANDONED]


def test_a_model_that_crashes_its_runtime_is_a_failed_run_that_says_so(this_machine: ThisMachine) -> None:
    pretend_inference(this_machine)
    options = {"median_ms": 2.0, "crash_at": 10, "crash_signal": "SIGSEGV"}
    study_id = this_machine.submit(variants=("onnx",), runtime_options=options)
    this_machine.work_until(lambda: this_machine.has_ended(study_id))
    (run,) = runs_of(this_machine.farm.database, study_id)
    assert (run.state, run.median_ns) == (RunState.FAILED, None)
    assert "SIGSEGV" in run.message
    assert this_machine.runs_on_board() == []


def test_an_agent_that_is_killed_costs_its_attempt_and_the_run_is_measured_again(this_machine: ThisMachine) -> None:
    pretend_inference(this_machine)
    this_machine.submit(ENDLESS, variants=("onnx",))
    this_machine.visit()
    (name,) = this_machine.runs_on_board()
    claim = json.loads((this_machine.farm.settings.local_dir / "runs" / name / "claim.json").read_bytes())
    psutil.Process(claim["agent"]["pid"]).kill()
    set_columns(this_machine.farm.database, DeviceRow, this_machine.device_id, next_attention_at_s=0.0)
    this_machine.visit()
    first, second = all_attempts(this_machine)
    assert (first.state, first.code, second.number) == (AttemptState.LOST, "lost", 2)
    assert "agent on the board was ended" in first.message
    assert get_run(this_machine.farm.database, first.run_id).state is RunState.RUNNING


def all_attempts(machine: ThisMachine) -> list[AttemptRow]:
    """Every attempt, in order."""
    with machine.farm.database.read() as session:
        return list(session.scalars(select(AttemptRow).order_by(AttemptRow.id)))


def test_a_board_is_given_a_runtime_that_it_was_never_asked_for(this_machine: ThisMachine) -> None:
    database, device_id = this_machine.farm.database, this_machine.device_id
    set_columns(database, DeviceRow, device_id, probe={"cores": 2, "runtimes": {"ncnn": "1.0"}})
    study_id = this_machine.submit(blocks=1, threads=(1,), variants=("onnx",))
    this_machine.work_until(lambda: this_machine.has_ended(study_id))
    (run,) = runs_of(database, study_id)
    assert (run.state, run.attempts_made) == (RunState.DONE, 1)
    probe = get_device(database, device_id).probe
    assert probe["runtimes"] == {"ncnn": "1.0", "onnxruntime": metadata.version("onnxruntime")}
    assert probe["cores"] == 2, "the rest of the probe stays"


def test_who_lost_the_lease_meanwhile_notes_nothing_of_a_runtime(this_machine: ThisMachine) -> None:
    database, device_id = this_machine.farm.database, this_machine.device_id
    set_columns(database, DeviceRow, device_id, probe={"runtimes": {}})
    this_machine.submit(blocks=1, threads=(1,), variants=("onnx",))
    lease = leases.take(database, device_id, "slow")
    assert lease is not None

    @contextmanager
    def while_another_takes_over(farm: Farm, device: int) -> Iterator[links.Link]:
        with links.link_to(farm, device) as link:
            open_link = link.transport.open

            def open_late() -> None:
                open_link()
                set_columns(database, DeviceRow, device_id, fence=lease.fence + 1)

            link.transport.open = open_late  # type: ignore[method-assign]  # the moment after which it writes
            yield link

    attendant = Attendant(
        tenure=Tenure(farm=this_machine.farm, lease=lease),
        wake=lambda _: None,
        pause=this_machine.waiting.wait,
        connect=while_another_takes_over,
    )
    attendant.look_after()
    assert get_device(database, device_id).probe == {"runtimes": {}}
