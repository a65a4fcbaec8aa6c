"""Recipes that leave the numbers alone: ORT format, optimised and slimmed graphs."""

import tempfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Final

import onnx
import onnxruntime
from onnx.external_data_helper import uses_external_data

from orchestrator.variants.recipe import Made, RecipeRefused

# It lays convolutions out for the processor that it runs on; the file is for another one.
_NOT_PORTABLE = ["NchwcTransformer"]
NO_ENTRIES: Final[Mapping[str, str]] = MappingProxyType({})


def to_ort(parent: Path, folder: Path) -> Made:
    """ORT format, as onnxruntime's own converter makes it for ARM; some of its bytes differ from time to time."""
    main = folder / f"{parent.stem}.ort"
    level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    optimise_for(parent, main, level, {"session.save_model_format": "ORT"})
    return _made(main)


def optimise(parent: Path, folder: Path) -> Made:
    """ONNX with fused operators; what only this processor could run is left out."""
    main = folder / parent.name
    with tempfile.TemporaryDirectory(prefix="optimise-", dir=folder) as place:
        whole = in_one_file(parent, Path(place) / parent.name)
        optimise_for(whole, main, onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED)
    return _made(main)


def slim(parent: Path, folder: Path) -> Made:
    """ONNX with constants folded and redundant operators gone."""
    try:
        import onnxslim
    except ImportError as error:
        raise RecipeRefused("slim: onnxslim is not installed; run: pip install 'pifarm[variants]'") from error
    main = folder / parent.name
    onnxslim.slim(str(parent), str(main))
    return Made(main=main, tools={"onnxslim": metadata.version("onnxslim")})


def in_one_file(parent: Path, target: Path) -> Path:
    """The network with its weights in it: the parent itself, or `target`, written now, where they lie elsewhere."""
    if not any(map(uses_external_data, onnx.load(parent, load_external_data=False).graph.initializer)):
        return parent
    onnx.save(onnx.load(parent), target)
    return target


def optimise_for(
    parent: Path, main: Path, level: onnxruntime.GraphOptimizationLevel, entries: Mapping[str, str] = NO_ENTRIES
) -> None:
    """Write what onnxruntime makes of a graph at a level of its optimisations, for any processor."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.optimized_model_filepath = str(main)
    for key, value in entries.items():
        options.add_session_config_entry(key, value)
    onnxruntime.InferenceSession(
        str(parent), options, providers=["CPUExecutionProvider"], disabled_optimizers=_NOT_PORTABLE
    )


def _made(main: Path) -> Made:
    return Made(main=main, tools={"onnxruntime": onnxruntime.__version__})
