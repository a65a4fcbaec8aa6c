"""A short version of `benchmarks.faults_caught`: what is done to a board comes out of the agent's journal as a code."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.faults_caught import FAULTS, PROTOCOL, Caught, run_batch
from orchestrator.analysis.validity import judge

pytestmark = pytest.mark.integration
NAMES = ("throttled by heat", "under-voltage, unseen", "governor changed", "room 3 C warmer within the block")
SHORT = replace(PROTOCOL, window=replace(PROTOCOL.window, min_s=4.0, max_s=4.0))


def test_faults_that_are_done_to_boards_are_caught_by_their_own_codes(tmp_path: Path) -> None:
    faults = [replace(fault, protocol=SHORT) for fault in FAULTS if fault.name in NAMES]
    measured = run_batch(tmp_path, faults)
    assert len(faults) == len(NAMES)
    beside = [
        replace(facts, reference=fault.beside(measured[0])) for fault, facts in zip(faults, measured, strict=True)
    ]
    caught = [Caught(fault=fault, judgement=judge(facts)) for fault, facts in zip(faults, beside, strict=True)]
    assert {each.fault.name: each.codes for each in caught if not each.is_as_expected} == {}
