"""The recipe that sets a share of each layer's weights to zero, by magnitude."""

from pathlib import Path
from typing import Final

import numpy as np
import onnx
from onnx import numpy_helper

from orchestrator.variants.recipe import DENSE, PLAIN, UNTUNED, Made, Recipe, RecipeRefused

LAYERS: Final = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def prune(parent: Path, folder: Path, recipe: Recipe) -> Made:
    """In every layer, the smallest weights by magnitude become zero; equal ones in order of their place."""
    model = onnx.load(parent)
    weights = {node.input[1] for node in model.graph.node if node.op_type in LAYERS and len(node.input) > 1}
    pruned = total = 0
    for tensor in model.graph.initializer:
        if tensor.name in weights and tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) > 1:
            values = numpy_helper.to_array(tensor).copy()
            count = round(recipe.share * values.size)
            values.flat[np.argsort(np.abs(values), axis=None, kind="stable")[:count]] = 0.0
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
            pruned, total = pruned + count, total + values.size
    if not total:
        raise RecipeRefused(
            f"{recipe.text}: the network has no single-precision weights in {', '.join(LAYERS)}; {PLAIN}"
        )
    if not pruned:
        raise RecipeRefused(f"{recipe.text}: not one weight of any layer would become zero; give a larger share")
    main = folder / parent.name
    onnx.save(model, main)
    note = f"{pruned} of {total} weights are zero"
    return Made(main=main, tools={"onnx": onnx.__version__}, notes=(note, DENSE, UNTUNED))
