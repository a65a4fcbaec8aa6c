"""Stands in for inference where scale or scaled time is tested: an inference takes a seeded time and computes nothing.

It says so in its version, so that no figure of it can be taken for a measurement. It needs neither numpy nor a model
file's content, and a run with it takes the home's own lock instead of the machine's.

With the option `witness`, whoever measures holds a lock of its own on ``witness.lock`` in the board's home and leaves a
line in ``witness.jsonl``: a proof that no two measured at once which owes nothing to the agent's own lock.
"""

import fcntl
import json
import os
import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.errors import RunFault
from agent.runtimes import Feeds, Signature, pick_options
from agent.wire.spec import Scalar

_DEFAULTS: Mapping[str, Scalar] = {
    "median_ms": 10.0,  # of a lognormal
    "sigma": 0.01,  # of its logarithm
    "seed": 0,
    "first_factor": 1.0,  # the first inference takes so many times longer
    "growth": 0.0,  # each takes this share of the median longer than the one before
    "output": "",  # what is answered, where it is not nothing
    "spin": False,  # burn the time instead of sleeping
    "busy": 0.0,  # share of a simulated board's cores that it is said to use meanwhile
    "load_ms": 0.0,
    "hold_bytes": 0,  # memory that is filled while loading
    "fail_at": -1,  # the inference that raises, counted from 0
    "crash_at": -1,  # the inference that ends the process by `crash_signal`
    "crash_signal": "SIGILL",
    "witness": False,
}


class ScriptedFailure(Exception):
    """The failure that a script asks for."""


class ScriptedSession:
    """A pretended model without inputs."""

    def __init__(self, options: Mapping[str, Scalar]) -> None:
        self.inputs: Sequence[Signature] = ()
        self.outputs: Sequence[Signature] = ()
        self.options = options
        self.pretended_share = None if options["spin"] else float(options["busy"])
        self._ballast = b"\1" * int(options["hold_bytes"])
        self._random = random.Random(int(options["seed"]))
        self._answer = (options["output"],) if options["output"] else ()
        self._count = 0

    def bind(self, feeds: Feeds) -> Callable[[], Sequence[Any]]:
        """The timed call: a wait of a seeded time."""
        return self._pretend

    def _pretend(self) -> Sequence[Any]:
        options = self.options
        wait_s = float(options["median_ms"]) / 1e3 * self._random.lognormvariate(0.0, float(options["sigma"]))
        if self._count == options["fail_at"]:
            raise ScriptedFailure(f"scripted to fail at inference {self._count}")
        if self._count == options["crash_at"]:
            os.kill(os.getpid(), signal.Signals[str(options["crash_signal"])])
        factor = float(options["first_factor"]) if self._count == 0 else 1.0 + float(options["growth"]) * self._count
        _wait(wait_s * factor, bool(options["spin"]))
        self._count += 1
        return self._answer


class ScriptedRuntime:
    """A pretended runtime."""

    version = "scripted: no inference"
    errors: tuple[type[Exception], ...] = (ScriptedFailure,)

    def load(self, path: Path, threads: int, options: Mapping[str, Scalar]) -> ScriptedSession:
        """Pretend to load; the file has to be there."""
        used = pick_options(options, _DEFAULTS)
        if not path.exists():
            raise RunFault("bad_model", f"spec.main_file: {path.name} is not there")
        session = ScriptedSession(used)
        if used["witness"]:
            _bear_witness(_home_of(path))
        _wait(float(used["load_ms"]) / 1e3, spin=False)
        return session


def open_runtime() -> ScriptedRuntime:
    """The pretended runtime."""
    return ScriptedRuntime()


def _home_of(model: Path) -> Path:
    staged = [parent for parent in model.parents if parent.name == "artifacts"]
    return staged[-1].parent if staged else model.parent


def _bear_witness(home: Path) -> None:
    # The descriptor is left open on purpose: the kernel lets go of the lock when this process is gone, however it ends.
    lock = os.open(home / "witness.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_alone = True
    except BlockingIOError:
        is_alone = False
    line = {"pid": os.getpid(), "agent": os.getppid(), "monotonic_ns": time.monotonic_ns(), "alone": is_alone}
    log = os.open(home / "witness.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    os.write(log, json.dumps(line).encode() + b"\n")
    os.close(log)


def _wait(seconds: float, spin: bool) -> None:
    if not spin:
        time.sleep(seconds)
        return
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
