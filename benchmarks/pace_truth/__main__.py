"""Searches for the highest rate on simulated boards, judged against what each board really holds.

Everything is computed from `--seed`. `--minutes` bounds it: when half of them are used up, what is left takes one
board of each kind, and `n` says so.
"""

import argparse
import time

from benchmarks.command import run_command, tell
from benchmarks.figure import Figure
from benchmarks.pace_truth.judged import judge, searches
from orchestrator.analysis.rate_search import Search

BEGINNINGS = {"begun at half of its speed": False, "begun by a soak's fit": True}


def measure(options: argparse.Namespace) -> list[Figure]:
    """All figures."""
    began_s, search = time.monotonic(), Search(within=options.within)
    figures: list[Figure] = []
    for words, is_foretold in BEGINNINGS.items():
        tell(f"pace_truth: {words}")
        each = options.boards if time.monotonic() - began_s < 30 * options.minutes else 1
        figures += judge(list(searches(options.seed, each, search, is_foretold=is_foretold)), search, words)
    return figures


if __name__ == "__main__":
    run_command(
        "pace_truth",
        "the search for the highest rate against simulated boards of known truth",
        measure,
        {"boards": 3, "seed": 1, "minutes": 10.0, "within": 0.05},
    )
