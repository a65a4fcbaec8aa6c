"""What a runtime makes of a model file: its inputs and outputs, or why it refuses it. The farm asks before it believes.

A process of its own, because a hostile or broken file can end the process that opens it, or fill the memory.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

from agent.errors import RunFault
from agent.inputs import require_possible
from agent.isolation import limit_memory
from agent.runtimes import load_runtime


def describe(runtime_name: str, model: Path, memory_bytes: int | None = None) -> str:
    """One JSON document: ``{"version", "inputs", "outputs"}``, ``{"version", "refusal"}``, ``{"version", "unfit"}`` of
    a model that loads and that nothing could be fed, or ``{"missing"}``.

    A refusal is in the runtime's own words. `memory_bytes`: what loading may take.
    """
    return json.dumps(_describe(runtime_name, model, memory_bytes))


def _describe(runtime_name: str, model: Path, memory_bytes: int | None) -> dict[str, Any]:
    try:
        runtime = load_runtime(runtime_name)
    except RunFault as fault:
        return {"missing": fault.message}
    if memory_bytes is not None:
        limit_memory(memory_bytes)
    try:
        session = runtime.load(model, 1, {})
    except RunFault as fault:
        return {"version": runtime.version, "refusal": str(fault.__cause__ or fault.message)}
    except MemoryError:
        return {"version": runtime.version, "refusal": "out of memory"}
    try:
        require_possible(session.inputs)
    except RunFault as fault:
        return {"version": runtime.version, "unfit": fault.message}
    return {
        "version": runtime.version,
        "inputs": [dataclasses.asdict(signature) for signature in session.inputs],
        "outputs": [dataclasses.asdict(signature) for signature in session.outputs],
    }
