"""A board behind OpenSSH's own server gets a runtime with the first run that wants it, in an environment of its own.

It reaches no package index, as boards in a closed network do: its wheels are pushed. A runtime whose library dies of
an instruction that the processor does not have is told as such; those wheels are false, the death is real.
"""

import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.wire.spec import Gate, Protocol, Regime, WarmUp, Window
from benchmarks.openssh import OpenSsh, openssh_server
from orchestrator import studies
from orchestrator.attending import leases
from orchestrator.attending.attend import attend
from orchestrator.attending.lifecycle import DeviceState, RunState
from orchestrator.boards import fleet
from orchestrator.boards.bundle import build_bundle
from orchestrator.boards.runtimes import pinned_requirements
from orchestrator.boards.wheelhouse import WheelPlatform, gather_wheels, house_of
from orchestrator.catalog import NewBuild, add_model
from orchestrator.config import Settings
from orchestrator.db.tables import DeviceRow, RunRow
from orchestrator.farm import Farm, open_farm
from orchestrator.transport.errands import Survey, take_survey
from orchestrator.transport.keys import FarmKey
from orchestrator.transport.ssh import SshTransport
from tests.agent.other_models import save_litert, save_ncnn
from tests.programs import do_without
from tests.small_farm import get_device, make_submission, runs_of

pytestmark = [pytest.mark.integration, pytest.mark.ssh]
PATIENCE_S = 120.0
NOWHERE = "[global]\nindex-url = http://127.0.0.1:9/simple\nextra-index-url =\nfind-links =\nno-index = true\n"
OPEN = {RunState.QUEUED, RunState.STAGING, RunState.RUNNING}
SHORT = Protocol(
    name="short",
    regime=Regime.BURST,
    gate=Gate(timeout_s=5.0),
    warm_up=WarmUp(min_inferences=10, min_s=0.05),
    window=Window(min_inferences=20, min_s=0.2, max_s=10.0),
    telemetry_period_s=0.05,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A farm and its one board, which had no runtime when it was added."""

    farm: Farm
    server: OpenSsh
    device_id: int
    survey: Survey
    waiting: threading.Event

    @property
    def platform(self) -> WheelPlatform:
        """What wheels must fit."""
        return WheelPlatform.of(self.survey, self.survey.python_version)

    def measure(self, model: str, file: Path) -> RunRow:
        """The one run of a file, when it has ended."""
        add_model(self.farm, model, [NewBuild(path=file, label="fp32")])
        bundle_hash = build_bundle(self.farm.settings.bundles_dir).hash
        asked = make_submission(model=model, protocol=SHORT, bundle_hash=bundle_hash)
        study = studies.submit(self.farm.database, asked)
        for _ in range(int(PATIENCE_S / 0.1)):
            (run,) = runs_of(self.farm.database, study)
            if run.state not in OPEN:
                return run
            if leases.claim_due(self.farm.database):
                attend(self.farm, self.device_id, "worker", lambda _: None, self.waiting.wait)
            else:
                self.waiting.wait(0.1)
        raise AssertionError(f"{model} was not measured within {PATIENCE_S:.0f} s")


@pytest.fixture(scope="module")
def site(sshd: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("equipping")
    farm = open_farm(Settings(home=folder / "farm", canary_every_s=0.0))
    key = FarmKey.in_folder(farm.settings.keys_dir)
    with openssh_server(folder / "sshd", key.public_line) as server:
        _write(server.home / ".config/pip/pip.conf", NOWHERE)
        _write(server.home / ".pifarm/board.json", json.dumps({"lock": str(folder / "machine.lock")}))
        way = SshTransport(server.address, key_file=key.private_file, host_key=str(server.host_key))
        with closing(way):
            survey = take_survey(way)
        if not survey.can_make_environments:
            do_without(f"{survey.python} cannot make virtual environments (apt install python3-venv)")
        board = fleet.NewBoard(name="board", address=str(server.address), runtimes=())
        fleet.add_board(farm, board, server.host_key, progress=lambda step, detail: None)
        with farm.database.read() as session:
            device_id = fleet.find(session, "board").id
        made = Site(farm=farm, server=server, device_id=device_id, survey=survey, waiting=threading.Event())
        while gather_wheels(farm.settings.wheels_dir, made.platform, pinned_requirements("ncnn")) is None:
            made.waiting.wait(0.1)
        yield made
    farm.database.engine.dispose()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text)


def device(site: Site) -> DeviceRow:
    return get_device(site.farm.database, site.device_id)


def test_the_first_run_that_wants_a_runtime_brings_it_and_is_measured(site: Site, tmp_path: Path) -> None:
    run = site.measure("net", save_ncnn(tmp_path))
    assert (run.state, run.code, run.attempts_made) == (RunState.DONE, "", 1)
    environment = site.server.home / ".pifarm/envs/ncnn"
    assert "ncnn==" in json.loads((environment / "made-of.json").read_text())["requirements"]
    assert not (site.server.home / ".pifarm/wheelhouse").exists(), "what was pushed is installed, and gone"
    assert f"ncnn=={device(site).probe['runtimes']['ncnn']}" in pinned_requirements("ncnn")


def pack_deadly_library(target: Path, requirement: str) -> None:
    """A wheel of that name and version whose import ends the process as an unknown instruction does."""
    name, _, version = requirement.replace("-", "_").partition("==")
    notes = f"{name}-{version}.dist-info"
    contents = {
        f"{name}/__init__.py": "import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n",
        f"{notes}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{notes}/WHEEL": "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*contents, f"{notes}/RECORD"])
    with zipfile.ZipFile(target / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in {**contents, f"{notes}/RECORD": record}.items():
            wheel.writestr(path, text)


def test_a_runtime_that_dies_of_an_unknown_instruction_is_unsupported_with_that_cause(
    site: Site, tmp_path: Path
) -> None:
    house = house_of(site.farm.settings.wheels_dir, site.platform, pinned_requirements("litert"))
    house.mkdir()
    for requirement in pinned_requirements("litert"):
        pack_deadly_library(house, requirement)
    run = site.measure("lite", save_litert(tmp_path))
    cause = "killed by SIGILL: this runtime does not run on this board"
    assert (run.state, run.code) == (RunState.FAILED, "runtime_unsupported")
    assert run.message == f"litert is not supported by this board: {cause}"
    found = device(site)
    assert found.probe["unsupported"]["litert"] == cause
    assert (found.state, found.faults_in_row) == (DeviceState.READY, 0), "it is no fault of the board"
