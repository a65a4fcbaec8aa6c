"""What runs are called in lists to choose from."""

from collections.abc import Iterable

from orchestrator.queries.briefs import RunBrief
from orchestrator.queries.rows import RunView


def run_label(run: RunView | RunBrief) -> str:
    """`yolov9-c/int8@onnxruntime,t4 on pi5-1, study 3 block 0, valid (1f0c2a4b)`."""
    outcome = run.verdict.value if run.verdict else run.state.value
    place = f"{run.model}/{run.variant} on {run.device}, study {run.study} block {run.block}"
    return f"{place}, {outcome} ({run.run[:8]})"


def labels(runs: Iterable[RunView | RunBrief]) -> dict[str, str]:
    """Labels by the runs' ids, in their order."""
    return {run.run: run_label(run) for run in runs}
