"""The facts of a model file, as `read_model` gives them and the catalog stores them. They validate themselves."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import ModelError


class ModelFormat(enum.StrEnum):
    """The formats that pifarm itself knows; one that only a plug-in's runtime loads is called by its suffix."""

    ONNX = "onnx"
    ORT = "ort"
    TORCHSCRIPT = "torchscript"
    PT2 = "pt2"
    NCNN = "ncnn"
    TFLITE = "tflite"
    OPENVINO = "openvino"


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """An input or output as the model declares it.

    `dtype` is numpy's name where there is one (``float32``), else the runtime's own text. A size that the
    model leaves open is None, or the name that the model gives it; a shape that is not declared at all is None.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """One variant's files: all that must lie in one folder for `main` to load.

    `files` maps names relative to that folder to where they are now. `opset` maps operator domains (ONNX's
    own is ``ai.onnx``) to versions, and is empty elsewhere. `runtimes` can load the main file.
    """

    format: str
    main: str
    files: Mapping[str, Path]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    opset: Mapping[str, int]
    size_bytes: int
    runtimes: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.main not in self.files:
            raise ModelError(f"{self.main}: expected the main file among {', '.join(self.files)}")
        if not self.outputs:
            raise ModelError(f"{self.main}: the graph has no outputs, so there is nothing to compute; export it again")
