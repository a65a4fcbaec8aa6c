"""The farm's statistics against known truth: coverage of intervals, right and wrong answers, ranks of percentiles.

A share stands with its Monte Carlo error, Wilson's 95 % interval of so many studies.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor

from benchmarks.command import run_command
from benchmarks.figure import Figure
from benchmarks.known_truth.questions import answer, questions


def measure(options: argparse.Namespace) -> list[Figure]:
    """Every question, on all cores."""
    asked = [question for question in questions() if options.only in question.text]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return list(answer(asked, options.studies, options.seed, pool))


if __name__ == "__main__":
    run_command(
        "known_truth",
        "synthetic studies of known truth, judged by the farm's own analysis",
        measure,
        {"studies": 4000, "seed": 1, "only": ""},
    )
