"""What a sustained run is told of: onset and cause, steadiness, where it settles, and why a figure is missing."""

from dataclasses import replace

import numpy as np

from orchestrator import run_text
from orchestrator.analysis.facts import RunFacts
from orchestrator.db.columns import FLOAT_SERIES, INTEGER_SERIES, InferenceColumns, IntegerSeries, TelemetryColumns
from orchestrator.protocols import preset
from orchestrator.queries.soak import SoakView, soak_view

IDLE_S, LOAD_S, COOLING_S = 60, 600, 300
ONSET_S = 200
SOFT_LIMIT = 1 << 3


def soaked(*, onset_s: int | None = ONSET_S, sensors: bool = True) -> RunFacts:
    """A board that warms from 50 C with a constant of 120 s, and throttles to half of its clock from `onset_s` on."""
    at_s = np.arange(-IDLE_S, LOAD_S + COOLING_S, 1.0)
    is_slow = (at_s >= onset_s) & (at_s < LOAD_S) if onset_s is not None else np.zeros(len(at_s), np.bool_)
    load_c = 50 + 38 * (1 - np.exp(-np.clip(at_s, 0, LOAD_S) / 120))
    die_c = np.where(at_s <= LOAD_S, load_c, 50 + (load_c - 50) * np.exp(-(at_s - LOAD_S) / 120))
    noise = np.random.default_rng(3).normal(0, 0.1, len(at_s))
    floats = {name: np.full(len(at_s), np.nan) for name in FLOAT_SERIES}
    bits = np.zeros(len(at_s), np.int64)
    if sensors:
        floats |= {"temperature_c": die_c + noise, "clock_hz": np.where(is_slow, 1.2e9, 2.4e9)}
        floats |= {"requested_hz": np.full(len(at_s), 2.4e9), "ambient_c": np.full(len(at_s), 25.0)}
        bits[is_slow] = SOFT_LIMIT
    known = np.full(len(at_s), sensors)
    durations_s = [0.5 if onset_s is None or start < onset_s else 1.0 for start in np.arange(0.0, LOAD_S, 1.0)]
    starts_s = np.arange(0.0, LOAD_S, 1.0)
    return RunFacts(
        protocol=preset("sustained").protocol,
        board_type="pi5",
        inferences=InferenceColumns(
            starts_ns=((starts_s + IDLE_S) * 1e9).astype(np.int64),
            durations_ns=(np.array(durations_s) * 0.99e9).astype(np.int64),
            is_counted=np.ones(len(starts_s), np.bool_),
            segments=np.zeros(len(starts_s), np.int64),
        ),
        telemetry=TelemetryColumns(
            at_ns=((at_s + IDLE_S) * 1e9).astype(np.int64),
            floats=floats,
            integers={name: IntegerSeries(values=bits, is_present=known) for name in INTEGER_SERIES},
        ),
    )


def view(facts: RunFacts) -> SoakView:
    found = soak_view(facts)
    assert found is not None
    return found


def words(found: SoakView) -> dict[str, str]:
    return {row[0]: row[1] for row in run_text.soak(found)}


def test_a_board_that_throttles_is_told_of_by_three_signs_and_their_cause() -> None:
    found = view(soaked())
    assert (found.cause, found.agree) == ("thermal", True)
    assert found.onset_by_bits_s == found.onset_by_clock_s == ONSET_S
    assert found.throttled_by_bits_s == LOAD_S - ONSET_S
    assert found.sustained_ratio is not None and abs(found.sustained_ratio - 0.5) < 0.01
    shown = words(found)
    assert shown["slower"] == (
        "by bits after 3 min 20 s, by clock after 3 min 20 s, by latency after 3 min 20 s, which agree; not read: none"
    )
    assert shown["cause"] == "thermal" and shown["time throttled"] == "6 min 40 s"
    assert shown["latency of the last 300 s"] == "990 ms"


def test_the_fit_tells_constant_gain_and_where_it_settles_with_errors() -> None:
    found = view(soaked(onset_s=None))
    fit = found.fit
    assert fit is not None
    assert abs(fit.taus_s[-1].value - 120) < 5 * max(fit.taus_s[-1].error, 1.0)
    assert abs(fit.settled_c.value - 88) < 1.0
    assert fit.rise_c is not None and abs(fit.rise_c - 63) < 1.0
    assert "standard error" in words(found)["settles at"]


def test_a_board_that_never_slowed_down_says_until_when_it_was_watched() -> None:
    shown = words(view(soaked(onset_s=None)))
    assert shown["slower"] == "not within 9 min 59 s; not read: none"
    assert shown["cause"] == "it did not slow down"


def test_a_board_without_sensors_says_what_was_not_read_and_why_there_is_no_fit() -> None:
    found = view(soaked(sensors=False))
    assert set(found.not_read) == {"throttled", "clock_hz", "die_c"}
    assert found.fit is None and found.no_fit
    assert found.onset_by_latency_s is not None, "inferences themselves still tell"


def test_a_burst_is_no_soak() -> None:
    assert soak_view(replace(soaked(), protocol=preset("standard").protocol)) is None
