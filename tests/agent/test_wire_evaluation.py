"""Answers to a data set: they come back as they were, and what no honest board says is refused."""

import dataclasses
import zlib
from typing import Any

import pytest
from hypothesis import given

from agent.wire.codec import WireError, dumps, loads
from agent.wire.evaluation import (
    CLASS_ROW,
    DETECTION_ROW,
    MOST_IN_CHUNK,
    MOST_ROWS,
    Evaluation,
    Predicted,
    pack_predictions,
)
from tests.agent.strategies import predictions

BOX = (1.5, 2.0, 3.25, 4.0)
TWO = pack_predictions(["a", "b/c"], [[(*BOX, 0.5, 7)], [(*BOX, 0.25, 1), (*BOX, 0.125, 0)]], DETECTION_ROW)
EVALUATION = Evaluation(dataset_id="a" * 64, main_file="set.npz", task=None, examples=("1", "2"))


def test_each_example_has_its_rows() -> None:
    assert TWO.counts == (1, 2)
    assert TWO.rows() == (((*BOX, 0.5, 7.0),), ((*BOX, 0.25, 1.0), (*BOX, 0.125, 0.0)))


@given(predictions())
def test_what_is_packed_comes_back_as_it_was(record: Predicted) -> None:
    assert loads(Predicted, dumps(record)) == record
    assert pack_predictions(record.examples, record.rows(), record.width) == record


def test_an_example_without_a_detection_has_no_rows() -> None:
    assert pack_predictions(["a"], [[]], DETECTION_ROW).rows() == ((),)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((*BOX, float("nan"), 0), "finite"),
        ((*BOX, float("inf"), 0), "finite"),
        ((*BOX, 0.5, 0.5), "whole numbers"),
        ((*BOX, 0.5, -1), "0 or more"),
        ((*BOX, 0.5, 2**25), "up to"),
        ((-1, 0, 1, 1, 0.5, 0), "0 or more"),
    ],
)
def test_a_row_that_no_honest_board_says_is_refused(row: tuple[float, ...], message: str) -> None:
    with pytest.raises(WireError, match=message):
        pack_predictions(["a"], [[row]], DETECTION_ROW)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 5}, "width"),
        ({"width": CLASS_ROW}, "values: expected 24 bytes"),
        ({"counts": (1,)}, "counts"),
        ({"counts": (-1, 4)}, "counts"),
        ({"counts": (2, 2)}, "values: expected 96 bytes"),
        ({"counts": (MOST_ROWS, 1)}, "counts"),
        ({"examples": ("a", "a")}, "each name once"),
        ({"examples": ("a", "../b")}, "relative names"),
        ({"examples": ()}, "examples"),
        ({"values": zlib.compress(bytes(2**20))}, "values: expected 72 bytes"),
        ({"values": b"no stream"}, "zlib"),
    ],
)
def test_a_chunk_that_does_not_hold_what_it_says_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(WireError, match=message):
        dataclasses.replace(TWO, **changes)


def test_a_chunk_has_its_largest_size() -> None:
    names = [str(number) for number in range(MOST_IN_CHUNK + 1)]
    with pytest.raises(WireError, match=r"examples: expected 1\.\.1024"):
        pack_predictions(names, [[]] * len(names), CLASS_ROW)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset_id": "../x"}, "dataset_id"),
        ({"main_file": "/etc/passwd"}, "main_file"),
        ({"examples": ()}, "examples"),
        ({"examples": ("1", "1")}, "each name once"),
        ({"examples": ("x" * 201,)}, "at most 200"),
    ],
)
def test_a_question_that_no_board_could_answer_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(WireError, match=message):
        dataclasses.replace(EVALUATION, **changes)
