"""TorchScript, torch.export programs, ncnn, LiteRT and OpenVINO files: which files belong to one, and how to tell it.

Their marks are looked at here for the sake of good messages; what is in them, their runtime says (`trial`). A runtime
that is a plug-in may bring endings of its own: such a file stands alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orchestrator.boards.runtimes import runtimes_for
from orchestrator.errors import ModelError
from orchestrator.formats.foreign import recognise
from orchestrator.formats.model_file import ModelFile, ModelFormat
from orchestrator.formats.trial import Refusal, try_to_open


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A format: what it is called, a mark within its first bytes, the ending of the file with its weights."""

    format: ModelFormat
    what: str
    mark: bytes = b""
    weights: str | None = None


KINDS: Final[Mapping[str, Kind]] = {
    ".torchscript": Kind(format=ModelFormat.TORCHSCRIPT, what="a TorchScript program", mark=b"PK\x03\x04"),
    ".pt": Kind(format=ModelFormat.TORCHSCRIPT, what="a TorchScript program", mark=b"PK\x03\x04"),
    ".pt2": Kind(format=ModelFormat.PT2, what="a program of torch.export", mark=b"PK\x03\x04"),
    ".param": Kind(
        format=ModelFormat.NCNN, what="an ncnn net, with 7767517 in its first line", mark=b"7767517", weights=".bin"
    ),
    ".tflite": Kind(format=ModelFormat.TFLITE, what="a LiteRT model, with TFL3 at byte 4", mark=b"TFL3"),
    ".xml": Kind(format=ModelFormat.OPENVINO, what="an OpenVINO IR", mark=b"<net", weights=".bin"),
}
HEAD_BYTES: Final = 512


def read_other(main: Path) -> ModelFile:
    """The facts of a file that its runtime describes, and of the weights beside it; raises `ModelError`."""
    kind = KINDS.get(main.suffix)
    if kind is not None:
        _check_mark(main, kind)
    runtimes = runtimes_for(main.suffix)
    files = {main.name: main, **_weights(main, kind)}
    answer = try_to_open(main, runtimes[0])
    if isinstance(answer, Refusal):
        raise ModelError(f"{main}: {runtimes[0]} {answer.version} cannot load it: {answer.reason}; export it again")
    return ModelFile(
        format=main.suffix.lstrip(".") if kind is None else kind.format,
        main=main.name,
        files=files,
        inputs=answer.inputs,
        outputs=answer.outputs,
        opset={},
        size_bytes=sum(path.stat().st_size for path in files.values()),
        runtimes=runtimes,
    )


def _check_mark(main: Path, kind: Kind) -> None:
    with main.open("rb") as file:
        head = file.read(HEAD_BYTES)
    found = recognise(main)
    is_script = kind.format is ModelFormat.TORCHSCRIPT and found is not None and found.suffix == ".torchscript"
    is_program = kind.format is ModelFormat.PT2 and found is not None and found.suffix == ".pt2"
    if kind.mark not in head or (head.startswith(b"PK") and not (is_script or is_program)):
        raise ModelError(f"{main}: expected {kind.what}, {found or f'got {head[:8]!r}; export it again'}")


def _weights(main: Path, kind: Kind | None) -> dict[str, Path]:
    if kind is None or kind.weights is None:
        return {}
    weights = main.with_suffix(kind.weights)
    if not weights.is_file():
        raise ModelError(f"{main}: its weights, {weights.name}, are not beside it; put both files into one folder")
    return {weights.name: weights}
