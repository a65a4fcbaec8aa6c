"""How long the test suite takes, against what was promised for two cores. There is no reference: it only runs them."""

import argparse
import subprocess
import time
from pathlib import Path

from benchmarks.command import CannotMeasureError, run_command, tell
from benchmarks.figure import Estimate, Figure, Target

ROOT = Path(__file__).parent.parent
PROMISED_S = {"unit": 30.0, "test": 360.0}
PATIENCE = 4.0


def measure(options: argparse.Namespace) -> list[Figure]:
    """`make unit`, then `make test`; a suite that fails has no time."""
    return [
        Figure(
            what=f"make {goal}",
            unit="s",
            ours=Estimate(center=time_goal(goal, promised_s * PATIENCE)),
            targets=(Target(at_most=promised_s),),
        )
        for goal, promised_s in PROMISED_S.items()
        if goal in options.goals.split(",")
    ]


def time_goal(goal: str, patience_s: float) -> float:
    """Seconds that a goal of the Makefile takes."""
    tell(f"suite: make {goal}")
    began_s = time.monotonic()
    try:
        done = subprocess.run(["make", goal], cwd=ROOT, capture_output=True, text=True, check=False, timeout=patience_s)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotMeasureError(f"make {goal}: {error}") from error
    if done.returncode != 0:
        raise CannotMeasureError(f"make {goal} failed: {done.stdout[-500:]}")
    return time.monotonic() - began_s


if __name__ == "__main__":
    run_command("suite", "time of the test suite", measure, {"goals": "unit,test"})
