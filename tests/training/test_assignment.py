"""Which cells answer for which object."""

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from training.assignment import assign, overlaps

pytestmark = pytest.mark.integration

# A row of four cells of 8 pixels.
CENTRES = torch.tensor([[4.0, 4], [12, 4], [20, 4], [28, 4]])
CELLS = (CENTRES, torch.full((4,), 8.0))
AROUND = torch.cat((CENTRES - 4, CENTRES + 4), 1)[None]
EVEN = torch.full((1, 4, 2), 0.5)


def truth(*rows: tuple[list[float], int]) -> tuple[Any, Any, Any]:
    boxes, labels = [box for box, _ in rows], [label for _, label in rows]
    return (
        torch.tensor([boxes], dtype=torch.float32),
        torch.tensor([labels]),
        torch.ones(1, len(rows), dtype=torch.bool),
    )


def test_the_cell_within_an_object_answers_for_it_and_for_its_class() -> None:
    found = assign(EVEN, AROUND, CELLS, truth(([8, 0, 16, 8], 1)))
    assert found.is_taken.tolist() == [[False, True, False, False]]
    assert found.boxes[0, 1].tolist() == [8, 0, 16, 8]
    assert found.scores[0, 1].tolist() == pytest.approx([0, 1], abs=1e-3)
    assert found.scores[0, [0, 2, 3]].abs().sum() == 0


def test_a_cell_within_two_objects_answers_for_the_one_that_it_places_better() -> None:
    found = assign(EVEN, AROUND, CELLS, truth(([0, 0, 32, 8], 0), ([8, 0, 16, 8], 1)))
    assert found.is_taken.all()
    assert found.boxes[0, 1].tolist() == [8, 0, 16, 8]
    assert found.boxes[0, 0].tolist() == [0, 0, 32, 8]


def test_an_object_thinner_than_a_cell_is_still_answered_for() -> None:
    """It lies between two centres; without this rule no cell would ever learn a narrow 1."""
    assert assign(EVEN, AROUND, CELLS, truth(([6, 0, 9, 8], 0))).is_taken[0, :2].any()


def test_the_better_a_cell_the_more_it_is_to_say_so() -> None:
    boxes = AROUND.clone()
    boxes[0, 0], boxes[0, 1] = torch.tensor([0.0, 0, 16, 8]), torch.tensor([0.0, 0, 12, 8])
    found = assign(EVEN, boxes, CELLS, truth(([0, 0, 16, 8], 0)))
    assert found.scores[0, 0, 0].item() == pytest.approx(1, abs=1e-3)
    assert 0 < found.scores[0, 1, 0] < 0.75


def test_what_is_filled_up_is_no_object() -> None:
    boxes, labels, _ = truth(([8, 0, 16, 8], 1))
    found = assign(EVEN, AROUND, CELLS, (boxes, labels, torch.zeros(1, 1, dtype=torch.bool)))
    assert not found.is_taken.any() and found.scores.sum() == 0


def test_generalised_overlap_falls_below_zero_with_distance() -> None:
    one = torch.tensor([0.0, 0, 2, 2])
    others = torch.tensor([[0.0, 0, 2, 2], [1, 0, 3, 2], [2, 0, 4, 2], [8, 0, 10, 2]])
    assert overlaps(one, others).tolist() == pytest.approx([1, 1 / 3, 0, -0.6], abs=1e-6)
