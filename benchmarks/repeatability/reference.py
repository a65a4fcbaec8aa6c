"""How fast the machine itself was at each moment: a short network, timed on every core all the while.

A virtual server's cores change their speed within seconds, because of neighbours that it cannot see; a
board with a fixed clock does not. So every value goes with what the reference took meanwhile on the same core.

Lifecycle: a `Reference` runs inside its `with` block; its processes also end when the one that started them is gone.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.command import CannotMeasureError
from benchmarks.repeatability.loads import Span

ROOT = Path(__file__).parents[2]
LEAST_LOOKS = 7  # about 5 s: a machine that changes within seconds is told best by the looks that are near
LATEST_S = 5.0
START_PATIENCE_S, POLL_S = 30.0, 0.05
Looks = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The loops, and where each core's looks are written."""

    files: Mapping[int, Path]

    def in_span(self, span: Span, cores: Collection[int], without: Sequence[Span] = ()) -> float:
        """The median look in a span, of a short one the 7 looks nearest to it; of several cores the geometric mean.

        Looks in the spans of `without` do not count. In nanoseconds. Raises `CannotMeasureError` where the reference
        has ended.
        """
        medians = [_median_in(read_looks(self.files[core]), span, without) for core in cores]
        return float(np.exp(np.mean(np.log(medians))))


def read_looks(file: Path) -> Looks:
    """float64, (looks, 2): when, in monotonic seconds, and how long, in nanoseconds; without a torn last one."""
    values = np.fromfile(file)
    return values[: len(values) // 2 * 2].reshape(-1, 2)


@contextlib.contextmanager
def watched(model: Path, folder: Path) -> Iterator[Reference]:
    """Look at every core that this process may use, in turn; each has been looked at when the block begins."""
    files = {core: folder / f"core{core}.looks" for core in sorted(os.sched_getaffinity(0))}
    with contextlib.ExitStack() as loops:
        for number, (core, file) in enumerate(files.items()):
            loops.callback(_end, _start(core, number / len(files), model, file))
        _await_looks(files)
        yield Reference(files=files)


@contextlib.contextmanager
def kept_on(cores: Collection[int]) -> Iterator[None]:
    """Whatever is started in the block runs on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _start(core: int, phase: float, model: Path, file: Path) -> "subprocess.Popen[bytes]":
    told = map(str, (core, phase, os.getpid(), model))
    words = [sys.executable, "-m", "benchmarks.repeatability.reference_loop", *told]
    environment = os.environ | {"ORT_DISABLE_TELEMETRY": "1"}
    with file.open("wb") as output:
        return subprocess.Popen(words, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output)


def _end(loop: "subprocess.Popen[bytes]") -> None:
    loop.kill()
    loop.wait()


def _await_looks(files: Mapping[int, Path]) -> None:
    gives_up_s = time.monotonic() + START_PATIENCE_S
    while not all(len(read_looks(file)) for file in files.values()):
        if time.monotonic() > gives_up_s:
            raise CannotMeasureError("the reference does not start; its reason stands above")
        time.sleep(POLL_S)


def _median_in(looks: Looks, span: Span, without: Sequence[Span]) -> float:
    if not len(looks) or looks[-1, 0] < span[1] - LATEST_S:
        raise CannotMeasureError("the reference has ended; its reason stands above")
    for each in without:
        looks = looks[~_is_inside(looks, each)]
    is_inside = _is_inside(looks, span)
    if np.count_nonzero(is_inside) < LEAST_LOOKS:
        nearest = np.argsort(np.abs(looks[:, 0] - np.mean(span)))[:LEAST_LOOKS]
        return float(np.median(looks[nearest, 1]))
    return float(np.median(looks[is_inside, 1]))


def _is_inside(looks: Looks, span: Span) -> npt.NDArray[np.bool_]:
    return (looks[:, 0] >= span[0]) & (looks[:, 0] <= span[1])
