"""What the doctor makes of an examination: each finding says what was found, and nothing is found where all is well."""

import pytest

from agent.wire.answers import BusyProcess, Examined, Timer
from agent.wire.spec import Scalar
from orchestrator.boards.doctor import Checkup, examine, look_closer, merged

FAN = {"cooling": "fan"}
WELL: dict[str, Scalar] = {
    "throttled": 0,
    "low_voltage_alarm": 0.0,
    "input_volts": 5.07,
    "temperature_c": 48.0,
    "fan_present": True,
    "services": "",
}


def found(seen: Examined, labels: dict[str, str] | None = None) -> dict[str, str]:
    """Findings by code."""
    return {each.code: each.found for each in look_closer(seen, FAN if labels is None else labels).findings}


def with_facts(**facts: Scalar) -> Examined:
    """A board that is well but for these."""
    return Examined(facts={**WELL, **facts})


def test_on_a_board_that_is_well_nothing_is_found() -> None:
    assert found(with_facts()) == {}


@pytest.mark.parametrize(
    ("bits", "words"),
    [
        (0x50000, "0x50000: under-voltage since boot, throttled since boot"),
        (0x80008, "0x80008: soft temperature limit now, soft temperature limit since boot"),
        (0x1, "0x1: under-voltage now"),
        (1 << 40, "0x10000000000: unknown bits"),
    ],
)
def test_throttle_bits_are_told_in_words(bits: int, words: str) -> None:
    assert found(with_facts(throttled=bits)) == {"throttle_history": words}


def test_a_low_input_voltage_is_found_with_its_limit() -> None:
    assert found(with_facts(input_volts=4.71)) == {"input_voltage": "4.71 V at the input, expected at least 4.8 V"}


def test_a_label_that_hides_a_fan_is_found() -> None:
    assert "cooling_label" in found(with_facts(), {"cooling": "bare"})
    assert "cooling_label" in found(with_facts(), {})


def test_a_still_fan_on_a_hot_board_is_named() -> None:
    assert found(with_facts(temperature_c=71.0))["hot_at_rest"].endswith("its fan stands still")


def test_only_timers_that_disturb_and_loud_processes_are_found() -> None:
    seen = Examined(
        facts=WELL,
        busy=(BusyProcess(name="backup", cores=0.9), BusyProcess(name="sshd", cores=0.03)),
        timers=(Timer(name="apt-daily.timer", next_in_s=600.0), Timer(name="own.timer", next_in_s=1.0)),
    )
    assert found(seen) == {"other_load": "backup 90% of a core", "timers": "apt-daily.timer in 10 min"}


@pytest.mark.parametrize("nonsense", ["\x1b[2J", -1.0, True, 10**30])
def test_facts_of_another_kind_are_no_reason_to_fail(nonsense: Scalar) -> None:
    facts = dict.fromkeys(WELL, nonsense)
    assert isinstance(look_closer(Examined(facts=facts), {}), Checkup)
    probed = dict.fromkeys(
        ("governor", "clock_limit_hz", "clock_floor_hz", "swap_total_bytes", "zram", "link"), nonsense
    )
    assert isinstance(examine(probed, (), 0, {}), Checkup)


def test_what_neither_look_could_check_is_said_once() -> None:
    first = Checkup(findings=(), not_checked=("governor", "throttled"))
    assert merged(first, Checkup(findings=(), not_checked=("throttled", "timers"))).not_checked == (
        "governor",
        "throttled",
        "timers",
    )
