"""A protocol in sentences: each setting that is given is told, and none that is not."""

import pytest

from agent.wire.spec import Gate, Protocol, Regime, WarmUp, Window
from orchestrator.protocols import PRESETS
from orchestrator.text.procedure_text import procedure

BARE = Protocol(
    name="bare",
    regime=Regime.BURST,
    gate=Gate(live_bits_clear=False),
    warm_up=WarmUp(min_inferences=0, min_s=0.0),
    window=Window(min_inferences=1, min_s=10.0, max_s=20.0),
)


def test_the_standard_protocol_is_told_in_full() -> None:
    gate, warm_up, window, telemetry = procedure(PRESETS["standard"].protocol)
    assert gate == (
        "Each run waited at a gate until its die was within 2 K of one start temperature for all runs of a device (the "
        "idle temperature found at its first run plus 6 K) for 1 min 00 s, other processes used at most 2.0 % of its "
        "cores, no live throttle bit was set; after 20 min 00 s, or longer where the board cools slowly, it went on "
        "all the same."
    )
    assert warm_up == (
        "A warm-up of at least 5 inferences and 10 s, and on until latency was steady within 2.0 % (at most 2 min "
        "00 s) was kept and not counted."
    )
    assert window == (
        "Inferences then ran back to back for at least 30 inferences and 1 min 00 s, at most 5 min 00 s; a window "
        "ended early at 77.0 °C, and was completed in up to 4 gated segments."
    )
    assert telemetry == "Sensors were read every 250 ms."


def test_what_a_protocol_does_not_ask_is_not_spoken_of() -> None:
    assert list(procedure(BARE)) == [
        "There was no warm-up: time counts from the first inference.",
        "Inferences then ran back to back for at least 1 inference and 10 s, at most 20 s.",
        "Sensors were read every 250 ms.",
    ]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_has_sentences_that_end(name: str) -> None:
    told = list(procedure(PRESETS[name].protocol))
    assert told and all(sentence.endswith(".") and "None" not in sentence for sentence in told)


def test_a_sweep_is_told_by_its_ramp_and_not_by_its_window() -> None:
    told = " ".join(procedure(PRESETS["sweep"].protocol))
    assert "The die was led up to 80.0 °C by a burner and down to 45.0 °C by cooling, at most 3 K a minute" in told
    assert "back to back" not in told
