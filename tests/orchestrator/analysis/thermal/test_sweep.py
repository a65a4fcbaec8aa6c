"""What is made of a sweep's slots, on latencies whose truth is known."""

from dataclasses import dataclass

import numpy as np
import pytest

from agent.wire.ramp import Level, Ramp, Reach, Swept
from agent.wire.records import Ended, Outcome
from orchestrator.analysis.facts import RunFacts
from orchestrator.analysis.thermal.frame import Refusal
from orchestrator.analysis.thermal.sweep import ROW_C, Sweep, hysteresis_of, slots_of, sweep_of
from orchestrator.db.columns import FLOAT_SERIES, INTEGER_SERIES, InferenceColumns, IntegerSeries, TelemetryColumns
from orchestrator.protocols import PRESETS, sweeping
from orchestrator.queries.sweep import sweep_slots, sweep_view
from orchestrator.text import sweep_text

RAMP = Ramp(low_c=50.0, high_c=80.0, rate_c_per_min=3.0, levels_c=(60.0, 78.0))
UP_S, DOWN_S, END_S = 30.0, 630.0, 1230.0
MEDIAN_S = 0.05
THROTTLES_C = 74.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What the latencies are made from: how much slower heating is, and a first inference of a slot."""

    heating: float = 0.0
    first: float = 1.5
    noise: float = 0.01
    seed: int = 1
    has_sensors: bool = True


def swept(truth: Truth = Truth()) -> RunFacts:
    """Half a minute of rest, ten minutes up and ten down between 50 and 80 C; the clock falls above 74 C."""
    rng = np.random.default_rng(truth.seed)
    at_s = np.arange(0.0, END_S, 0.5)
    die_c = 50 + 30 * np.interp(at_s, [0, UP_S, DOWN_S, END_S], [0, 0, 1, 0])
    clock_hz = 1.5e9 * np.clip(1 - 0.05 * (die_c - THROTTLES_C), 0.5, 1.0)
    starts_s, durations_s = list[float](), list[float]()
    for slot_s in np.arange(2.0, END_S - 2.0, 2.5).tolist():
        slower = 1.5e9 / np.interp(slot_s, at_s, clock_hz) * (1 + truth.heating * (UP_S <= slot_s < DOWN_S))
        start_s = slot_s
        for number in range(5):
            factor = truth.first if number == 0 else 1.0
            durations_s.append(MEDIAN_S * slower * factor * float(np.exp(rng.normal(0, truth.noise))))
            starts_s.append(start_s)
            start_s += durations_s[-1] + 1e-5
    seen_c = die_c + rng.normal(0, 0.2, len(at_s))
    floats = {name: np.full(len(at_s), np.nan) for name in FLOAT_SERIES}
    if truth.has_sensors:
        floats |= {"temperature_c": seen_c, "clock_hz": clock_hz, "requested_hz": np.full(len(at_s), 1.5e9)}
    absent = IntegerSeries(values=np.zeros(len(at_s), np.int64), is_present=np.zeros(len(at_s), np.bool_))
    held_ns = round((UP_S + 200.0) * 1e9)
    return RunFacts(
        protocol=sweeping(RAMP),
        board_type="pi4",
        inferences=InferenceColumns(
            starts_ns=(np.array(starts_s) * 1e9).astype(np.int64),
            durations_ns=(np.array(durations_s) * 1e9).astype(np.int64),
            is_counted=np.ones(len(starts_s), np.bool_),
            segments=np.zeros(len(starts_s), np.int64),
        ),
        telemetry=TelemetryColumns(
            at_ns=(at_s * 1e9).astype(np.int64), floats=floats, integers=dict.fromkeys(INTEGER_SERIES, absent)
        ),
        ended=Ended(
            at_ns=round(END_S * 1e9),
            outcome=Outcome.COMPLETED,
            swept=Swept(
                low_c=50.0,
                high_c=80.0,
                low=Reach.STALLED,
                high=Reach.REACHED,
                up_from_ns=round(UP_S * 1e9),
                down_from_ns=round(DOWN_S * 1e9),
                levels=(
                    Level(level_c=60.0, at_ns=held_ns, held_s=20.0),
                    Level(level_c=78.0, at_ns=held_ns, why="one inference changes the die by +2.0 C"),
                ),
                inference_c=0.01,
            ),
        ),
    )


def test_first_inferences_of_slots_do_not_count() -> None:
    slots = slots_of(swept(Truth(first=3.0)))
    cool = slots.die_c < THROTTLES_C - 1
    assert len(slots.at_ns) == 491
    assert np.median(slots.latency_s[cool]) == pytest.approx(MEDIAN_S, rel=0.003)
    assert slots.latency_s[cool].max() < 1.1 * MEDIAN_S


def test_slots_belong_to_the_way_up_or_down_or_to_neither_before() -> None:
    slots = slots_of(swept())
    ways = np.array([slots.is_up, slots.is_down])
    assert ways.sum() + (slots.at_ns < UP_S * 1e9).sum() == len(slots.at_ns)
    assert not (slots.is_up & slots.is_down).any()


@pytest.mark.parametrize("heating", [0.0, 0.02, -0.03])
def test_the_interval_of_a_hysteresis_holds_the_truth(heating: float) -> None:
    covered = 0
    for seed in range(12):
        found, why = hysteresis_of(slots_of(swept(Truth(heating=heating, seed=seed))))
        assert found is not None and why == ""
        assert found.high - found.low < 0.02
        covered += found.low <= heating <= found.high
    assert covered >= 9


def test_latency_is_told_by_temperature_and_rises_only_where_the_board_throttles() -> None:
    found = sweep_of(swept())
    rows = {row.from_c: row for row in found.rows}
    cool, hot = rows[55.0], rows[75.0]
    assert cool.up is not None and cool.down is not None and hot.up is not None
    assert cool.up.median_ms == pytest.approx(1e3 * MEDIAN_S, rel=0.005)
    assert hot.up.median_ms > 1.1 * cool.up.median_ms
    assert hot.up.clock_hz is not None and hot.up.clock_hz < 1.4e9 and cool.up.clock_hz == pytest.approx(1.5e9)
    assert found.elasticity.to_clock is not None
    assert found.elasticity.to_clock.value == pytest.approx(1.0, abs=0.05)


def test_a_level_that_was_held_has_figures_and_another_says_why_not() -> None:
    held, missed = sweep_of(swept()).levels
    assert held.median_ms == pytest.approx(1e3 * MEDIAN_S, rel=0.01)
    assert held.slots == 8 and held.die_c == pytest.approx(60.5, abs=0.3)
    assert (missed.median_ms, missed.slots, missed.why) == (None, 0, "one inference changes the die by +2.0 C")


def test_a_board_that_tells_no_temperature_has_no_hysteresis_and_no_rows() -> None:
    found = sweep_of(swept(Truth(has_sensors=False)))
    assert (found.hysteresis, found.no_hysteresis, found.rows) == (None, "it was not seen both ways", ())


def test_the_account_reads_as_words() -> None:
    found = sweep_of(swept(Truth(heating=0.02)))
    words = dict(sweep_text.figures(found))
    assert words["reached"] == "50.0 °C to 80.0 °C"
    assert words["asked for"] == "50.0 °C: out of reach; 80.0 °C: reached"
    assert found.hysteresis is not None
    share = f"{100 * found.hysteresis.share:.1f} % ["
    assert words["heating over cooling, at equal temperature"].startswith(share)
    assert sweep_text.row(found.rows[0], ROW_C)[0] in ("45 to 50 °C", "50 to 55 °C")
    assert sweep_text.level(found.levels[1])[1:3] == ["not held", "n/a"]


def test_only_a_sweep_has_the_account_of_one() -> None:
    facts = swept()
    assert isinstance(sweep_view(facts), Sweep) and sweep_slots(facts) is not None
    soak = RunFacts(
        protocol=PRESETS["sustained"].protocol,
        board_type="pi4",
        inferences=facts.inferences,
        telemetry=facts.telemetry,
    )
    assert sweep_view(soak) is None
    with pytest.raises(Refusal, match="no sweep"):
        sweep_of(soak)
