"""The farm's statistics against known truth: coverage of intervals, right and wrong answers, ranks of percentiles.

A share stands with its Monte Carlo error, Wilson's 95 % interval of so many studies.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor

from benchmarks.command import run_command
from benchmarks.figure import Figure
from benchmarks.known_truth.questions import answer, questions
from benchmarks.known_truth.ranks import figures as figures_of_ranks


def measure(options: argparse.Namespace) -> list[Figure]:
    """Every question, on all cores, then the ranks; `--only` gives those whose text holds a word."""
    asked = [question for question in questions() if options.only in question.text]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        answers = list(answer(asked, options.studies, options.seed, pool))
    return [*answers, *(figure for figure in figures_of_ranks(options.seed) if options.only in figure.what)]


if __name__ == "__main__":
    run_command(
        "known_truth",
        "synthetic studies of known truth, judged by the farm's own analysis",
        measure,
        {"studies": 4000, "seed": 1, "only": ""},
    )
