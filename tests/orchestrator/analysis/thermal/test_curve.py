"""A soak as arrays: what of an attempt belongs to it."""

from dataclasses import replace

from orchestrator.analysis.thermal.curve import soak_of
from tests.orchestrator.analysis.clean_run import WARM_UP_NS, run


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
