"""What somebody uploads, checked before it is believed: how much, by which names, and what it is by its content.

Files lie in a private folder of the state home while they are read, and are gone afterwards; only a model that its
runtime could open gets into the store. A name from outside is never mended: it is plain, or the upload is refused.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.wire.names import is_plain_name
from orchestrator.catalog import NewBuild, labels_for
from orchestrator.config import Settings
from orchestrator.errors import ModelError, SpecError
from orchestrator.formats import read_model
from orchestrator.formats.reading import readers, suffixes
from orchestrator.text.numbers_text import size
from orchestrator.variants.inspection import inspect


class Uploaded(Protocol):
    """A file that came from a browser."""

    @property
    def name(self) -> str:
        """What its sender calls it."""

    @property
    def size(self) -> int:
        """Its length in bytes."""

    def getbuffer(self) -> memoryview:
        """Its content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What pifarm reads from one variant; work and parameters are known of ONNX files alone.

    `unknown_layers` are not in `flops`, because the network leaves their shapes open.
    """

    label: str
    format: str
    runtimes: tuple[str, ...]
    size_bytes: int
    inputs: str
    outputs: str
    parameters: int | None = None
    flops: int | None = None
    unknown_layers: int = 0


def read_uploads(files: Sequence[Uploaded], settings: Settings) -> list[Found]:
    """What the files are, one for each variant. Raises `SpecError` or `ModelError` that says what to do."""
    with laid_out(files, settings) as builds:
        return [_read(build) for build in builds]


@contextmanager
def laid_out(files: Sequence[Uploaded], settings: Settings) -> Iterator[list[NewBuild]]:
    """The uploaded files in a folder of their own, as variants to register, until the block ends."""
    require_sound(files, settings.upload_max_bytes)
    parent = settings.home / "uploads"
    parent.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        for file in files:
            (Path(folder) / file.name).write_bytes(file.getbuffer())
        mains = [Path(folder) / file.name for file in files if Path(file.name).suffix in readers()]
        if not mains:
            raise ModelError(f"upload: expected a file that ends in {suffixes()}, got {_names(files)}")
        try:
            yield [NewBuild(path=path, label=label) for path, label in zip(mains, labels_for(mains), strict=True)]
        except (ModelError, SpecError) as error:
            raise type(error)(str(error).replace(f"{folder}/", "")) from error


def require_sound(files: Sequence[Uploaded], most_bytes: int) -> None:
    """Refuse what is too much, and names that are no plain file names."""
    total_bytes = sum(file.size for file in files)
    if total_bytes > most_bytes:
        raise SpecError(
            f"upload: expected at most {size(most_bytes)} in all (upload_max_bytes), got {size(total_bytes)}; "
            "add it on the farm's machine: pifarm model add NAME PATH"
        )
    for name, count in Counter(file.name for file in files).items():
        if not is_plain_name(name):
            raise SpecError(f"upload: {name!r}: expected a name of letters, digits, '.', '_' or '-'; rename the file")
        if count > 1:
            raise SpecError(f"upload: {name!r} is there {count} times; one of each name")


def _read(build: NewBuild) -> Found:
    fact = read_model(build.path)
    found = inspect(build.path) if build.path.suffix == ".onnx" else None
    return Found(
        label=build.label,
        format=str(fact.format),
        runtimes=fact.runtimes,
        size_bytes=fact.size_bytes,
        inputs=", ".join(f"{each.name} {each.dtype} {_shape(each.shape)}" for each in fact.inputs),
        outputs=", ".join(f"{each.name} {each.dtype} {_shape(each.shape)}" for each in fact.outputs),
        parameters=None if found is None else found.parameters,
        flops=None if found is None else found.flops,
        unknown_layers=0 if found is None else found.unknown,
    )


def _shape(shape: tuple[int | str | None, ...] | None) -> str:
    return "of any shape" if shape is None else "x".join(str(side or "?") for side in shape)


def _names(files: Sequence[Uploaded]) -> str:
    return ", ".join(file.name for file in files) or "no file"
