"""Recipes that leave the numbers alone: ORT format, optimised and slimmed graphs."""

from importlib import metadata
from pathlib import Path

import onnxruntime

from orchestrator.variants.recipe import Made, RecipeRefused

# It lays convolutions out for the processor that it runs on; the file is for another one.
_NOT_PORTABLE = ["NchwcTransformer"]


def to_ort(parent: Path, folder: Path) -> Made:
    """ORT format, as onnxruntime's own converter makes it for ARM; some of its bytes differ from time to time."""
    main = folder / f"{parent.stem}.ort"
    level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return _optimise(parent, main, level, {"session.save_model_format": "ORT"})


def optimise(parent: Path, folder: Path) -> Made:
    """ONNX with fused operators; what only this processor could run is left out."""
    return _optimise(parent, folder / parent.name, onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED, {})


def slim(parent: Path, folder: Path) -> Made:
    """ONNX with constants folded and redundant operators gone."""
    try:
        import onnxslim
    except ImportError as error:
        raise RecipeRefused("slim: onnxslim is not installed; run: pip install 'pifarm[variants]'") from error
    main = folder / parent.name
    onnxslim.slim(str(parent), str(main))
    return Made(main=main, tools={"onnxslim": metadata.version("onnxslim")})


def _optimise(parent: Path, main: Path, level: onnxruntime.GraphOptimizationLevel, entries: dict[str, str]) -> Made:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.optimized_model_filepath = str(main)
    for key, value in entries.items():
        options.add_session_config_entry(key, value)
    onnxruntime.InferenceSession(
        str(parent), options, providers=["CPUExecutionProvider"], disabled_optimizers=_NOT_PORTABLE
    )
    return Made(main=main, tools={"onnxruntime": onnxruntime.__version__})
