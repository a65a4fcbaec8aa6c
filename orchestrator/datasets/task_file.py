"""Reads the task file that lies beside a network: JSON, as `agent.wire.task.Task` declares it."""

from pathlib import Path

from agent.wire.codec import WireError, loads
from agent.wire.task import Task
from orchestrator.errors import SpecError


def read_task(path: Path) -> Task:
    """The task that a file declares; raises `SpecError` that names the field."""
    try:
        return loads(Task, path.read_bytes())
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: cannot be read: {error}") from error
    except WireError as error:
        raise SpecError(f"{path}: {error}") from error
