"""Two ways of asking a variant: on this machine, and on a board that works for nobody else meanwhile. Nothing is timed.

Either way a variant answers through the agent's file for its runtime, in a process of its own.
"""

import hashlib
import subprocess
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from orchestrator.artifacts import ArtifactStore
from orchestrator.attending.lifecycle import DeviceState
from orchestrator.attending.links import link_to
from orchestrator.boards.bundle import build_bundle
from orchestrator.boards.fleet import find, require_idle
from orchestrator.errors import DeviceError, ModelError, SpecError
from orchestrator.farm import Farm
from orchestrator.formats.trial import QUIET_PYTHON
from orchestrator.queries.rows import BuildView
from orchestrator.transport import Transport
from orchestrator.transport.errands import remove_folders, words_of
from orchestrator.variants.make import unpacked

TIME_LIMIT_S: Final = 600.0
FETCH_S: Final = 300.0
MOST_ANSWER_BYTES: Final = 1024**3
FOLDER: Final = "questions"  # in the farm folder of the board; removed at the end
Array = npt.NDArray[Any]


class Answerer(Protocol):
    """Somebody who puts questions to a build."""

    def ask(self, build: BuildView, asked: Path, output: Path) -> list[Array]:
        """Its outputs in order, examples along a new first axis, kept in `output`; raises `ModelError`.

        `asked` holds the inputs by their places, as an earlier answer has them.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """This machine."""

    farm: Farm

    def ask(self, build: BuildView, asked: Path, output: Path) -> list[Array]:
        """As `Answerer` says."""
        return self.tell(build, ["--inputs", str(asked)], output)

    def tell(self, build: BuildView, words: Sequence[str], output: Path) -> list[Array]:
        """The same for inputs that the words of ``agent answer`` describe."""
        with unpacked(self.farm, build) as main:
            command = [*QUIET_PYTHON, "-m", "agent", "answer", "--runtime", build.runtimes[0], "--model", str(main)]
            try:
                done = subprocess.run(
                    [*command, "--output", str(output), *words],
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=TIME_LIMIT_S,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise ModelError(f"no answer within {TIME_LIMIT_S:g} s") from error
        if done.returncode != 0:
            said = (done.stdout or done.stderr).decode(errors="replace").strip().splitlines()
            raise ModelError(said[-1] if said else f"it ended with exit code {done.returncode}")
        return _read(output)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnBoard:
    """A drained board. `bundle` is the agent's file there. Lifecycle: made by `answering_board`."""

    farm: Farm
    transport: Transport
    python: str
    bundle: str

    def ask(self, build: BuildView, asked: Path, output: Path) -> list[Array]:
        """As `Answerer` says; raises `TransportError` where the link breaks."""
        inputs, told = f"{FOLDER}/asked.npz", f"{FOLDER}/told.npz"
        self.transport.push(asked, inputs, sha256=_sha256(asked))
        command = ["/usr/bin/env", "ORT_DISABLE_TELEMETRY=1", self.python, "-I", self.bundle, "answer"]
        command += ["--runtime", build.runtimes[0], "--model", self._stage(build)]
        command += ["--inputs", inputs, "--output", told]
        done = self.transport.run(command, timeout_s=TIME_LIMIT_S)
        if done.exit_code != 0:
            raise ModelError((done.stdout.decode(errors="replace").strip() or words_of(done))[-400:])
        fetched = self.transport.run(["cat", told], timeout_s=FETCH_S)
        if fetched.exit_code != 0 or len(fetched.stdout) > MOST_ANSWER_BYTES:
            raise DeviceError(f"answer: expected at most {MOST_ANSWER_BYTES} bytes, got {words_of(fetched)[:200]}")
        output.write_bytes(fetched.stdout)
        return _read(output)

    def _stage(self, build: BuildView) -> str:
        """Bring a build's files to where runs have theirs; the main one's place."""
        store = ArtifactStore(self.farm.settings.artifacts_dir)
        manifest = store.manifest(build.artifact)
        for file in manifest.files:
            target = f"artifacts/{build.artifact}/{file.name}"
            self.transport.push(store.blob(file.sha256), target, sha256=file.sha256)
        return f"artifacts/{build.artifact}/{manifest.main}"


@contextmanager
def answering_board(farm: Farm, name: str) -> Iterator[OnBoard]:
    """A device that answers, left as it was; raises `SpecError` unless it is drained and no run is active on it."""
    with farm.database.read() as session:
        device = require_idle(session, find(session, name))
        if device.state is not DeviceState.DRAINED:
            raise SpecError(
                f"device: expected {name} drained, so that no run begins while it answers, it is {device.state.value};"
                f" run: pifarm device drain {name}"
            )
        device_id = device.id
    bundle = build_bundle(farm.settings.bundles_dir)
    with link_to(farm, device_id) as link:
        link.transport.push(bundle.path, bundle.target, sha256=bundle.sha256)
        try:
            yield OnBoard(farm=farm, transport=link.transport, python=link.python, bundle=bundle.target)
        finally:
            remove_folders(link.transport, [FOLDER])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> list[Array]:
    """The outputs in a file that a board, too, may have written: plain arrays, stored as they are."""
    try:
        with zipfile.ZipFile(path) as archive:
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise ModelError("its answer is packed; expected arrays as they are")
        with np.load(path, allow_pickle=False) as arrays:
            names = [name for name in arrays.files if name.startswith("output") and name[6:].isdigit()]
            return [arrays[name] for name in sorted(names, key=lambda name: int(name[6:]))]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(f"its answer cannot be read: {error}") from error
