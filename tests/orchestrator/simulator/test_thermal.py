"""The model keeps to the published curves that it was fitted to, and to the laws of heat."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.simulator import thermal
from orchestrator.simulator.boards import BOARD_KINDS, board_kind
from orchestrator.simulator.thermal import Die, Silicon, advance, at_rest, relax

AMBIENT_C = 25.0
STEP_S = 0.25

temperatures = st.floats(0, 110)
watts = st.floats(0, 15)
kinds = st.sampled_from(sorted(BOARD_KINDS))


def soak(silicon: Silicon, die: Die, *, seconds: float, utilisation: float = 1.0, step_s: float = STEP_S) -> Die:
    """The die after a steady load at full requested clock."""
    for _ in range(round(seconds / step_s)):
        die = advance(
            silicon,
            die,
            utilisation=utilisation,
            requested_hz=silicon.max_hz,
            ambient_c=AMBIENT_C,
            dt_s=step_s,
        )
    return die


def seconds_until(silicon: Silicon, threshold_c: float) -> float:
    """How long a full load takes from rest to a temperature."""
    die, seconds = at_rest(silicon), 0.0
    while die.junction_c < threshold_c and seconds < 3600:
        die, seconds = soak(silicon, die, seconds=STEP_S), seconds + STEP_S
    return seconds


@pytest.mark.parametrize(("name", "idle_c"), [("pi4-bare", 52), ("pi5-bare", 50), ("pi3b", 51)])
def test_idle_temperatures_are_those_of_the_boards(name: str, idle_c: float) -> None:
    silicon = board_kind(name).silicon
    settled = soak(silicon, at_rest(silicon), seconds=600, utilisation=0)
    assert settled.junction_c == pytest.approx(idle_c, abs=0.6)


@pytest.mark.parametrize(
    ("name", "plateau_c", "clock_mhz"),
    [
        ("pi4-bare", 81.7, 1200),
        ("pi4-heatsink", 79.0, 1500),
        ("pi5-bare", 84.2, 1650),
        ("pi5-active-cooler", 71.5, 2400),
        ("pi3b", 83.0, 830),
        ("zero2w", 81.0, 920),
    ],
)
def test_a_long_load_settles_where_the_boards_do(name: str, plateau_c: float, clock_mhz: float) -> None:
    silicon = board_kind(name).silicon
    settled = soak(silicon, at_rest(silicon), seconds=5400, step_s=1.0)  # where it settles, steps are equal
    assert settled.junction_c == pytest.approx(plateau_c, abs=0.6)
    assert settled.clock_hz / 1e6 == pytest.approx(clock_mhz, rel=0.04)


@pytest.mark.parametrize(("name", "onset_s"), [("pi4-bare", 334), ("pi5-bare", 72), ("pi3b", 150), ("zero2w", 280)])
def test_throttling_begins_when_it_does_on_the_boards(name: str, onset_s: float) -> None:
    assert seconds_until(board_kind(name).silicon, thermal.SOFT_LIMIT_C) == pytest.approx(onset_s, rel=0.06)


@pytest.mark.parametrize(
    ("name", "fast_s", "slow_s"),
    [
        ("pi4-bare", 13.0, 361),
        ("pi4-heatsink", 11.6, 318),
        ("pi4-case", 16.8, 721),
        ("pi4-fan", 10.3, 140),
        ("pi5-bare", 10.3, 366),
        ("pi3b", 8.6, 289),
        ("zero2w", 7.2, 151),
    ],
)
def test_time_constants_are_those_of_the_fit(name: str, fast_s: float, slow_s: float) -> None:
    silicon = board_kind(name).silicon
    assert thermal.time_constants(silicon) == pytest.approx((fast_s, slow_s), rel=0.01)
    start_c = AMBIENT_C + 10.0
    cooled_c = [
        relax(silicon, start_c, start_c, power_w=0, ambient_c=AMBIENT_C, fan_level=0, dt_s=after_s)[0] - AMBIENT_C
        for after_s in (10 * fast_s, 10 * fast_s + slow_s)
    ]
    assert cooled_c[0] / cooled_c[1] == pytest.approx(math.e, rel=0.01)


def test_a_bare_pi_4_heats_as_one_was_seen_to() -> None:
    """Run 9zGtFR1e of the benchmark `simulated_boards`; the room and the rest before are as fitted there."""
    seen_c = "52 62 64 65 67 68 70 71 71 72 72 72 73 73 74 74 74 75 76 75 75 76 77 76 78 77 78"
    silicon = board_kind("pi4-bare").silicon
    die = replace(at_rest(silicon), junction_c=52.5, board_c=52.5 - silicon.idle_w * silicon.junction_k_per_w)
    die, errors_c = replace(die, clock_hz=silicon.max_hz), []
    for each in seen_c.split():
        errors_c.append(die.junction_c - float(each))
        die = soak(silicon, die, seconds=10.0)
    assert math.sqrt(sum(error**2 for error in errors_c) / len(errors_c)) <= 1.0
    assert max(map(abs, errors_c)) <= 2.5


def test_low_voltage_takes_the_clock_to_its_lowest_at_once_and_says_so() -> None:
    silicon = board_kind("pi4-bare").silicon
    die = advance(
        silicon,
        at_rest(silicon),
        utilisation=1,
        requested_hz=silicon.max_hz,
        ambient_c=AMBIENT_C,
        dt_s=STEP_S,
        is_under_voltage=True,
    )
    assert (die.clock_hz, die.bits) == (silicon.min_hz, 0x50005)
    assert soak(silicon, die, seconds=20.0).clock_hz == silicon.max_hz


@given(name=kinds, share=st.floats(0, 1), memory_bound=st.floats(0, 1))
def test_no_clock_makes_the_memory_slower(name: str, share: float, memory_bound: float) -> None:
    silicon = board_kind(name).silicon
    clock_hz = silicon.min_hz + share * (silicon.max_hz - silicon.min_hz)
    slowdown = thermal.slowdown(silicon, clock_hz, memory_bound)
    assert 1 - 1e-9 <= slowdown <= silicon.max_hz / clock_hz * (1 + 1e-9)
    assert thermal.slowdown(silicon, clock_hz, 1.0) == pytest.approx(1.0)


@given(name=kinds, junction_c=temperatures, board_c=temperatures, power_w=watts, dt_s=st.floats(0, 100))
def test_two_steps_are_one_step_of_both(
    name: str, junction_c: float, board_c: float, power_w: float, dt_s: float
) -> None:
    silicon = board_kind(name).silicon

    def step(state: tuple[float, float], seconds: float) -> tuple[float, float]:
        return relax(silicon, *state, power_w=power_w, ambient_c=AMBIENT_C, fan_level=0, dt_s=seconds)

    start = (junction_c, board_c)
    assert step(step(start, dt_s), dt_s) == pytest.approx(step(start, 2 * dt_s), abs=1e-6)
    assert step(start, 0) == pytest.approx(start, abs=1e-9)


@given(name=kinds, junction_c=temperatures, board_c=temperatures, power_w=watts)
def test_heat_ends_where_power_and_resistance_say(name: str, junction_c: float, board_c: float, power_w: float) -> None:
    silicon = board_kind(name).silicon
    settled = relax(silicon, junction_c, board_c, power_w=power_w, ambient_c=AMBIENT_C, fan_level=0, dt_s=1e6)
    sink, junction = silicon.sink_k_per_w[0], silicon.junction_k_per_w
    assert settled == pytest.approx((AMBIENT_C + power_w * (sink + junction), AMBIENT_C + power_w * sink))


@given(name=kinds, junction_c=st.floats(20, 100), cap=st.floats(0, 1), dt_s=st.floats(0.01, 5))
def test_the_clock_stays_within_its_limits_and_never_jumps(
    name: str, junction_c: float, cap: float, dt_s: float
) -> None:
    silicon = board_kind(name).silicon
    cap_hz = silicon.min_hz + cap * (silicon.max_hz - silicon.min_hz)
    die = replace(at_rest(silicon), junction_c=junction_c, board_c=junction_c, cap_hz=cap_hz)
    after = advance(silicon, die, utilisation=1, requested_hz=silicon.max_hz, ambient_c=AMBIENT_C, dt_s=dt_s)
    assert silicon.min_hz <= after.clock_hz <= silicon.max_hz
    assert abs(after.cap_hz - cap_hz) <= thermal.SLEW_HZ_PER_S * dt_s + 1


def test_a_throttled_board_shows_the_soft_limit_alone_and_remembers_it() -> None:
    silicon = board_kind("pi4-bare").silicon
    hot = soak(silicon, at_rest(silicon), seconds=1200)
    assert hot.bits == 0x80008
    cool = soak(silicon, hot, seconds=600, utilisation=0)
    assert cool.bits == 0x80000
    assert cool.clock_hz == silicon.max_hz


@pytest.mark.parametrize(("junction_c", "bits"), [(79.9, 0), (80.0, 0x8), (84.9, 0x8), (85.0, 0x6)])
def test_live_bits_follow_the_limits(junction_c: float, bits: int) -> None:
    assert thermal.live_bits(board_kind("pi4-bare").silicon, junction_c) == bits


def test_a_3b_plus_runs_at_1200_mhz_from_60_degrees_on_and_says_so_by_bit_3() -> None:
    silicon = board_kind("pi3b-plus").silicon
    cool, warm = (thermal.allowed_hz(silicon, junction_c) for junction_c in (59.9, 60.0))
    assert (cool, warm) == (1.4e9, 1.2e9)
    assert [thermal.live_bits(silicon, junction_c) for junction_c in (59.9, 60.0, 79.0, 85.0)] == [0, 0x8, 0x8, 0x6]
    assert thermal.allowed_hz(silicon, 82.5) == pytest.approx(0.9e9)


def test_the_clock_register_counts_down_from_the_maximum_in_steps() -> None:
    silicon = board_kind("pi3b").silicon
    assert thermal.shown_clock_hz(silicon, silicon.max_hz) == silicon.max_hz
    assert thermal.shown_clock_hz(silicon, silicon.max_hz - 1e6) == silicon.max_hz - silicon.clock_step_hz
    assert thermal.shown_clock_hz(silicon, silicon.min_hz) == silicon.min_hz


def test_the_fan_turns_up_by_its_trips_and_down_only_below_their_hysteresis() -> None:
    silicon = board_kind("pi5-active-cooler").silicon
    hot = soak(silicon, at_rest(silicon), seconds=1800)
    assert hot.fan_level == 3
    waning, levels = hot, [hot.fan_level]
    while waning.fan_level > 0:
        waning = soak(silicon, waning, seconds=STEP_S, utilisation=0)
        if waning.fan_level != levels[-1]:
            assert waning.junction_c < thermal.FAN_TRIPS_C[waning.fan_level] - thermal.FAN_HYSTERESIS_C
            levels.append(waning.fan_level)
    assert levels == [3, 2, 1, 0]


@given(name=kinds, share=st.floats(0, 1))
def test_voltage_grows_with_the_clock(name: str, share: float) -> None:
    silicon = board_kind(name).silicon
    clock_hz = silicon.min_hz + share * (silicon.max_hz - silicon.min_hz)
    assert silicon.voltage[0][1] <= thermal.volts(silicon, clock_hz) <= silicon.voltage[-1][1]
