"""What a sustained run is told of: onset and cause, steadiness, where it settles, and why a figure is missing."""

import functools
from dataclasses import replace

import numpy as np

from orchestrator.analysis.facts import RunFacts
from orchestrator.db.columns import FLOAT_SERIES, INTEGER_SERIES, InferenceColumns, IntegerSeries, TelemetryColumns
from orchestrator.protocols import preset
from orchestrator.queries.soak import SoakView, soak_view
from orchestrator.text import run_text

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


@functools.cache
def seen(*, onset_s: int | None = ONSET_S, sensors: bool = True) -> SoakView:
    """What is told of such a board; fitted once."""
    return view(soaked(onset_s=onset_s, sensors=sensors))


def words(found: SoakView) -> dict[str, str]:
    return {row[0]: row[1] for row in run_text.soak(found)}


def test_a_board_that_throttles_is_told_of_by_three_signs_and_their_cause() -> None:
    found = seen()
    assert (found.cause, found.agree) == ("thermal", True)
    assert found.onset_by_bits_s == found.onset_by_clock_s == ONSET_S
    assert found.throttled_by_bits_s == LOAD_S - ONSET_S
    assert found.sustained_ratio is not None and abs(found.sustained_ratio - 0.5) < 0.01
    shown = words(found)
    assert shown["slower"] == (
        "by bits after 3 min 20 s, by clock after 3 min 20 s, by latency after 3 min 20 s, which agree"
    )
    assert shown["cause"] == "thermal" and shown["time throttled"] == "6 min 40 s"
    assert shown["latency of the last 300 s"] == "990 ms"


def test_the_fit_tells_constant_gain_and_where_it_settles_with_errors() -> None:
    found = seen(onset_s=None)
    fit = found.fit
    assert fit is not None
    assert abs(fit.taus_s[-1].value - 120) < 5 * max(fit.taus_s[-1].error, 1.0)
    assert abs(fit.settled_c.value - 88) < 1.0
    assert fit.rise_c is not None and abs(fit.rise_c - 63) < 1.0
    assert "standard error" in words(found)["settles at"]


def test_a_board_that_never_slowed_down_says_until_when_it_was_watched() -> None:
    shown = words(seen(onset_s=None))
    assert shown["slower"] == "not within 9 min 59 s"
    assert shown["cause"] == "it did not slow down"


def test_a_board_without_sensors_says_what_was_not_read_and_why_there_is_no_fit() -> None:
    found = seen(sensors=False)
    assert set(found.not_read) == {"throttled", "clock_hz", "die_c"}
    assert found.fit is None and found.no_fit
    assert found.onset_by_latency_s is not None, "inferences themselves still tell"


def test_a_burst_is_no_soak() -> None:
    assert soak_view(replace(soaked(), protocol=preset("standard").protocol)) is None


def powered(idle_w: float | None = 3.0) -> RunFacts:
    """A steady soak of half a second an inference at 6 W, after idling at `idle_w`."""
    facts = soaked(onset_s=None)
    at_s = facts.telemetry.at_ns / 1e9 - IDLE_S
    resting = np.nan if idle_w is None else idle_w
    watts = np.where((at_s >= 0) & (at_s < LOAD_S), 6.0, resting)
    floats = {**facts.telemetry.floats, "power_w": watts}
    return replace(facts, telemetry=replace(facts.telemetry, floats=floats))


def test_energy_is_told_gross_and_net_of_idle() -> None:
    shown = view(powered())
    found = shown.energy
    assert found.gross_j is not None and abs(found.gross_j.value - 6.0) < 0.02
    assert found.net_j is not None and abs(found.net_j.value - 3.0) < 0.02
    assert words(shown)["energy per inference, net of idle"].startswith("3.00 J (standard error")


def test_net_energy_without_power_at_idle_is_null_with_a_reason() -> None:
    assert words(view(powered(idle_w=None)))["energy per inference, net of idle"] == (
        "n/a: idle: expected 50 samples of power, got 0"
    )


def test_a_board_without_a_power_meter_has_no_energy_to_tell() -> None:
    assert not [name for name in words(seen()) if "energy" in name]


def test_a_temperature_that_does_not_move_has_no_curve_and_says_so() -> None:
    facts = soaked(onset_s=None)
    still = np.full(len(facts.telemetry.at_ns), 52.5)
    floats = {**facts.telemetry.floats, "temperature_c": still}
    found = view(replace(facts, telemetry=replace(facts.telemetry, floats=floats)))
    assert found.fit is None and found.cooling_tau_s is None
    assert "expected it to move by 1 C, got 0.0 C" in found.no_fit
    assert (found.settled_c, found.onset_s) == (None, None)


def test_where_a_throttled_board_would_settle_is_told_apart_from_where_it_did() -> None:
    throttled, free = seen(), seen(onset_s=None)
    assert free.fit is not None and free.fit.is_unthrottled
    assert throttled.fit is not None
    settles = {name for name in words(throttled) if name.startswith("settles at")}
    assert settles == {"settles at, unless it throttles" if throttled.fit.is_unthrottled else "settles at"}
    assert free.settled_c == (None if free.fit.flaws else free.fit.settled_c.value)


def test_a_board_that_could_show_no_throttling_was_not_watched_for_it() -> None:
    assert seen(sensors=False).censored_s is None
    assert seen(onset_s=None).censored_s == seen(onset_s=None).known_until_s
