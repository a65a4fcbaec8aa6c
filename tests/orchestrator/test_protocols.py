"""Protocols as data: presets, and what `--set` makes of them."""

import dataclasses

import pytest

from agent.wire.codec import decode, encode
from agent.wire.spec import Pace, Protocol, Regime
from orchestrator.errors import NotFoundError, SpecError
from orchestrator.protocols import (
    LEAST_TO_HOLD,
    PRESETS,
    is_provisional,
    paced,
    preset,
    setting_names,
    shortest_s,
    with_overrides,
)

STANDARD = PRESETS["standard"].protocol


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_bears_its_name_and_comes_back_from_sql_as_it_went_in(name: str) -> None:
    protocol = preset(name).protocol
    assert protocol.name == name
    assert decode(Protocol, encode(protocol)) == protocol


def test_an_unknown_protocol_is_answered_with_the_ones_there_are() -> None:
    with pytest.raises(NotFoundError, match=r"quick, standard, sustained, sweep, demo, got 'slow'"):
        preset("slow")


def test_standard_ranks_for_good_and_quick_only_provisionally() -> None:
    assert not is_provisional("standard")
    assert is_provisional("quick")
    assert is_provisional("demo")


def test_every_burst_protocol_stops_before_a_pi_throttles_at_80_degrees() -> None:
    limits = [p.protocol.window.stop_c for p in PRESETS.values() if p.protocol.regime is Regime.BURST]
    assert limits
    assert all(limit is not None and limit < 80 for limit in limits)


def test_an_override_changes_that_setting_and_no_other() -> None:
    changed = with_overrides(STANDARD, ["window.min_s=30", "gate.above_idle_c=none", "telemetry_period_s=0.5"])
    expected = dataclasses.replace(
        STANDARD,
        window=dataclasses.replace(STANDARD.window, min_s=30.0),
        gate=dataclasses.replace(STANDARD.gate, above_idle_c=None),
        telemetry_period_s=0.5,
    )
    assert dataclasses.replace(changed, name=STANDARD.name) == expected


def test_an_overridden_protocol_has_a_name_of_its_own_and_is_provisional() -> None:
    changed = with_overrides(STANDARD, ["window.min_s=30"])
    assert changed.name.startswith("standard-")
    assert changed.name == with_overrides(STANDARD, ["window.min_s=30.0"]).name
    assert changed.name != with_overrides(STANDARD, ["window.min_s=31"]).name
    assert is_provisional(changed.name)
    assert with_overrides(STANDARD, ["window.min_s=60"]) == STANDARD


def test_truth_values_can_be_overridden() -> None:
    assert not with_overrides(STANDARD, ["gate.live_bits_clear=false"]).gate.live_bits_clear


def test_the_last_of_two_overrides_counts() -> None:
    assert with_overrides(STANDARD, ["window.min_s=1", "window.min_s=2"]).window.min_s == 2.0


@pytest.mark.parametrize("name", setting_names())
def test_every_setting_that_is_offered_is_one_that_exists(name: str) -> None:
    parent, _, field = name.rpartition(".")
    place = encode(STANDARD)[parent] if parent else encode(STANDARD)
    assert with_overrides(STANDARD, [f"{name}={str(place[field]).lower()}"]) == STANDARD


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("window.min_s", "expected SETTING=VALUE"),
        ("window=5", "expected SETTING=VALUE"),
        ("nonsense.deep.down=5", "expected SETTING=VALUE"),
        ("window.min_seconds=5", r"one of .*window\.min_s,"),
        ("nonsense=5", "expected SETTING=VALUE"),
        ("name=standard", "expected SETTING=VALUE"),
        ("regime=sustained", "expected SETTING=VALUE"),
        ("window.min_s=soon", r"protocol\.window\.min_s: expected float, got str"),
        ("window.min_s=nan", r"protocol\.window\.min_s: expected a finite number"),
        ("window.min_inferences=1.5", r"window\.min_inferences: expected int"),
        ("window.min_inferences=0", r"min_inferences: expected 1 or more, got 0"),
        ("window.max_s=1", r"max_s: expected at least min_s"),
    ],
)
def test_a_bad_override_is_refused_by_name(override: str, complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        with_overrides(STANDARD, [override])


def test_a_refused_override_leaves_the_preset_as_it_was() -> None:
    before = encode(STANDARD)
    with pytest.raises(SpecError):
        with_overrides(STANDARD, ["window.min_s=5", "window.max_s=1"])
    assert encode(STANDARD) == before


def test_the_least_time_of_a_run_is_warm_up_and_window() -> None:
    assert shortest_s(STANDARD) == 70.0


def test_a_paced_protocol_has_a_name_of_its_own_and_is_provisional() -> None:
    two, three = paced(STANDARD, 2.0, None), paced(STANDARD, 3.0, None)
    assert two.pace == Pace(rate_per_s=2.0)
    assert two.name.startswith("standard-") and two.name != three.name
    assert is_provisional(two.name)
    assert decode(Protocol, encode(two)) == two


def test_a_paced_window_is_long_enough_to_tell_unless_that_would_be_too_long() -> None:
    assert paced(STANDARD, 2.0, None).window.min_inferences == LEAST_TO_HOLD
    assert paced(STANDARD, 0.2, None).window.min_inferences == STANDARD.window.min_inferences
    assert shortest_s(paced(STANDARD, 2.0, None)) == pytest.approx(10.0 + 149.0)
    assert shortest_s(paced(STANDARD, 100.0, None)) == shortest_s(STANDARD)


@pytest.mark.parametrize(("rate_per_s", "deadline_s"), [(0.0, None), (20_000.0, None), (2.0, 0.0)])
def test_a_pace_that_is_none_is_refused(rate_per_s: float, deadline_s: float | None) -> None:
    with pytest.raises(SpecError, match=r"rate_per_s|deadline_s"):
        paced(STANDARD, rate_per_s, deadline_s)
