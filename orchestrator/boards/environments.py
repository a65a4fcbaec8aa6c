"""The virtual environment of a runtime on a board: whether it is there as wanted, and the jobs that make it.

A job makes it under another name and renames it at the end, so an environment is whole or it is not there. It
notes what it was made of; after an upgrade of Python or of a package it no longer fits and is made anew.
"""

import enum
import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.boards.wheelhouse import BOARD_FOLDER, PIP_OPTIONS, WheelPlatform, gather_wheels, push_wheels
from orchestrator.errors import DeviceError
from orchestrator.transport import Transport
from orchestrator.transport.errands import Job, JobState, Survey, job_state, launch_job, stop_job

SPACE_BYTES = 700 * 1024 * 1024
JOB_LIMIT_S = 1800.0
# A try that should fail soon where there is no index, and a wait that gets through a bad line.
_BRIEF = ("--timeout", "5", "--retries", "0")
_PATIENT = ("--timeout", "20", "--retries", "3")
_NOTHING = Job(state=JobState.NONE, exit_code=None, age_s=0.0, tail="")


class WheelhousePolicy(enum.Enum):
    """Where a board gets its packages: from an index, from us, or from us where it cannot reach an index."""

    AUTO = "auto"
    ONLINE = "online"
    PUSHED = "pushed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python on a board."""

    path: str
    version: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """The two ways to an environment, as the board knows them now."""

    online: Job = _NOTHING
    pushed: Job = _NOTHING

    @property
    def have_begun(self) -> bool:
        """Whether either was ever tried."""
        return self.online.state is not JobState.NONE or self.pushed.state is not JobState.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What a runtime needs on a board, and the way to get it there. `requirements` are pinned packages."""

    transport: Transport
    survey: Survey
    python: Interpreter
    runtime: str
    requirements: Sequence[str]
    policy: WheelhousePolicy
    wheel_cache: Path

    def is_ready(self) -> bool:
        """Whether it is there as wanted, or an adopted interpreter stands in for it."""
        made_of = self.survey.environments.get(self.runtime)
        return self.survey.adopted_python is not None or made_of == self._made_of

    def tidy(self) -> None:
        """Forget the jobs that made it, where there are any."""
        if any(self._job(source) in self.survey.jobs for source in WheelhousePolicy):
            self._forget_jobs()

    def look(self) -> Jobs:
        """Ask the board after the jobs that matter."""
        if self.policy is WheelhousePolicy.PUSHED:
            return Jobs(pushed=job_state(self.transport, self._job(WheelhousePolicy.PUSHED)))
        online = job_state(self.transport, self._job(WheelhousePolicy.ONLINE))
        if self.policy is WheelhousePolicy.ONLINE or not _has_failed(online):
            return Jobs(online=online)
        return Jobs(online=online, pushed=job_state(self.transport, self._job(WheelhousePolicy.PUSHED)))

    def advance(self, jobs: Jobs, tell: Callable[[str], None], slice_s: float) -> None:
        """Go on making it for about `slice_s`; a later survey finds it ready. Raises `DeviceError`.

        After a failure everything is forgotten, so that the next try begins anew.
        """
        try:
            if self.policy is WheelhousePolicy.PUSHED or (
                self.policy is WheelhousePolicy.AUTO and _has_failed(jobs.online)
            ):
                self._follow(jobs.pushed, lambda: self._launch_pushed(tell, slice_s), tell)
            else:
                self._follow(jobs.online, lambda: self._launch_online(tell), tell)
        except DeviceError:
            self._forget_jobs()
            raise

    def _follow(self, job: Job, launch: Callable[[], None], tell: Callable[[str], None]) -> None:
        if job.state in (JobState.NONE, JobState.LOST):
            require_space(self.survey, SPACE_BYTES)
            if not self.survey.can_make_environments:
                raise DeviceError("Python cannot make virtual environments; run: sudo apt install python3-venv")
            launch()
        elif job.state is JobState.RUNNING and job.age_s <= JOB_LIMIT_S:
            tell(_last_line(job.tail) or "making a virtual environment")
        elif job.exit_code == 0:
            self._forget_jobs()
        else:
            cause = f"exit code {job.exit_code}" if job.exit_code else f"still at it after {JOB_LIMIT_S:g} s"
            raise DeviceError(
                f"{', '.join(self.requirements)} could not be installed, {cause}: {job.tail.strip()[-600:]}"
            )

    def _launch_online(self, tell: Callable[[str], None]) -> None:
        tell(f"installing {', '.join(self.requirements)} from the board's package index")
        self._launch(WheelhousePolicy.ONLINE, _BRIEF if self.policy is WheelhousePolicy.AUTO else _PATIENT)

    def _launch_pushed(self, tell: Callable[[str], None], slice_s: float) -> None:
        platform = WheelPlatform.of(self.survey, self.python.version)
        house = gather_wheels(self.wheel_cache, platform, self.requirements)
        if house is None:
            tell(f"gathering wheels for {platform.machine}")
        elif push_wheels(self.transport, house, slice_s=slice_s, progress=tell):
            self._launch(WheelhousePolicy.PUSHED, ("--no-index", "--find-links", BOARD_FOLDER))

    def _launch(self, source: WheelhousePolicy, options: Sequence[str]) -> None:
        launch_job(self.transport, self._job(source), self._script(options))

    def _script(self, options: Sequence[str]) -> str:
        draft, final = f"envs/.new-{self.runtime}", f"envs/{self.runtime}"
        python, made_of = shlex.quote(self._made_of["python"]), shlex.quote(json.dumps(self._made_of))
        make = shlex.join([self.python.path, "-I", "-m", "venv", draft])
        pip = shlex.join([f"{draft}/bin/python", "-I", "-m", "pip", "install", *PIP_OPTIONS, *options])
        # An installation that fails takes back what it did: the empty environment serves the next try.
        steps = [
            "set -e; mkdir -p envs",
            f'if [ "$(cat {draft}/empty 2>/dev/null)" != {python} ]; then rm -rf {draft}; {make}; fi',
            f"rm -f {draft}/empty",
            f"{pip} {shlex.join(self.requirements)} || {{ printf %s {python} >{draft}/empty; exit 1; }}",
            f"printf %s {made_of} >{draft}/made-of.json",
            f"rm -rf {final}; mv {draft} {final}; rm -rf {BOARD_FOLDER}",
        ]
        return "\n".join(steps)

    @property
    def _made_of(self) -> dict[str, str]:
        return {
            "python": f"{self.python.path} {'.'.join(map(str, self.python.version))}",
            "requirements": " ".join(sorted(self.requirements)),
        }

    def _job(self, source: WheelhousePolicy) -> str:
        return f"environment-{self.runtime}-{source.value}"

    def _forget_jobs(self) -> None:
        for source in (WheelhousePolicy.ONLINE, WheelhousePolicy.PUSHED):
            stop_job(self.transport, self._job(source))


def require_space(survey: Survey, needed_bytes: int) -> None:
    """Raise `DeviceError` unless that much is free on the board."""
    if survey.free_bytes < needed_bytes:
        raise DeviceError(
            f"expected {needed_bytes // 1024**2} MB of free space, found {survey.free_bytes // 1024**2} MB;"
            " free some on the board, or give it a larger card"
        )


def _has_failed(job: Job) -> bool:
    return job.state is JobState.ENDED and job.exit_code != 0


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2].strip()
