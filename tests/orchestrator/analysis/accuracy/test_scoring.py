"""Average precision: by hand for what a hand can compute, by pycocotools for the rest."""

import numpy as np
import pytest

from agent.detection.detecting import Detections
from orchestrator.analysis.accuracy.scoring import LEAST_IMAGES, score_detections
from orchestrator.analysis.accuracy.truth import TrueObject, Truth
from orchestrator.errors import SpecError
from tests.orchestrator.analysis.accuracy.reference import Box, assert_equal_to_pycocotools

CATEGORIES = {3: "cat", 7: "dog", 20: "bird"}
CLASSES = ("dog", "cat")  # in the network's order, and without the bird
LEFT, MIDDLE, RIGHT = (0.0, 0.0, 100.0, 100.0), (200.0, 0.0, 100.0, 100.0), (400.0, 0.0, 100.0, 100.0)


def an_object(box: Box, category_id: int = 3, image_id: int = 1, *, is_crowd: bool = False) -> TrueObject:
    return TrueObject(image_id=image_id, category_id=category_id, box=box, area=box[2] * box[3], is_crowd=is_crowd)


def truth_of(*objects: TrueObject, images: int = 1) -> Truth:
    return Truth(sizes=dict.fromkeys(range(1, images + 1), (640, 480)), categories=CATEGORIES, objects=objects)


def found(*rows: tuple[Box, float, int]) -> Detections:
    """Detections from left, top, width, height."""
    boxes = np.array([[x, y, x + w, y + h] for (x, y, w, h), _, _ in rows], float).reshape(-1, 4)
    return Detections(
        boxes=boxes, scores=np.array([score for _, score, _ in rows]), classes=np.array([c for *_, c in rows], int)
    )


def test_all_found_and_nothing_else_is_perfect() -> None:
    truth = truth_of(an_object(LEFT), an_object(RIGHT, 7))
    scores = score_detections(truth, {1: found((LEFT, 0.9, 1), (RIGHT, 0.4, 0))}, CLASSES)
    assert (scores.map50, scores.map50_95, scores.images, scores.objects) == (1, 1, 1, 2)
    assert {name: each.ap50 for name, each in scores.by_class.items()} == {"dog": 1, "cat": 1}


def test_a_false_one_between_two_right_ones_costs_what_101_recalls_say() -> None:
    """By hand: precision 1 up to recall 0.50 (51 places), 2/3 from there on (50 places)."""
    truth = truth_of(an_object(LEFT), an_object(RIGHT))
    scores = score_detections(truth, {1: found((LEFT, 0.9, 1), (MIDDLE, 0.8, 1), (RIGHT, 0.7, 1))}, CLASSES)
    assert scores.map50 == pytest.approx((51 + 50 * 2 / 3) / 101, abs=1e-12)


def test_a_second_answer_for_the_same_object_is_wrong() -> None:
    truth = truth_of(an_object(LEFT), an_object(RIGHT))
    scores = score_detections(truth, {1: found((LEFT, 0.9, 1), (LEFT, 0.8, 1), (RIGHT, 0.7, 1))}, CLASSES)
    assert scores.map50 == pytest.approx((51 + 50 * 2 / 3) / 101, abs=1e-12)


def test_a_box_that_is_a_little_off_counts_at_the_lower_overlaps_only() -> None:
    """By hand: an overlap of 0.72 is enough for 0.50, 0.55, 0.60, 0.65 and 0.70, five of ten."""
    scores = score_detections(truth_of(an_object(LEFT)), {1: found(((0, 0, 100, 72), 0.9, 1))}, CLASSES)
    assert scores.map50 == 1
    assert scores.map50_95 == pytest.approx(0.5, abs=1e-12)


def test_the_right_place_with_the_wrong_class_is_wrong_twice() -> None:
    truth = truth_of(an_object(LEFT, 3), an_object(RIGHT, 7))
    scores = score_detections(truth, {1: found((LEFT, 0.9, 0), (RIGHT, 0.8, 0))}, CLASSES)
    assert scores.by_class["cat"].ap50 == 0
    assert scores.by_class["dog"].ap50 == pytest.approx(0.5, abs=1e-12)


def test_nothing_found_is_zero_and_a_class_without_objects_has_no_figure() -> None:
    scores = score_detections(truth_of(an_object(LEFT)), {1: found()}, CLASSES)
    assert (scores.map50, scores.map50_95) == (0, 0)
    assert (scores.by_class["cat"].ap50, scores.by_class["cat"].objects) == (0, 1)
    assert (scores.by_class["dog"].ap50, scores.by_class["dog"].objects) == (None, 0)


def test_sizes_are_told_apart_and_a_size_without_objects_has_no_figure() -> None:
    small, medium = (10.0, 10.0, 31.0, 32.0), (100.0, 10.0, 40.0, 40.0)
    scores = score_detections(truth_of(an_object(small), an_object(medium)), {1: found((small, 0.9, 1))}, CLASSES)
    assert {name: (each.ap50, each.objects) for name, each in scores.by_size.items()} == {
        "small": (1, 1),
        "medium": (0, 1),
        "large": (None, 0),
    }


