"""A window of several segments: what lies between them is no part of it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from agent.wire.records import Phase, StoppedBy
from orchestrator.analysis.facts import RunFacts
from orchestrator.analysis.validity import Judgement, judge
from orchestrator.attending.lifecycle import Verdict
from orchestrator.db.columns import (
    join_inferences,
    pack_inferences,
    pack_telemetry,
    unpack_inferences,
    unpack_telemetry,
)
from orchestrator.protocols import preset
from tests import factories
from tests.orchestrator.analysis.clean_run import Integers, ended, latencies

SECOND_NS = 1_000_000_000
STARTS_S = (10, 110, 210)


def segmented(*windows: Integers, telemetry: dict[str, Any] | None = None, **end: Any) -> RunFacts:
    """A run whose windows begin at `STARTS_S`, each after a second of warm-up, with a gate between."""
    records = []
    for number, (start_s, window) in enumerate(zip(STARTS_S, windows, strict=False)):
        warm_up = factories.inferences([800_000_000] * 2, Phase.WARM_UP, (start_s - 2) * SECOND_NS)
        records += [replace(warm_up, segment=number)]
        records += [replace(factories.inferences(window.tolist(), from_ns=start_s * SECOND_NS), segment=number)]
    clean = factories.telemetry(0, records[-1].end_ns + SECOND_NS)
    return RunFacts(
        protocol=preset("standard").protocol,
        board_type="pi5",
        inferences=join_inferences(unpack_inferences(pack_inferences(record)) for record in records),
        telemetry=unpack_telemetry(pack_telemetry(replace(clean, **(telemetry or {})))),
        environment={"governor": "performance", "clock_limit_hz": 2.4e9},
        ended=ended(stopped_by=StoppedBy.HEAT, **end),
    )


def slow(count: int, seed: int = 0) -> Integers:
    return latencies(seed, samples=count, median_ns=800e6)


def codes(judgement: Judgement) -> set[str]:
    return {reason.code for reason in judgement.reasons}


def column(clean: object, other: object, from_s: float, to_s: float) -> tuple[Any, ...]:
    """A telemetry column of `clean` values with `other` ones between two times."""
    return tuple(other if from_s <= index / 4 < to_s else clean for index in range(4 * 230))


def test_segments_together_reach_the_floor_that_none_reaches_alone() -> None:
    alone = judge(segmented(slow(8)))
    assert codes(alone) == {"heat-limited"}
    assert not alone.is_worth_repeating
    together = judge(segmented(slow(8), slow(8, 1), slow(8, 2)))
    assert (together.verdict, codes(together)) == (Verdict.VALID, {"stopped-by-heat"})


def test_the_window_is_as_long_as_its_segments() -> None:
    facts = segmented(slow(10), slow(10, 1))
    assert len(facts.segments) == 2
    assert facts.window_s == pytest.approx(16, rel=0.05)
    assert [segment.from_ns // SECOND_NS for segment in facts.segments] == [10, 110]


@pytest.mark.parametrize(
    ("name", "clean", "other", "code"),
    [
        ("throttled", 0, 4, "throttled"),
        ("clock_hz", 2.4e9, 1.5e9, "clock-low"),
        ("foreign_cpu", 0.004, 0.9, "foreign-load"),
    ],
)
def test_what_happens_between_segments_is_no_fault_and_inside_one_it_is(
    name: str, clean: float, other: float, code: str
) -> None:
    windows = slow(10), slow(10, 1)
    length = len(segmented(*windows).telemetry.at_ns)
    between, inside = (
        segmented(*windows, telemetry={name: column(clean, other, from_s, from_s + 4)[:length]})
        for from_s in (50.0, 112.0)
    )
    assert code not in codes(judge(between))
    assert code in codes(judge(inside))


def test_silence_between_segments_is_no_gap() -> None:
    facts = segmented(slow(10), slow(10, 1))
    is_kept = (facts.telemetry.at_ns < 30 * SECOND_NS) | (facts.telemetry.at_ns > 100 * SECOND_NS)
    assert facts.covered_share(is_kept, 0.5) == pytest.approx(1)
    assert facts.covered_share(facts.telemetry.at_ns < 30 * SECOND_NS, 0.5) == pytest.approx(0.5, abs=0.1)


def test_contacts_at_the_gate_between_segments_are_allowed() -> None:
    windows = slow(10), slow(10, 1)
    assert "contact" not in codes(judge(segmented(*windows, contacts_ns=(60 * SECOND_NS,))))
    assert "contact" in codes(judge(segmented(*windows, contacts_ns=(109 * SECOND_NS,))))


def test_a_level_that_differs_between_segments_is_no_drift() -> None:
    windows = slow(20), (slow(20, 1) * 1.05).astype(np.int64)
    assert "drift" not in codes(judge(segmented(*windows)))


def test_no_head_is_cut_from_what_heat_left() -> None:
    window = slow(20)
    window[:4] = window[:4] * 2
    assert len(segmented(window, slow(20, 1)).durations_ns) == 40
