"""A soak as arrays: what a board says that cannot be, and what is left of more samples than a fit needs."""

from dataclasses import replace

import numpy as np

from orchestrator.analysis.thermal.curve import soak_of, thinned
from orchestrator.analysis.thermal.fit import fit
from tests.orchestrator.queries.test_soak import soaked


def test_a_thinned_soak_has_fewer_samples_and_all_inferences() -> None:
    soak = soak_of(soaked())
    thin = thinned(soak, 100)
    assert 50 < len(thin.at_s) == len(thin.die_c) == len(thin.bits) == len(thin.foreign_cpu) <= 100
    assert (thin.at_s[0], thin.starts_s is soak.starts_s) == (soak.at_s[0], True)
    assert thinned(soak, len(soak.at_s)) is soak


def test_a_thinned_soak_settles_where_the_whole_one_does() -> None:
    soak = soak_of(soaked(onset_s=None))
    whole, thin = fit(soak), fit(thinned(soak, len(soak.at_s) // 3))
    assert abs(thin.settled_c.value - whole.settled_c.value) < 0.2


def test_a_clock_of_0_is_none_that_was_read() -> None:
    facts = soaked(onset_s=None)
    floats = {**facts.telemetry.floats, "clock_hz": np.zeros(len(facts.telemetry.at_ns))}
    assert soak_of(replace(facts, telemetry=replace(facts.telemetry, floats=floats))).top_hz is None
