"""Alarms on clean runs: a short version of `benchmarks.rules`, and how its figures are put together."""

from collections import Counter

import pytest

from benchmarks.clean_runs import LENGTHS, NOISE_CELLS, NoiseCell
from benchmarks.rules import Alarms, count_alarms, judge_alarms
from orchestrator.analysis.steadiness import Steadiness

RUNS = 8


@pytest.mark.parametrize("cell", NOISE_CELLS, ids=lambda cell: cell.text)
def test_all_rules_together_alarm_on_at_most_5_percent_of_clean_runs(cell: NoiseCell) -> None:
    found = [count_alarms(cell, length, RUNS, seed=7) for length in LENGTHS]
    assert sum(alarms.alarmed for alarms in found) <= 0.05 * RUNS * len(LENGTHS)


def test_the_same_seed_gives_the_same_alarms() -> None:
    cell, length = NOISE_CELLS[-1], LENGTHS[0]
    assert count_alarms(cell, length, 5, seed=3) == count_alarms(cell, length, 5, seed=3)


def test_each_cell_is_judged_over_all_lengths_and_for_each() -> None:
    def alarms(alarmed: int) -> Alarms:
        courses = Counter({Steadiness.FLAT: 10})
        codes = Counter({"drift": alarmed} if alarmed else {})
        return Alarms(runs=10, alarmed=alarmed, codes=codes, notes=Counter(), courses=courses)

    quiet, noisy = NOISE_CELLS[0], NOISE_CELLS[-1]
    found = {(cell, length): alarms(0) for cell in (quiet, noisy) for length in LENGTHS}
    found[noisy, LENGTHS[0]] = alarms(3)
    figures = {figure.what: figure for figure in judge_alarms(found)}
    assert figures[f"alarmed, {quiet.text}"].is_met
    assert figures[f"alarmed, {noisy.text}"].ours.center == pytest.approx(3 / 40)
    assert not figures[f"alarmed, {noisy.text}"].is_met
    assert figures["rule drift"].ours.center == pytest.approx(3 / 80)
    assert figures["course: flat"].ours.center == 1
