"""pifarm, a naive loop, pyperf and the method of ultralytics, each in the same wall budget under the same disturbance.

The full run takes hours. It says first about how many, shows how far it is, and goes on from its file of results:
``python -m benchmarks.repeatability --resume results.jsonl --minutes 60``, as often as it takes.
"""

import argparse
import enum
import math
import tempfile
from pathlib import Path
from typing import TypeVar

from benchmarks.command import CannotMeasureError, run_command
from benchmarks.figure import Figure
from benchmarks.repeatability.judged import judge
from benchmarks.repeatability.loads import Load
from benchmarks.repeatability.methods import Method
from benchmarks.repeatability.results import Results
from benchmarks.repeatability.session import Design, carry_out

Chosen = TypeVar("Chosen", bound=enum.Enum)
OPTIONS: dict[str, int | float | str] = {
    "seeds": 3,
    "repeats": 10,
    "budget-s": 150.0,
    "model-ms": 20.0,
    "loads": ",".join(load.name.lower() for load in Load),
    "methods": ",".join(method.name.lower() for method in Method),
    "resume": "",
    "minutes": 0.0,
}


def measure(options: argparse.Namespace) -> list[Figure]:
    """What is not yet in the results, then the table of all of them."""
    design = Design(
        seeds=options.seeds,
        repeats=options.repeats,
        budget_s=options.budget_s,
        model_ms=options.model_ms,
        loads=_chosen(Load, options.loads),
        methods=_chosen(Method, options.methods),
    )
    with tempfile.TemporaryDirectory(prefix="pifarm-repeatability-") as folder:
        results = Results(Path(options.resume or Path(folder) / "results.jsonl"))
        carry_out(design, results, Path(folder), options.minutes or math.inf)
        return judge(results.lines)


def _chosen(kind: type[Chosen], names: str) -> tuple[Chosen, ...]:
    known = {each.name.lower(): each for each in kind}
    unknown = [name for name in names.split(",") if name not in known]
    if unknown:
        raise CannotMeasureError(f"expected some of {', '.join(known)}, got {', '.join(unknown)}")
    return tuple(known[name] for name in names.split(","))


if __name__ == "__main__":
    run_command("repeatability", "spread of repeated measurements under disturbance, beside peers", measure, OPTIONS)
