"""Turns a PATH that a user gives into the facts of one model: finds its main file, picks the format by suffix."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from orchestrator.boards.runtimes import known_runtimes
from orchestrator.errors import ModelError, SpecError
from orchestrator.formats.foreign import recognise
from orchestrator.formats.model_file import ModelFile
from orchestrator.formats.onnx_format import read_onnx
from orchestrator.formats.ort_format import read_ort
from orchestrator.formats.other_formats import KINDS, read_other

OWN_READERS: Final[Mapping[str, Callable[[Path], ModelFile]]] = {".onnx": read_onnx, ".ort": read_ort}


@functools.cache
def readers() -> Mapping[str, Callable[[Path], ModelFile]]:
    """What reads the files of each ending; those that only a plug-in knows come last."""
    further = [suffix for runtime in known_runtimes().values() for suffix in runtime.suffixes]
    return {**dict.fromkeys([*KINDS, *further], read_other), **OWN_READERS}


def suffixes() -> str:
    """The endings in words."""
    *most, last = sorted(readers(), key=lambda suffix: suffix not in OWN_READERS)
    return f"{', '.join(most)} or {last}"


def read_model(path: Path) -> ModelFile:
    """The facts of the model at `path`: a file, or a folder that is one variant and holds one main file.

    Raises `SpecError` where there is nothing to read, `ModelError` where it is no model that pifarm can run.
    """
    main = _find_main(path)
    reader = readers().get(main.suffix)
    if reader is None:
        found = recognise(main) or f"got {main.name}; export the network to ONNX"
        raise ModelError(f"{main}: expected a file that ends in {suffixes()}, {found}")
    try:
        return reader(main)
    except OSError as error:
        raise SpecError(f"{main}: cannot be read: {error}") from error


def _find_main(path: Path) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        raise SpecError(
            f"{path}: expected a model file or a folder, got {'a special file' if path.exists() else 'nothing'}"
        )
    # Hidden files are none: macOS leaves ._model.onnx beside each file it copies to a foreign disk.
    names = sorted(each.name for each in path.iterdir() if each.is_file() and not each.name.startswith("."))
    mains = [name for name in names if Path(name).suffix in readers()]
    if len(mains) == 1:
        return path / mains[0]
    if mains:
        raise ModelError(
            f"{path}: a folder is one variant, with one file that ends in {suffixes()}, got {', '.join(mains)};"
            " give each file as a PATH of its own"
        )
    raise ModelError(
        f"{path}: expected one file that ends in {suffixes()} in this folder, got {', '.join(names[:10]) or 'no file'}"
    )
