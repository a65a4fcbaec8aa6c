"""A soak as arrays: what of an attempt belongs to it, what cannot be, and what is left of more than a fit needs."""

from dataclasses import replace

import numpy as np

from orchestrator.analysis.thermal.curve import soak_of, thinned
from orchestrator.analysis.thermal.fit import fit
from tests.orchestrator.analysis.clean_run import WARM_UP_NS, run
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


def test_what_a_gate_and_a_load_did_before_the_recorded_idle_is_no_part_of_a_soak() -> None:
    facts = run(protocol="sustained").facts()
    idle_s = 4.0
    soak = soak_of(replace(facts, protocol=replace(facts.protocol, recorded_idle_s=idle_s)))
    assert idle_s < WARM_UP_NS / 1e9, "there is telemetry from before"
    assert -idle_s <= soak.at_s[0] < -idle_s + soak.period_s
    assert len(soak.die_c) == len(soak.at_s)


def test_a_soak_without_a_recorded_idle_begins_with_its_load() -> None:
    facts = run(protocol="sustained").facts()
    soak = soak_of(replace(facts, protocol=replace(facts.protocol, recorded_idle_s=0.0)))
    assert 0.0 <= soak.at_s[0] < soak.period_s
