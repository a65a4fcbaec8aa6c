"""What a runtime makes of a model file: its inputs and outputs, or why it refuses it. The farm asks before it believes.

A process of its own, because a hostile or broken file can end the process that opens it.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

from agent.errors import RunFault
from agent.runtimes import load_runtime


def describe(runtime_name: str, model: Path) -> str:
    """One JSON document: ``{"version", "inputs", "outputs"}``, ``{"version", "refusal"}``, or ``{"missing"}``.

    A refusal is in the runtime's own words.
    """
    return json.dumps(_describe(runtime_name, model))


def _describe(runtime_name: str, model: Path) -> dict[str, Any]:
    try:
        runtime = load_runtime(runtime_name)
    except RunFault as fault:
        return {"missing": fault.message}
    try:
        session = runtime.load(model, 1, {})
    except RunFault as fault:
        return {"version": runtime.version, "refusal": str(fault.__cause__ or fault.message)}
    return {
        "version": runtime.version,
        "inputs": [dataclasses.asdict(signature) for signature in session.inputs],
        "outputs": [dataclasses.asdict(signature) for signature in session.outputs],
    }