def test_an_object_on_the_border_of_two_sizes_is_of_both_as_coco_has_it() -> None:
    border = (10.0, 10.0, 32.0, 32.0)
    scores = score_detections(truth_of(an_object(border)), {1: found((border, 0.9, 1))}, CLASSES)
    assert [(each.ap50, each.objects) for each in scores.by_size.values()] == [(1, 1), (1, 1), (None, 0)]


def test_what_is_found_in_a_crowd_counts_neither_way() -> None:
    truth = truth_of(an_object(LEFT), an_object(MIDDLE, is_crowd=True))
    scores = score_detections(truth, {1: found(((210, 10, 50, 50), 0.95, 1), (LEFT, 0.9, 1))}, CLASSES)
    assert (scores.map50, scores.objects) == (1, 1)


def test_images_that_were_not_shown_cost_nothing_and_those_without_a_find_do() -> None:
    truth = truth_of(an_object(LEFT), an_object(LEFT, image_id=2), images=3)
    one = {1: found((LEFT, 0.9, 1))}
    assert score_detections(truth, one, CLASSES).map50 == 1
    assert score_detections(truth, {**one, 2: found()}, CLASSES).map50 == pytest.approx(51 / 101, abs=1e-12)


def test_categories_that_the_network_does_not_know_are_left_out() -> None:
    truth = truth_of(an_object(LEFT), an_object(RIGHT, 20))
    scores = score_detections(truth, {1: found((LEFT, 0.9, 1))}, CLASSES)
    assert (scores.map50, scores.objects, list(scores.by_class)) == (1, 1, ["dog", "cat"])


def test_images_without_an_object_of_the_network_give_no_score() -> None:
    with pytest.raises(SpecError, match="at least one object"):
        score_detections(truth_of(an_object(RIGHT, 20)), {1: found((LEFT, 0.9, 1))}, CLASSES)


def test_an_answer_for_an_unknown_image_is_told() -> None:
    with pytest.raises(SpecError, match="no image 9"):
        score_detections(truth_of(an_object(LEFT)), {9: found()}, CLASSES)


def test_classes_that_are_compared_one_by_one_score_the_same() -> None:
    truth, answers = generated(0)
    steps: list[None] = []
    alone = score_detections(truth, answers, CLASSES, lambda: steps.append(None), most_at_once=1)
    assert alone == score_detections(truth, answers, CLASSES)
    assert len(steps) > len(CLASSES)


def test_an_interval_is_that_of_a_share_where_each_image_has_one_object_and_nothing_is_wrong() -> None:
    """By hand: without a false answer AP is the recall, here a share of 400 images; COCO looks at 101 recalls."""
    images, share = 400, 0.3
    objects = [an_object(LEFT, image_id=each) for each in range(1, images + 1)]
    answers = {each: found((LEFT, 0.9, 1)) if each <= share * images else found() for each in range(1, images + 1)}

    scores = score_detections(truth_of(*objects, images=images), answers, CLASSES)

    assert scores.map50 == pytest.approx(share, abs=0.01)
    half = 1.96 * (share * (1 - share) / images) ** 0.5
    assert scores.map50_ci == pytest.approx((share - half, share + half), abs=0.015)


def test_what_is_never_wrong_has_an_interval_without_width_and_few_images_have_none() -> None:
    objects = [an_object(LEFT, image_id=each) for each in range(1, LEAST_IMAGES + 1)]
    right = {each.image_id: found((LEFT, 0.9, 1)) for each in objects}
    truth = truth_of(*objects, images=LEAST_IMAGES)
    assert score_detections(truth, right, CLASSES).map50_95_ci == (1, 1)
    right.popitem()
    assert score_detections(truth, right, CLASSES).map50_95_ci is None


@pytest.mark.parametrize("seed", range(4))
def test_generated_predictions_score_as_pycocotools_scores_them(seed: int) -> None:
    truth, answers = generated(seed)
    assert_equal_to_pycocotools(score_detections(truth, answers, CLASSES), truth, answers, CLASSES)


def generated(seed: int) -> tuple[Truth, dict[int, Detections]]:
    """Images of 0 to 8 objects of all sizes, some of them crowds, and answers of all degrees of wrongness."""
    random = np.random.default_rng(seed)
    objects, answers = [], {}
    for image_id in range(1, 41):
        rows: list[tuple[Box, float, int]] = []
        for _ in range(random.integers(0, 9)):
            box = a_box(random)
            objects.append(an_object(box, int(random.choice([3, 7, 20])), image_id, is_crowd=random.random() < 0.05))
            for _ in range(random.integers(0, 4)):
                shifted = np.array(box) * random.uniform(0.8, 1.25, 4)
                rows.append(((*shifted.tolist(),), round(random.random(), 2), int(random.integers(0, 2))))
        rows += [(a_box(random), round(random.random(), 2), int(random.integers(0, 2))) for _ in range(3)]
        answers[image_id] = found(*rows)
    return truth_of(*objects, images=40), answers


def a_box(random: np.random.Generator) -> Box:
    width, height = 10 ** random.uniform(0.7, 2.3, 2)
    return (random.uniform(0, 640 - width), random.uniform(0, 480 - height), float(width), float(height))
