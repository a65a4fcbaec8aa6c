"""The thermal analysis against simulated soaks whose truth is known: fits, flags, onsets, predictions, stability.

Everything is computed from `--seed`. `--minutes` bounds it: when half of them are used up, what is left takes one
board of each kind, and `n` says so.
"""

import argparse
import time

from benchmarks.command import run_command, tell
from benchmarks.figure import Figure
from benchmarks.thermal_truth.judged import boards, fits, not_reported_as_good, onsets, predictions, stabilities


def measure(options: argparse.Namespace) -> list[Figure]:
    """All figures."""
    began_s = time.monotonic()

    def each() -> int:
        return options.boards if time.monotonic() - began_s < 30 * options.minutes else 1

    tell("thermal_truth: fits")
    figures = list(fits(list(boards(options.seed, each()))))
    tell("thermal_truth: rooms that move, wrong power laws")
    figures += not_reported_as_good(list(boards(options.seed, each())))
    tell("thermal_truth: onsets")
    figures += onsets(options.seed, 60)
    tell("thermal_truth: held-out soaks")
    figures += predictions(list(boards(options.seed, each())))
    tell("thermal_truth: stability")
    figures += stabilities(options.seed, 4 * each())
    return figures


if __name__ == "__main__":
    run_command(
        "thermal_truth",
        "the thermal analysis against simulated soaks of known truth",
        measure,
        {"boards": 3, "seed": 1, "minutes": 5.0},
    )
