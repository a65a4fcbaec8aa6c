"""The pilot of a sweep, reading by reading, over dies that are computed."""

import functools
import itertools
import random
from dataclasses import dataclass, field, replace

import pytest

from agent.protocol import Reading
from agent.ramp import LIMIT_MARGIN_C, MOST_LOAD_COOLING, STALL_S, Leg, Pilot
from agent.wire.codec import WireError
from agent.wire.ramp import Ramp, Reach, Swept
from orchestrator.simulator import thermal
from orchestrator.simulator.boards import board_kind

PERIOD_S = 0.5
NOISE_C = 0.4
ROOM_C = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """What a sweep over a computed board was: its account, and the truth of every half second."""

    swept: Swept
    true_c: list[float] = field(repr=False)
    legs: list[Leg] = field(repr=False)
    slot_starts: list[tuple[float, Leg]] = field(repr=False)
    slot_s: float


@functools.cache
def fly(
    kind: str,
    ramp: Ramp,
    inference_s: float = 0.05,
    burner: float = 1.0,
    longest_s: float = 6000.0,
    steers_fan: bool = False,
) -> Flight:
    """A sweep of a board, sensor noise and steps included; a full burner heats by `burner` of what inference does."""
    silicon, rng, pilot = board_kind(kind).silicon, random.Random(7), Pilot(ramp)
    die = thermal.at_rest(silicon, ambient_c=ROOM_C)
    true_c, legs, starts = list[float](), list[Leg](), list[tuple[float, Leg]]()
    at_s, slot_ends_s = 0.0, -1.0
    slot_s = max(ramp.slot_s, inference_s) + inference_s
    while pilot.leg is not Leg.OVER and at_s < longest_s:
        at_s += PERIOD_S
        if pilot.is_measuring and at_s >= slot_ends_s:
            pilot.end_slot(at_s, max(2, round(slot_s / inference_s)))
        step_c = board_kind(kind).sensor_step_c
        pilot.take(Reading(at_s=at_s, temperature_c=round((die.junction_c + rng.gauss(0, NOISE_C)) / step_c) * step_c))
        if pilot.may_begin_slot():
            pilot.begin_slot(at_s)
            starts.append((at_s, pilot.leg))
            slot_ends_s = at_s + slot_s
        load = 1.0 if pilot.is_measuring else burner * pilot.duty
        share = min(slot_s / PERIOD_S, 1.0) if pilot.is_measuring else 1.0
        die = thermal.advance(
            silicon,
            die,
            utilisation=load * share,
            requested_hz=silicon.max_hz,
            ambient_c=ROOM_C,
            dt_s=PERIOD_S,
            fan_level=round(4 * pilot.fan) if steers_fan else None,
        )
        true_c.append(die.junction_c)
        legs.append(pilot.leg)
    pilot.give_up()
    swept = pilot.swept(0, 0)
    assert swept is not None
    return Flight(swept=swept, true_c=true_c, legs=legs, slot_starts=starts, slot_s=slot_s)


QUICK = Ramp(low_c=58.0, high_c=72.0, rate_c_per_min=20.0)
BOARDS = ("pi4-bare", "pi5-bare", "pi3b", "zero2w")


@pytest.mark.parametrize("kind", BOARDS)
def test_a_die_is_led_up_and_down_between_the_ends(kind: str) -> None:
    flight = fly(kind, QUICK)
    assert (flight.swept.low, flight.swept.high) == (Reach.REACHED, Reach.REACHED)
    assert flight.swept.high_c == pytest.approx(QUICK.high_c, abs=1.0)
    assert [leg for leg, before in zip(flight.legs[1:], flight.legs, strict=False) if leg is not before] == [
        *([Leg.UP] if flight.legs[0] is Leg.COOL else []),
        Leg.DOWN,
        Leg.OVER,
    ]


def test_the_line_is_followed_where_the_board_can() -> None:
    ramp = replace(QUICK, rate_c_per_min=6.0)
    flight = fly("pi4-bare", ramp)
    up = [
        (index * PERIOD_S, c)
        for index, (c, leg) in enumerate(zip(flight.true_c, flight.legs, strict=True))
        if leg is Leg.UP
    ]
    (from_s, _), (to_s, _) = up[0], up[-1]
    middle = [(at_s, c) for at_s, c in up if from_s + 0.3 * (to_s - from_s) < at_s < from_s + 0.9 * (to_s - from_s)]
    (first_s, first_c), (last_s, last_c) = middle[0], middle[-1]
    assert (last_c - first_c) / (last_s - first_s) * 60 == pytest.approx(ramp.rate_c_per_min, rel=0.15)


@pytest.mark.parametrize("kind", BOARDS)
def test_a_die_stays_below_the_safety_limit_though_more_was_asked_for(kind: str) -> None:
    flight = fly(kind, Ramp(low_c=60.0, high_c=95.0, rate_c_per_min=30.0, limit_c=78.0))
    assert max(flight.true_c) < 78.0
    assert flight.swept.high is Reach.LIMIT
    assert flight.swept.high_c == pytest.approx(78.0 - LIMIT_MARGIN_C, abs=1.0)


def test_what_a_burner_cannot_reach_is_named_with_how_far_it_came() -> None:
    flight = fly("pi4-fan", Ramp(low_c=40.0, high_c=80.0, rate_c_per_min=30.0, levels_c=(45.0, 75.0)))
    hottest_c = max(flight.true_c)
    assert (flight.swept.high, flight.swept.low) == (Reach.STALLED, Reach.REACHED)
    assert hottest_c < 70.0 and flight.swept.high_c == pytest.approx(hottest_c, abs=1.0)
    held, missed = flight.swept.levels
    assert held.held_s >= 60.0 and held.why == ""
    assert (missed.held_s, missed.why) == (0.0, f"out of reach: the hottest was {flight.swept.high_c:.1f} C")


