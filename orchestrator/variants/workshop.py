"""Carries out one recipe: run as a program of its own by `make`, because converters load hostile files and may die.

Prints one JSON document: ``{"main", "tools", "notes"}``, or ``{"refusal"}``.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from orchestrator.variants.recipe import Made, Recipe, RecipeRefused


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
    except RecipeRefused as refused:
        answer = {"refusal": str(refused)}
    except Exception as error:  # noqa: BLE001  # the top of this program: tools raise whatever they like
        answer = {"refusal": f"{type(error).__name__}: {error}"}
    sys.stdout.flush()
    os.write(answers, json.dumps(answer).encode())


def carry_out(recipe: Recipe, parent: Path, folder: Path, calibration: Path | None) -> Made:
    """Make the variant in `folder`; raises `RecipeRefused`, and what the tools raise."""
    from orchestrator.variants import channels, conversion, graphs, precision, pruning

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


if __name__ == "__main__":
    main()
