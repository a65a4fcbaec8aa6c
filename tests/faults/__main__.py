"""`make test-faults`: at least 200 runs under fire, and a table of what that cost.

python -m tests.faults [--seed N] [--runs 200] [--boards 8] [--faults 120] [--keep FOLDER]
"""

import argparse
import contextlib
import random
import sys
from collections import Counter
from pathlib import Path

from tests.faults.arena import short_home
from tests.faults.campaign import Outcome, fight
from tests.faults.checker import count
from tests.faults.plan import FaultKind, make_plan

GIVE_UP_S = 900.0


def main() -> int:
    """Fight, print, and say by the exit code whether anything was wrong."""
    parser = argparse.ArgumentParser(prog="make test-faults", description="Faults at random points of many runs.")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--runs", type=int, default=224)
    parser.add_argument("--boards", type=int, default=8)
    parser.add_argument("--faults", type=int, default=120)
    parser.add_argument("--keep", type=Path, help="a new folder for the state home, kept afterwards")
    options = parser.parse_args()
    _tell(f"seed {options.seed}: the same seed gives the same faults, not the same moments")
    with contextlib.nullcontext(options.keep) if options.keep else short_home() as home:
        outcome = fight(
            home,
            make_plan(options.seed, options.faults),
            runs=options.runs,
            boards=options.boards,
            give_up_s=GIVE_UP_S,
            tell=_tell,
        )
    _print_table(options.seed, outcome)
    return 1 if outcome.findings else 0


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _print_table(seed: int, outcome: Outcome) -> None:
    runs = Counter(run.state for run in outcome.books.runs)
    _tell(f"\nseed {seed}, {outcome.took_s:.0f} s")
    _tell(f"{'faults':52}{sum(outcome.faults.values()):6d}")
    for kind in FaultKind:
        note = "" if outcome.faults[kind] or kind is not FaultKind.DISK_FULL else "  needs Linux and root"
        _tell(f"  {kind.value:50}{outcome.faults[kind]:6d}{note}")
    _tell(f"{'runs':52}{len(outcome.books.runs):6d}")
    for state, number in sorted(runs.items()):
        _tell(f"  {state:50}{number:6d}")
    _tell(f"{'attempts':52}{len(outcome.books.attempts):6d}")
    for reason, number in sorted(Counter(f"{a.state} {a.code}".strip() for a in outcome.books.attempts).items()):
        _tell(f"  {reason:50}{number:6d}")
    _tell("found by the boards' logs and the database")
    for found, number in count(outcome.findings).items():
        _tell(f"  {found.value:50}{number:6d}")
    for finding in outcome.findings:
        _tell(f"  {finding.kind.value}: {finding.text}")


if __name__ == "__main__":
    sys.exit(main())
