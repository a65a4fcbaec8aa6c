"""Wheels for boards without a way to a package index: gathered on this machine for the board's kind, pushed there.

Gathering is a job of its own on this machine, so that it never holds up whoever asks; a house of wheels is complete
under its name or it is not there. Its name is a hash of what it is for, so every board of a kind shares it.
"""

import hashlib
import re
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from agent.wire.names import is_plain_name
from orchestrator.errors import DeviceError
from orchestrator.transport import Transport
from orchestrator.transport.errands import JobState, Survey, job_state, launch_job, stop_job
from orchestrator.transport.local import LocalTransport
from orchestrator.transport.receiver import digest_of

BOARD_FOLDER = "wheelhouse"
_OLDEST_GLIBC = 17
_TWO_DIGITS = re.compile(r"[0-9]{1,2}")
_LEAST_SLICE_S = 1.0
_LEGACY = {17: "manylinux2014"}
PIP_OPTIONS = ("--disable-pip-version-check", "--no-input", "--progress-bar=off", "--only-binary=:all:")


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelPlatform:
    """What a wheel must fit: a processor, a glibc 2.x, a Python 3.x."""

    machine: str
    glibc_minor: int
    python: tuple[int, int]

    @classmethod
    def of(cls, survey: Survey, python: tuple[int, int]) -> Self:
        """The platform of a board; raises `DeviceError` where no wheels are made for it."""
        major, _, minor = survey.libc_version.partition(".")
        if survey.libc != "glibc" or major != "2" or _TWO_DIGITS.fullmatch(minor) is None:
            found = f"{survey.libc} {survey.libc_version}".strip() or "another C library"
            raise DeviceError(f"wheels can be pushed to boards with glibc only, this one has {found}")
        if not is_plain_name(survey.machine):
            raise DeviceError(f"wheels can be pushed to a known processor only, this one is {survey.machine!r}")
        return cls(machine=survey.machine, glibc_minor=int(minor), python=python)

    @property
    def tags(self) -> list[str]:
        """Platform tags from the newest on; pip takes a wheel only for a tag that is named exactly."""
        tags = []
        for minor in range(self.glibc_minor, _OLDEST_GLIBC - 1, -1):
            tags.append(f"manylinux_2_{minor}_{self.machine}")
            if minor in _LEGACY:
                tags.append(f"{_LEGACY[minor]}_{self.machine}")
        return tags


def house_of(cache: Path, platform: WheelPlatform, requirements: Sequence[str]) -> Path:
    """The folder where these wheels and all they need lie once they are there; whoever has them may put them there."""
    return cache / hashlib.sha256(repr((platform, sorted(requirements))).encode()).hexdigest()[:16]


def gather_wheels(cache: Path, platform: WheelPlatform, requirements: Sequence[str]) -> Path | None:
    """The folder with these wheels and all they need; None while they are being fetched: ask again.

    Raises `DeviceError` where they cannot be had.
    """
    house = house_of(cache, platform, requirements)
    if house.is_dir():
        return house
    here, name = LocalTransport(cache), f"wheels-{house.name}"
    job = job_state(here, name)
    if job.state in (JobState.NONE, JobState.LOST):
        job = launch_job(here, name, _fetching(house.name, platform, requirements))
    if job.state is JobState.RUNNING:
        return None
    stop_job(here, name)
    if house.is_dir():
        return house
    version = ".".join(map(str, platform.python))
    raise DeviceError(
        f"no wheels of {', '.join(requirements)} for Python {version} on {platform.machine}"
        f" with glibc 2.{platform.glibc_minor}: {job.tail.strip()[-600:]}"
    )


def push_wheels(transport: Transport, house: Path, *, slice_s: float, progress: Callable[[str], None]) -> bool:
    """Bring every wheel to the board; False where the slice was over before: call again."""
    ends_s = time.monotonic() + slice_s
    for wheel in sorted(house.glob("*.whl")):
        # A slow board may need the whole slice to look at what it has: then a little is sent all the same.
        left_s = max(ends_s - time.monotonic(), _LEAST_SLICE_S)
        if not _push_wheel(transport, wheel, left_s, progress):
            return False
    return True


def _push_wheel(transport: Transport, wheel: Path, slice_s: float, tell: Callable[[str], None]) -> bool:
    return transport.push(
        wheel,
        f"{BOARD_FOLDER}/{wheel.name}",
        sha256=digest_of(wheel),
        slice_s=slice_s,
        progress=lambda sent_bytes, size_bytes: tell(f"pushing {wheel.name}"),
    ).complete


def _fetching(key: str, platform: WheelPlatform, requirements: Sequence[str]) -> str:
    words = [sys.executable, "-m", "pip", "download", *PIP_OPTIONS, "--quiet", "--dest", f".part-{key}"]
    words += ["--implementation", "cp", "--python-version", ".".join(map(str, platform.python))]
    for tag in platform.tags:
        words += ["--platform", tag]
    fetch = shlex.join([*words, *requirements])
    return f"rm -rf .part-{key} && {fetch} && mv .part-{key} {key}"