def test_a_board_that_does_not_cool_so_far_is_measured_from_where_its_cooling_ends() -> None:
    flight = fly("pi4-bare", Ramp(low_c=30.0, high_c=65.0, rate_c_per_min=30.0, levels_c=(35.0, 60.0)))
    assert (flight.swept.low, flight.swept.high) == (Reach.STALLED, Reach.REACHED)
    assert flight.swept.low_c == pytest.approx(min(flight.true_c), abs=1.0)
    assert flight.legs[: int(STALL_S / PERIOD_S)] == [Leg.COOL] * int(STALL_S / PERIOD_S)
    below, _ = flight.swept.levels
    assert below.held_s == 0.0 and below.why.startswith("heating began above it, at 5")


def test_a_level_is_held_steady() -> None:
    flight = fly("pi5-bare", replace(QUICK, levels_c=(65.0,), hold_s=60.0))
    (level,) = flight.swept.levels
    first = round(level.at_ns / 1e9 / PERIOD_S)
    held = flight.true_c[first + 20 : first + 120]
    assert level.held_s == pytest.approx(60.0, abs=1.0)
    assert sum(held) / len(held) == pytest.approx(65.0, abs=0.5)
    assert max(held) - min(held) < 2.5


def test_no_level_is_held_where_one_inference_warms_the_die_by_a_kelvin() -> None:
    flight = fly("pi5-bare", replace(QUICK, levels_c=(65.0,), rate_c_per_min=3.0), inference_s=4.0)
    (level,) = flight.swept.levels
    assert level.held_s == 0.0
    assert level.why.startswith("one inference changes the die by +") and level.why.endswith("wanted less than 1 C")
    assert flight.swept.inference_c is not None and flight.swept.inference_c > 1.0


@pytest.mark.parametrize("inference_s", [0.05, 4.0])
def test_inferences_do_not_keep_a_cooling_board_warm(inference_s: float) -> None:
    flight = fly("pi5-bare", QUICK, inference_s=inference_s)
    down = [at_s for at_s, leg in flight.slot_starts if leg is Leg.DOWN]
    pauses_s = [later - earlier - flight.slot_s for earlier, later in itertools.pairwise(down)]
    assert all(pause_s >= QUICK.every_s - PERIOD_S for pause_s in pauses_s)
    assert all(
        flight.slot_s / (pause_s + flight.slot_s) <= MOST_LOAD_COOLING * 1.3 for pause_s in pauses_s if inference_s > 1
    )


def test_nothing_burns_and_no_slot_begins_at_the_limit_or_where_the_die_is_not_known() -> None:
    pilot = Pilot(Ramp(low_c=60.0, high_c=70.0, limit_c=80.0))
    assert pilot.take(Reading(at_s=1.0, temperature_c=50.0)) == 0.0 or pilot.leg is Leg.UP
    pilot.take(Reading(at_s=2.0, temperature_c=50.0))
    assert pilot.duty > 0.0 and pilot.may_begin_slot()
    assert pilot.take(Reading(at_s=3.0, temperature_c=80.0)) == 0.0 and not pilot.may_begin_slot()
    assert pilot.take(Reading(at_s=4.0, temperature_c=None)) == 0.0 and not pilot.may_begin_slot()
    swept = pilot.swept(0, 0)
    assert swept is not None and swept.limited == 1


def test_a_sweep_that_is_given_up_says_what_it_had_seen() -> None:
    flight = fly("pi4-bare", Ramp(low_c=58.0, high_c=75.0, rate_c_per_min=1.0), longest_s=300.0)
    assert (flight.swept.high, flight.swept.down_from_ns) == (Reach.TIME, None)
    assert flight.legs[-1] is Leg.UP and 52.0 < flight.swept.high_c < 60.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"high_c": 40.0}, r"high_c: expected above low_c \(45\), at most 120, got 40.0"),
        ({"limit_c": 99.0}, r"limit_c: expected above low_c \(45\), at most 95, got 99.0"),
        ({"levels_c": (60.0, 50.0)}, "levels_c: expected ascending, from low_c to high_c"),
        ({"levels_c": (30.0,)}, "levels_c: expected ascending, from low_c to high_c"),
        ({"rate_c_per_min": 0.0}, r"rate_c_per_min: expected 0.1\.\.120, got 0.0"),
    ],
)
def test_a_ramp_that_cannot_be_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(WireError, match=message):
        replace(Ramp(low_c=45.0, high_c=80.0), **changes)  # type: ignore[arg-type]  # the fields are named


def test_a_fan_turns_only_while_the_die_is_to_cool() -> None:
    pilot, wanted = Pilot(QUICK), list[tuple[Leg, float]]()
    for step, die_c in enumerate((65.0, 57.0, 60.0, 73.0, 66.0)):
        pilot.take(Reading(at_s=10.0 * step, temperature_c=die_c))
        wanted.append((pilot.leg, pilot.fan))
    assert wanted == [(Leg.COOL, 1.0), (Leg.UP, 0.0), (Leg.UP, 0.0), (Leg.DOWN, 1.0), (Leg.DOWN, 1.0)]


def test_a_steered_fan_widens_what_a_cooled_board_reaches() -> None:
    wide = Ramp(low_c=30.0, high_c=95.0, rate_c_per_min=20.0)
    left, steered = (fly("pi5-active-cooler", wide, steers_fan=steers).swept for steers in (False, True))
    assert [left.low_c, left.high_c] == pytest.approx([45.0, 68.0], abs=1.0)
    assert [steered.low_c, steered.high_c] == pytest.approx([39.0, 82.0], abs=1.0)
    assert {left.low, left.high, steered.low, steered.high} == {Reach.STALLED}
