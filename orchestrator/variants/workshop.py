"""Carries out one recipe: run as a program of its own by `make`, because converters load hostile files and may die.

Prints one JSON document: ``{"main", "tools", "notes"}``, or ``{"refusal"}``.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any, Final

from orchestrator.errors import PifarmError
from orchestrator.formats.onnx_format import LARGEST_PROTOBUF_BYTES
from orchestrator.variants.recipe import UNABLE, Made, Recipe, RecipeRefused

IN_ONE_FILE: Final = ("optimised", "slim", "fp16", "int8-dynamic", "int8-static", "prune", "prune-channels", "ncnn")
MOST_WORDS: Final = 600  # characters of a tool's own message


def main() -> None:
    """Read the arguments, make, print. Whatever the tools print goes to standard error."""
    parser = argparse.ArgumentParser(description="Carry out one recipe.")
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--parent", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--calibration", type=Path)
    options = parser.parse_args()
    answers = os.dup(1)
    os.dup2(2, 1)
    try:
        made = carry_out(Recipe.parse(options.recipe), options.parent, options.folder, options.calibration)
        answer: dict[str, Any] = {"main": str(made.main), "tools": dict(made.tools), "notes": list(made.notes)}
    except PifarmError as refused:
        answer = {"refusal": str(refused)}
    except Exception as error:  # noqa: BLE001  # the top of this program: tools raise whatever they like
        words = " ".join(str(error).split())[:MOST_WORDS]
        answer = {"refusal": f"{options.recipe}: its tool failed: {type(error).__name__}: {words}; {UNABLE}"}
    sys.stdout.flush()
    os.write(answers, json.dumps(answer).encode())


def carry_out(recipe: Recipe, parent: Path, folder: Path, calibration: Path | None) -> Made:
    """Make the variant in `folder`; raises `RecipeRefused`, `SpecError` for a calibration set, and what tools raise."""
    from orchestrator.variants import channels, conversion, graphs, precision, pruning

    if recipe.name in IN_ONE_FILE:
        require_one_file(parent, recipe)
    match recipe.name:
        case "ort":
            return graphs.to_ort(parent, folder)
        case "optimised":
            return graphs.optimise(parent, folder)
        case "slim":
            return graphs.slim(parent, folder)
        case "fp16":
            return precision.halve(parent, folder)
        case "int8-dynamic":
            return precision.quantise_dynamically(parent, folder, recipe)
        case "int8-static":
            return precision.quantise_statically(parent, folder, recipe, calibration)
        case "prune":
            return pruning.prune(parent, folder, recipe)
        case "prune-channels":
            return channels.prune_channels(parent, folder, recipe)
        case "ncnn":
            return conversion.to_ncnn(parent, folder)
        case "litert":
            return conversion.to_litert(parent, folder)
        case "openvino":
            return conversion.to_openvino(parent, folder)
    raise AssertionError(f"{recipe.name} is offered, but nobody makes it")


def require_one_file(parent: Path, recipe: Recipe) -> None:
    """Raises `RecipeRefused` for a network whose files, all that lie in its folder, hold more than one can."""
    size_bytes = sum(path.stat().st_size for path in parent.parent.rglob("*") if path.is_file())
    if size_bytes > LARGEST_PROTOBUF_BYTES:
        raise RecipeRefused(
            f"{recipe.text}: the network has {size_bytes / 2**30:.1f} GiB, and this recipe writes one ONNX file, which"
            " can hold 2 GiB; take a smaller network, or convert it with the tools of its own framework"
        )


if __name__ == "__main__":
    main()
