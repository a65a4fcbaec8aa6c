"""Folders in COCO's format: what is read, and what is told about those that cannot be."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from orchestrator.datasets.coco import ANNOTATIONS, IMAGES, read_coco
from orchestrator.errors import SpecError
from tests.orchestrator.datasets.folders import a_document, levels_of, write_folder


def an_annotation(**changes: Any) -> dict[str, Any]:
    return {**a_document()["annotations"][0], **changes}


def an_image(**changes: Any) -> dict[str, Any]:
    return {**a_document()["images"][0], **changes}


def test_images_categories_and_objects_are_read(tmp_path: Path) -> None:
    data = read_coco(write_folder(tmp_path / "set"))
    assert data.truth.sizes == {4: (6, 4), 9: (3, 5)}
    assert data.truth.categories == {1: "cat", 18: "dog"}
    first, second = data.truth.objects
    assert (first.image_id, first.category_id, first.box, first.area, first.is_crowd) == (
        4,
        18,
        (1, 1, 2, 2),
        3.5,
        False,
    )
    assert (second.area, second.is_crowd) == (15, True)


def test_images_are_found_beside_the_annotations_too(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set")
    (folder / IMAGES / "a.png").rename(folder / "a.png")
    assert read_coco(folder).files == {4: folder / "a.png", 9: folder / IMAGES / "b.png"}


def test_an_image_is_decoded_to_its_levels(tmp_path: Path) -> None:
    assert np.array_equal(read_coco(write_folder(tmp_path / "set")).decode(4), levels_of(6, 4))


def test_a_grey_image_is_decoded_to_three_channels(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set")
    Image.fromarray(levels_of(6, 4)[..., 0]).save(folder / IMAGES / "a.png")
    assert read_coco(folder).decode(4).shape == (4, 6, 3)


def test_an_image_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set")
    (folder / IMAGES / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing more")
    with pytest.raises(SpecError, match=r"a\.png: cannot be decoded: .*mend it or take it out of the data set"):
        read_coco(folder).decode(4)


def test_an_image_that_was_cut_off_is_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set")
    path = folder / IMAGES / "a.png"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(SpecError, match=r"a\.png: cannot be decoded"):
        read_coco(folder).decode(4)


def test_an_image_of_another_size_than_was_said_is_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", a_document(images=[an_image(width=7)], annotations=[]))
    with pytest.raises(SpecError, match="says 7 x 4 pixels, it has 6 x 4"):
        read_coco(folder).decode(4)


def test_an_image_that_a_camera_turned_is_told_with_what_helps(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", a_document(images=[an_image(width=4, height=6)], annotations=[]))
    with pytest.raises(SpecError, match=r"4 x 6 pixels, it has 6 x 4; a camera's note .* turn the pixels"):
        read_coco(folder).decode(4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": []}, "at least one image"),
        ({"images": None}, "images: expected a list, got NoneType"),
        ({"annotations": {}}, "annotations: expected a list, got dict"),
        ({"images": [an_image(), an_image()]}, "images: expected each id once, got 4 again; number or name them anew"),
        ({"annotations": [an_annotation(), an_annotation()]}, "annotations: expected each id once, got 1 again"),
        ({"categories": [{"id": 1, "name": "cat"}, {"id": 1, "name": "dog"}]}, "categories: expected each id once"),
        ({"categories": [{"id": 1, "name": "cat"}, {"id": 18, "name": "cat"}]}, "each name once, got cat again"),
        ({"images": [an_image(id=float("inf"))]}, r"images\[0\]: OverflowError"),
        ({"annotations": [an_annotation(area=float("nan"))]}, r"annotations\[0\]: .*area: expected 0 or more"),
        ({"annotations": [an_annotation(bbox=[0, 5, 2, 2])]}, r"annotations\[0\]: bbox: .* 6 x 4, got .* lies outside"),
        ({"images": [an_image(width=0)], "annotations": []}, r"images\[0\]: .*1 or more, got 0 x 4"),
        ({"images": [an_image(file_name="../a.png")]}, r"images\[0\]: .*relative name"),
        ({"images": [an_image(file_name="c.png")], "annotations": []}, r"images: c\.png is neither in"),
        ({"images": [{"id": 4}]}, r"images\[0\]: KeyError: 'file_name'"),
        ({"images": ["a.png"]}, r"images\[0\]: TypeError"),
        ({"categories": [{"id": 1, "name": "cat"}]}, "has category 18; the categories are 1"),
        ({"annotations": [an_annotation(image_id=5)]}, "image 5, which is not among the images"),
        ({"annotations": [an_annotation(bbox=[1, 2, 3])]}, r"annotations\[0\]: ValueError"),
        ({"annotations": [an_annotation(bbox=[1, 2, -3, 4])]}, r"annotations\[0\]: .*left, top, width, height"),
        ({"annotations": [an_annotation(bbox=[1, 2, float("nan"), 4])]}, r"annotations\[0\]: .*left, top"),
    ],
)
def test_a_wrong_folder_is_told_by_file_and_field(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    folder = write_folder(tmp_path / "set", a_document(**changes))
    with pytest.raises(SpecError, match=rf"{ANNOTATIONS}: .*{message}"):
        read_coco(folder)


def test_a_box_beyond_the_edge_or_without_size_is_taken_as_it_is_written(tmp_path: Path) -> None:
    boxes = [[-0.5, 0, 9, 2], [2, 2, 0, 1], [0, 0, 0, 0]]
    written = [an_annotation(id=number, bbox=box) for number, box in enumerate(boxes)]
    truth = read_coco(write_folder(tmp_path / "set", a_document(annotations=written))).truth
    assert [list(each.box) for each in truth.objects] == boxes


def test_annotations_need_no_ids_of_their_own(tmp_path: Path) -> None:
    nameless = {key: value for key, value in an_annotation().items() if key != "id"}
    folder = write_folder(tmp_path / "set", a_document(annotations=[nameless, nameless]))
    assert len(read_coco(folder).truth.objects) == 2


@pytest.mark.parametrize("content", [b"", b"[1", b"\xff\xfe", b"[" * 100_000])
def test_annotations_that_are_no_json_are_told(tmp_path: Path, content: bytes) -> None:
    folder = write_folder(tmp_path / "set")
    (folder / ANNOTATIONS).write_bytes(content)
    with pytest.raises(SpecError, match="expected COCO annotations as JSON"):
        read_coco(folder)


def test_a_folder_without_annotations_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"annotations\.json: expected COCO annotations"):
        read_coco(tmp_path)
