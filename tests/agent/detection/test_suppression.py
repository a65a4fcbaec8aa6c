"""Overlapping boxes: the best of a class stays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.detection.boxes import Floats, overlaps
from agent.detection.suppression import suppress


def kept(
    boxes: list[list[float]], scores: list[float], classes: list[int], overlap: float = 0.5, most: int = 99
) -> list[int]:
    found = suppress(np.array(boxes, float), np.array(scores), np.array(classes), overlap=overlap, most=most)
    return [int(place) for place in found]


def scattered(seed: int, count: int) -> tuple[Floats, Floats]:
    """Boxes that overlap a lot, and different scores."""
    random = np.random.default_rng(seed)
    corners = random.uniform(0, 60, (count, 2))
    return np.concatenate([corners, corners + random.uniform(1, 40, (count, 2))], axis=1), random.permutation(
        count
    ) / count


def test_overlap_is_intersection_over_union() -> None:
    found = overlaps(np.array([0.0, 0, 2, 2]), np.array([[0.0, 0, 2, 2], [1, 0, 3, 2], [2, 0, 4, 2], [1, 1, 1, 1]]))
    assert found.tolist() == [1, pytest.approx(1 / 3), 0, 0]


def test_the_best_of_two_that_overlap_stays_and_is_first() -> None:
    assert kept([[0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30]], [0.5, 0.9, 0.7], [0, 0, 0]) == [1, 2]


def test_other_classes_do_not_suppress_each_other() -> None:
    assert kept([[0, 0, 10, 10], [0, 0, 10, 10]], [0.5, 0.9], [0, 1]) == [1, 0]


def test_a_box_that_is_suppressed_suppresses_nothing() -> None:
    """A chain: each overlaps its neighbour only, so the ends stay."""
    assert kept([[0, 0, 10, 1], [4, 0, 14, 1], [8, 0, 18, 1]], [0.9, 0.8, 0.7], [0, 0, 0], overlap=0.4) == [0, 2]


def test_exactly_the_limit_still_stays() -> None:
    assert kept([[0, 0, 2, 2], [0, 0, 1, 2]], [0.9, 0.8], [0, 0], overlap=0.5) == [0, 1]


def test_only_so_many_stay() -> None:
    assert kept([[0, 0, 1, 1], [2, 2, 3, 3], [4, 4, 5, 5]], [0.1, 0.3, 0.2], [0, 0, 0], most=2) == [1, 2]


def test_of_equal_scores_the_first_given_stays() -> None:
    assert kept([[0, 0, 10, 10], [0, 0, 10, 10]], [0.5, 0.5], [0, 0]) == [0]


def test_nothing_gives_nothing() -> None:
    assert suppress(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int), overlap=0.5, most=9).tolist() == []


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.sampled_from([0.2, 0.5, 0.8]))
def test_what_stays_is_apart_and_what_went_was_close_to_a_better_one(seed: int, count: int, overlap: float) -> None:
    boxes, scores = scattered(seed, count)
    classes = np.arange(count) % 3
    stayed = suppress(boxes, scores, classes, overlap=overlap, most=count)
    assert (np.diff(scores[stayed]) < 0).all()
    for place in range(count):
        rivals = [other for other in stayed if classes[other] == classes[place] and scores[other] > scores[place]]
        is_hidden = bool((overlaps(boxes[place], boxes[rivals]) > overlap).any())
        assert (place in stayed) is not is_hidden


@pytest.mark.integration
def test_it_agrees_with_torchvision() -> None:
    ops, torch = pytest.importorskip("torchvision.ops"), pytest.importorskip("torch")
    for seed in range(20):
        boxes, scores = scattered(seed, 200)
        classes = np.random.default_rng(seed).integers(0, 3, 200)
        theirs = ops.batched_nms(torch.from_numpy(boxes), torch.from_numpy(scores), torch.from_numpy(classes), 0.5)
        assert suppress(boxes, scores, classes, overlap=0.5, most=200).tolist() == theirs.tolist()
