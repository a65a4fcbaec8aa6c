"""What a data set may not say."""

import pytest

from orchestrator.analysis.accuracy.truth import TrueObject, Truth
from orchestrator.errors import SpecError

BOX = (0.0, 0.0, 1.0, 1.0)


def an_object(image_id: int = 1, category_id: int = 5) -> TrueObject:
    return TrueObject(image_id=image_id, category_id=category_id, box=BOX, area=1.0)


TRUTH = Truth(sizes={1: (8, 8), 2: (4, 4)}, categories={5: "cat", 9: "dog"}, objects=(an_object(), an_object(2, 9)))


def test_a_data_set_without_images_is_refused() -> None:
    with pytest.raises(SpecError, match="at least one image"):
        Truth(sizes={}, categories={5: "cat"}, objects=())


def test_an_annotation_of_an_unknown_class_is_told_with_the_known_ones() -> None:
    with pytest.raises(SpecError, match="image 1 has category 7; the categories are 5, 9"):
        Truth(sizes=TRUTH.sizes, categories=TRUTH.categories, objects=(an_object(category_id=7),))


def test_an_annotation_of_an_unknown_image_is_told() -> None:
    with pytest.raises(SpecError, match="an annotation is of image 3"):
        Truth(sizes=TRUTH.sizes, categories=TRUTH.categories, objects=(an_object(image_id=3),))


def test_some_images_take_their_objects_along() -> None:
    part = TRUTH.of_images([2])
    assert (part.sizes, part.objects, part.categories) == ({2: (4, 4)}, (an_object(2, 9),), TRUTH.categories)
    with pytest.raises(SpecError, match="no image 3"):
        TRUTH.of_images([3])


def test_classes_are_found_by_name_in_the_order_of_the_network() -> None:
    assert TRUTH.category_ids(["dog", "cat"]) == (9, 5)
    with pytest.raises(SpecError, match="no category 'bird'; it has cat, dog"):
        TRUTH.category_ids(["dog", "bird"])
