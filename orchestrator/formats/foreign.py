"""Recognises what people hand over in place of a model, by its first bytes, and knows what to do with it.

Used where a file is not what its suffix says. Nothing here runs, unpickles or unpacks what it looks at.
"""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HEAD_BYTES: Final = 512
EXPORT: Final = (
    "export the network to ONNX where it was made, torch.onnx.export(model, example, 'model.onnx'), or as a program,"
    " torch.export.save(torch.export.export(model, (example,)), 'model.pt2'); a checkpoint of Ultralytics:"
    " yolo export model=FILE format=onnx"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """What a file is, and what to do about it; `suffix` is set where only the name is wrong."""

    what: str
    remedy: str
    suffix: str | None = None

    def __str__(self) -> str:
        return f"got {self.what}; {self.remedy}"


def recognise(path: Path) -> Recognised | None:
    """What the file is, if it is something known other than what its suffix says."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head.startswith(b"PK\x03\x04"):
        return _recognise_zip(path)
    return next((found for is_it, found in KNOWN if is_it(head) and found.suffix != path.suffix), None)


def _recognise_zip(path: Path) -> Recognised:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        names = []
    if any("/code/" in name for name in names) and any(name.endswith("constants.pkl") for name in names):
        return Recognised(what="a TorchScript program", remedy="name it NAME.torchscript", suffix=".torchscript")
    if any(name.endswith("archive_format") or "/models/" in name for name in names):
        return Recognised(what="a program of torch.export", remedy="name it NAME.pt2", suffix=".pt2")
    if any(name.endswith("data.pkl") for name in names):
        return Recognised(what="a PyTorch checkpoint", remedy=EXPORT)
    return Recognised(what="a zip archive", remedy="unpack it, and add the model in it")


def _is_text(head: bytes) -> bool:
    # The head may end within a character, hence 'ignore'; a byte that is no UTF-8 elsewhere shortens the text.
    text = head.decode(errors="ignore")
    is_whole = len(text.encode()) > len(head) - 4
    return is_whole and all(character.isprintable() or character in "\t\r\n\f\ufeff" for character in text)


KNOWN: Final[tuple[tuple[Callable[[bytes], bool], Recognised], ...]] = (
    (
        lambda head: head == b"",
        Recognised(what="an empty file", remedy="copy or export it again"),
    ),
    (
        lambda head: head[4:8] == b"ORTM",
        Recognised(what="a model in ORT format", remedy="rename it to end in .ort", suffix=".ort"),
    ),
    (
        lambda head: head[4:8] == b"TFL3",
        Recognised(what="a LiteRT model", remedy="rename it to end in .tflite", suffix=".tflite"),
    ),
    (
        lambda head: head.startswith(b"\x89HDF\r\n\x1a\n"),
        Recognised(what="an HDF5 file, as Keras writes", remedy="convert it to ONNX with tf2onnx, and add that file"),
    ),
    (
        lambda head: head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"),
        Recognised(what="a Python pickle, as old PyTorch checkpoints are", remedy=EXPORT),
    ),
    (
        lambda head: head.startswith(b"\x1f\x8b"),
        Recognised(what="a gzip archive", remedy="unpack it, and add the model in it"),
    ),
    (
        lambda head: head.startswith(b"version https://git-lfs"),
        Recognised(what="a Git LFS pointer instead of the file", remedy="run: git lfs pull"),
    ),
    (
        _is_text,
        Recognised(what="a text file", remedy="check the path, or download or export the model again"),
    ),
    (
        lambda head: head[:1] == b"\x08" and b"\x00" < head[1:2] < b"\x20",
        Recognised(what="what looks like an ONNX model", remedy="rename it to end in .onnx", suffix=".onnx"),
    ),
)
