"""A board becomes ready step by step, from wherever it was left, and says which step it is that fails."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest

from agent.wire.codec import dumps
from orchestrator.boards.bootstrap import Plan, Step, advance, bootstrap, choose_python
from orchestrator.boards.bundle import build_bundle
from orchestrator.boards.environments import JOB_LIMIT_S, Environment, Interpreter, Jobs, WheelhousePolicy
from orchestrator.boards.runtimes import pinned_requirements
from orchestrator.boards.wheelhouse import WheelPlatform, gather_wheels, push_wheels
from orchestrator.errors import DeviceError
from orchestrator.simulator.farm import SimulatedBoard, simulated_boards
from orchestrator.transport.errands import (
    Job,
    JobState,
    Survey,
    job_state,
    launch_job,
    stop_job,
    take_survey,
)
from orchestrator.transport.keys import FarmKey
from orchestrator.transport.local import LocalTransport, adopt_own_python
from orchestrator.transport.receiver import digest_of
from orchestrator.transport.ssh import SshTransport

NOWHERE = "[global]\nindex-url = http://127.0.0.1:9/simple\nextra-index-url =\nfind-links =\n"
OVERSIZE = 2**60


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A simulated board, a way to it, and what it is to have."""

    board: SimulatedBoard
    transport: SshTransport
    plan: Plan

    @property
    def farm_folder(self) -> Path:
        """The farm folder on the board."""
        return self.board.home / ".pifarm"

    def forget_python(self) -> None:
        """Make it a board whose owner has told nothing: no interpreter is adopted."""
        notes = self.farm_folder / "board.json"
        told = json.loads(notes.read_text())
        del told["python"]
        notes.write_text(json.dumps(told))

    def replace_python(self, script: str) -> None:
        """Put a shell script in the place of the board's python3."""
        program = self.board.home / "board/usr/bin/python3"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A board as it comes out of its box, but for an adopted Python."""
    key = FarmKey.in_folder(tmp_path / "key")
    with simulated_boards(tmp_path / "boards", ["pi4-bare"], [key.public_line]) as boards:
        way = SshTransport(boards[0].address, key_file=key.private_file, host_key=str(boards[0].host_key))
        plan = Plan(
            bundle=build_bundle(tmp_path / "bundles"),
            requirements={"onnxruntime": pinned_requirements("onnxruntime")},
            wheel_cache=tmp_path / "wheels",
        )
        yield Site(board=boards[0], transport=way, plan=plan)
        way.close()


def make_survey(*, adopted: tuple[str, tuple[int, int] | None] | None = None) -> Survey:
    """A Raspberry Pi OS 12 board."""
    return Survey(
        machine="aarch64",
        bits=64,
        libc="glibc",
        libc_version="2.36",
        free_bytes=8 * 1024**3,
        python="/usr/bin/python3",
        python_version=(3, 11),
        can_make_environments=True,
        other_pythons={},
        adopted_python=None if adopted is None else adopted[0],
        adopted_version=None if adopted is None else adopted[1],
        environments={},
        jobs=(),
    )


@pytest.mark.ssh
@pytest.mark.integration
def test_an_adopted_python_makes_a_board_ready_at_once_and_again_without_a_push(site: Site) -> None:
    steps: list[Step] = []
    ready = bootstrap(site.transport, site.plan, progress=lambda step, _: steps.append(step))
    assert ready.python == sys.executable == ready.probe.adopted_python
    assert ready.probe.runtimes.keys() == {"onnxruntime"} and not ready.probe.unsupported
    assert steps == [Step.FARM_FOLDER, Step.PYTHON, Step.BUNDLE, Step.PREFLIGHT]
    bundle = site.farm_folder / site.plan.bundle.target
    pushed = bundle.stat()
    assert bootstrap(site.transport, site.plan).python == ready.python
    assert (bundle.stat().st_ino, bundle.stat().st_mtime_ns) == (pushed.st_ino, pushed.st_mtime_ns), "pushed again"
    assert not (site.farm_folder / "envs").exists()


@pytest.mark.ssh
@pytest.mark.integration
def test_a_board_without_an_index_gets_its_environment_from_pushed_wheels(site: Site) -> None:
    site.forget_python()
    settings = site.board.home / ".config/pip/pip.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text(NOWHERE)
    told: list[tuple[Step, str]] = []
    ready = bootstrap(site.transport, site.plan, progress=lambda step, text: told.append((step, text)))
    assert ready.probe.runtimes["onnxruntime"] in " ".join(site.plan.requirements["onnxruntime"])
    assert all(news != before for before, news in pairwise(told))
    assert any(text.startswith("installing") for _, text in told)
    assert any(text.startswith("pushing onnxruntime") for _, text in told)
    assert (site.farm_folder / "envs/onnxruntime/bin/python").exists()
    left = {path.name for path in site.farm_folder.iterdir()}
    assert "wheelhouse" not in left and list((site.farm_folder / "jobs").iterdir()) == []
    again: list[str] = []
    bootstrap(site.transport, site.plan, progress=lambda _, text: again.append(text))
    assert not any(text.startswith(("installing", "pushing")) for text in again), again


@pytest.mark.ssh
def test_a_bootstrap_goes_on_after_a_cut_and_in_slices(site: Site) -> None:
    assert advance(site.transport, site.plan, slice_s=0) is None
    site.board.cut_connections()
    assert advance(site.transport, replace(site.plan, requirements={})) is not None


@pytest.mark.ssh
def test_a_board_with_an_old_python_says_which_and_how_to_get_one(site: Site) -> None:
    survey = replace(make_survey(), python_version=(3, 9))
    site.replace_python(f"echo '{dumps(survey)}'")
    with pytest.raises(DeviceError, match=r'step "python": expected Python 3[.]11 or newer, found 3[.]9') as caught:
        advance(site.transport, site.plan)
    assert "board.json" in str(caught.value)


@pytest.mark.ssh
def test_a_board_without_python_says_how_to_get_it(site: Site) -> None:
    site.replace_python("echo 'sh: python3: not found' >&2; exit 127")
    with pytest.raises(DeviceError, match=r'step "farm folder".*sudo apt install python3'):
        advance(site.transport, site.plan)


@pytest.mark.ssh
def test_an_agent_that_does_not_run_is_found_before_minutes_are_spent(site: Site, tmp_path: Path) -> None:
    site.forget_python()
    broken = tmp_path / "broken.pyz"
    broken.write_bytes(b"raise SystemExit('nothing works')")
    bundle = replace(site.plan.bundle, path=broken, sha256=digest_of(broken))
    with pytest.raises(DeviceError, match=r'step "probe".*nothing works'):
        advance(site.transport, replace(site.plan, bundle=bundle))
    assert not (site.farm_folder / "jobs").exists() or not list((site.farm_folder / "jobs").iterdir())


@pytest.mark.ssh
@pytest.mark.integration
def test_an_installation_that_fails_shows_the_end_of_its_log_and_begins_anew(site: Site) -> None:
    site.forget_python()
    plan = replace(
        site.plan,
        requirements={"onnxruntime": ("no-such-package-of-pifarm==1.0",)},
        wheelhouse=WheelhousePolicy.ONLINE,
    )
    settings = site.board.home / ".config/pip/pip.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text(NOWHERE + "no-index = true\n")
    with pytest.raises(DeviceError, match='step "runtime environment"') as caught:
        bootstrap(site.transport, plan)
    assert "No matching distribution found for no-such-package-of-pifarm" in str(caught.value)
    assert list((site.farm_folder / "jobs").iterdir()) == []
    assert not (site.farm_folder / "envs/onnxruntime").exists()


@pytest.mark.parametrize(
    ("survey", "message"),
    [
        (replace(make_survey(), bits=32), "64-bit"),
        (replace(make_survey(), python_version=(3, 9)), "found 3.9"),
        (make_survey(adopted=("/old/python", (3, 10))), "/old/python.*found 3.10"),
        (make_survey(adopted=("/gone/python", None)), "/gone/python"),
    ],
)
def test_an_unusable_python_is_the_boards_fault(survey: Survey, message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        choose_python(survey)


def test_a_newer_python_beside_an_old_one_is_used() -> None:
    survey = replace(make_survey(), python_version=(3, 9), other_pythons={"/usr/local/bin/python3.13": (3, 13)})
    assert choose_python(survey) == Interpreter(path="/usr/local/bin/python3.13", version=(3, 13))


def make_environment(
    transport: LocalTransport,
    survey: Survey,
    *,
    policy: WheelhousePolicy = WheelhousePolicy.AUTO,
    requirements: Sequence[str] = ("numpy==2.4.6",),
) -> Environment:
    """An environment of numpy alone."""
    return Environment(
        transport=transport,
        survey=survey,
        python=Interpreter(path=sys.executable, version=(3, 11)),
        runtime="onnxruntime",
        requirements=requirements,
        policy=policy,
        wheel_cache=transport.folder / "cache",
    )


def running(age_s: float) -> Job:
    """A job that is not done."""
    return Job(state=JobState.RUNNING, exit_code=None, age_s=age_s, tail="Collecting numpy\n")


@pytest.fixture
def here(tmp_path: Path) -> LocalTransport:
    """This machine as a board."""
    return LocalTransport(tmp_path / "farm")


def test_an_environment_fits_only_what_it_was_made_of(here: LocalTransport) -> None:
    wanted = make_environment(here, make_survey())
    made_of = {"python": f"{sys.executable} 3.11", "requirements": "numpy==2.4.6"}
    there = replace(make_survey(), environments={"onnxruntime": made_of})
    assert not wanted.is_ready()
    assert make_environment(here, there).is_ready()
    assert not make_environment(here, there, requirements=["numpy==2.5.0"]).is_ready()


def test_a_running_installation_is_told_by_the_last_line_of_its_log(here: LocalTransport) -> None:
    told: list[str] = []
    make_environment(here, make_survey()).advance(Jobs(online=running(5)), told.append, 1)
    assert told == ["Collecting numpy"]


def test_an_installation_that_never_ends_is_given_up(here: LocalTransport) -> None:
    environment = make_environment(here, make_survey())
    with pytest.raises(DeviceError, match="still at it"):
        environment.advance(Jobs(online=running(JOB_LIMIT_S + 1)), lambda _: None, 1)


def test_an_environment_is_not_begun_without_space_or_venv(here: LocalTransport) -> None:
    cramped = make_environment(here, replace(make_survey(), free_bytes=300 * 1024**2))
    with pytest.raises(DeviceError, match="expected 700 MB of free space, found 300 MB"):
        cramped.advance(Jobs(), lambda _: None, 1)
    without = make_environment(here, replace(make_survey(), can_make_environments=False))
    with pytest.raises(DeviceError, match="apt install python3-venv"):
        without.advance(Jobs(), lambda _: None, 1)


def test_wheels_fit_the_boards_glibc_and_processor() -> None:
    tags = WheelPlatform.of(make_survey(), (3, 13)).tags
    assert tags[0] == "manylinux_2_36_aarch64"
    assert {"manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux2014_aarch64"} <= set(tags)
    assert not [tag for tag in tags if "2_37" in tag or "x86" in tag]


def test_a_board_without_glibc_gets_no_wheels() -> None:
    with pytest.raises(DeviceError, match="glibc"):
        WheelPlatform.of(replace(make_survey(), libc="", libc_version=""), (3, 13))


@pytest.mark.integration
def test_wheels_that_nobody_made_say_for_whom(tmp_path: Path) -> None:
    platform = WheelPlatform(machine="aarch64", glibc_minor=36, python=(3, 13))
    with pytest.raises(DeviceError, match=r"no wheels of \./nothing-here.whl for Python 3.13 on aarch64"):
        while gather_wheels(tmp_path, platform, ["./nothing-here.whl"]) is None:
            pass


@pytest.mark.integration
def test_wheels_arrive_though_looking_at_what_is_there_takes_the_whole_slice(here: LocalTransport) -> None:
    house, told = here.folder / "house", list[str]()
    house.mkdir(parents=True)
    for name in ("a", "b", "c"):
        (house / f"{name}.whl").write_bytes(name.encode() * 1000)
    assert push_wheels(here, house, slice_s=0, progress=told.append)
    assert push_wheels(here, house, slice_s=0, progress=told.append)
    assert told == ["pushing a.whl", "pushing b.whl", "pushing c.whl"], "a wheel that is there is not told of again"
    assert sorted(path.name for path in (here.folder / "wheelhouse").iterdir()) == ["a.whl", "b.whl", "c.whl"]


@pytest.mark.integration
def test_a_job_runs_detached_and_is_found_again_by_its_name(here: LocalTransport) -> None:
    script = "while [ ! -e go ]; do sleep 0.02; done; echo finished; exit 7"
    assert job_state(here, "work").state is JobState.NONE
    assert launch_job(here, "work", script).state is JobState.RUNNING
    assert launch_job(here, "work", "echo another").state is JobState.RUNNING
    (here.folder / "go").touch()
    while (job := job_state(here, "work")).state is JobState.RUNNING:
        pass
    assert (job.state, job.exit_code, job.tail) == (JobState.ENDED, 7, "finished\n")
    stop_job(here, "work")
    assert job_state(here, "work").state is JobState.NONE


def test_a_job_that_was_killed_is_lost_and_can_be_begun_again(here: LocalTransport) -> None:
    launch_job(here, "work", "kill -9 $PPID; exec sleep 0.05")
    while (job := job_state(here, "work")).state is JobState.RUNNING:
        pass
    assert (job.state, job.exit_code) == (JobState.LOST, None)
    launch_job(here, "work", "exit 0")
    while (job := job_state(here, "work")).state is JobState.RUNNING:
        pass
    assert job.exit_code == 0


@pytest.mark.integration
def test_a_stopped_job_ends_with_all_it_started(here: LocalTransport) -> None:
    launch_job(here, "work", "sleep 600 & echo $! >pid; wait")
    while not (pid := (here.folder / "pid")).exists() or not pid.read_text().strip():
        pass
    stop_job(here, "work")
    gone = f"while kill -0 {pid.read_text().strip()} 2>/dev/null; do sleep 0.02; done"
    assert here.run(["sh", "-c", gone], timeout_s=10).exit_code == 0


def test_a_survey_tells_what_is_here(here: LocalTransport) -> None:
    adopt_own_python(here.folder)
    survey = take_survey(here)
    assert survey.python == sys.executable == survey.adopted_python
    assert survey.python_version == sys.version_info[:2] == survey.adopted_version
    assert survey.bits == 64 and survey.free_bytes > 0 and survey.environments == {}
