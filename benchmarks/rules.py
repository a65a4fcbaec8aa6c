"""How often the rules of a verdict alarm on runs without a fault: in all, and each, per noise cell.

Everything is computed; nothing is measured on this machine. The seed is an option. There is no reference.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.clean_runs import LENGTHS, NOISE_CELLS, Length, NoiseCell, clean_run
from benchmarks.command import run_command, tell
from benchmarks.figure import Figure, Target, share_of
from orchestrator.analysis.steadiness import Steadiness
from orchestrator.analysis.validity import Severity, judge
from orchestrator.attending.lifecycle import Verdict

ALLOWED_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """What the rules said of clean runs: how many were not valid, and how many each code was found in."""

    runs: int
    alarmed: int
    codes: Counter[str]
    notes: Counter[str]
    courses: Counter[Steadiness]

    def __add__(self, other: "Alarms") -> "Alarms":
        """Both together."""
        return Alarms(
            runs=self.runs + other.runs,
            alarmed=self.alarmed + other.alarmed,
            codes=self.codes + other.codes,
            notes=self.notes + other.notes,
            courses=self.courses + other.courses,
        )


def measure(options: argparse.Namespace) -> list[Figure]:
    """Shares per cell, over all lengths of windows and for each, then each rule over everything."""
    found: dict[tuple[NoiseCell, Length], Alarms] = {}
    for cell in NOISE_CELLS:
        tell(f"rules: {options.runs} clean runs of {cell.text}")
        for length in LENGTHS:
            found[cell, length] = count_alarms(cell, length, options.runs // len(LENGTHS), options.seed)
    return judge_alarms(found)


def count_alarms(cell: NoiseCell, length: Length, runs: int, seed: int) -> Alarms:
    """The verdicts of this many clean runs."""
    key = (seed, NOISE_CELLS.index(cell), LENGTHS.index(length))
    codes: Counter[str] = Counter()
    notes: Counter[str] = Counter()
    courses: Counter[Steadiness] = Counter()
    alarmed = 0
    for rng in map(np.random.default_rng, np.random.SeedSequence(key).spawn(runs)):
        facts = clean_run(rng, cell, length)
        judgement = judge(facts)
        alarmed += judgement.verdict is not Verdict.VALID
        courses[facts.course.steadiness] += 1
        for reason in judgement.reasons:
            (notes if reason.severity is Severity.NOTE else codes)[reason.code] += 1
    return Alarms(runs=runs, alarmed=alarmed, codes=codes, notes=notes, courses=courses)


def judge_alarms(found: dict[tuple[NoiseCell, Length], Alarms]) -> list[Figure]:
    """Figures of the shares, with the promise of at most 5 % for each cell."""
    figures = []
    for cell in dict.fromkeys(cell for cell, _ in found):
        own = {length: alarms for (each, length), alarms in found.items() if each == cell}
        figures.append(_share(f"alarmed, {cell.text}", _total(list(own.values()))))
        figures += [
            _share(f"  {length.protocol}, {length.inferences} inferences", alarms) for length, alarms in own.items()
        ]
    total = _total(list(found.values()))
    figures += [_plain(f"rule {code}", count, total.runs) for code, count in total.codes.most_common()]
    figures += [_plain(f"note {code}", count, total.runs) for code, count in total.notes.most_common()]
    return figures + [_plain(f"course: {kind.value}", total.courses[kind], total.runs) for kind in Steadiness]


def _total(parts: Sequence[Alarms]) -> Alarms:
    total = parts[0]
    for part in parts[1:]:
        total += part
    return total


def _share(what: str, alarms: Alarms) -> Figure:
    return Figure(
        what=what,
        unit="of clean runs",
        ours=share_of(alarms.alarmed, alarms.runs),
        targets=(Target(at_most=ALLOWED_SHARE),),
    )


def _plain(what: str, hits: int, runs: int) -> Figure:
    return Figure(what=what, unit="of clean runs", ours=share_of(hits, runs))


if __name__ == "__main__":
    run_command("rules", "alarms on clean runs", measure, {"runs": 2000, "seed": 1})
