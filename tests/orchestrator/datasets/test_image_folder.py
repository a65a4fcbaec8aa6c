"""Folders with a folder for each class."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from orchestrator.datasets.image_folder import read_image_folder
from orchestrator.datasets.packing import pack_images
from orchestrator.errors import SpecError
from tests.orchestrator.datasets.folders import levels_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("dog/1.png", "cat/b.PNG", "cat/a.png"):
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(levels_of(6, 4)).save(path)
    (tmp_path / "set" / "cat" / "notes.txt").write_text("no picture")
    (tmp_path / "set" / "README").write_text("no class")
    return tmp_path / "set"


def test_pictures_are_numbered_by_class_and_name(folder: Path) -> None:
    data = read_image_folder(folder)
    assert data.files == {1: folder / "cat/a.png", 2: folder / "cat/b.PNG", 3: folder / "dog/1.png"}
    assert data.classes == {1: "cat", 2: "cat", 3: "dog"}


def test_pictures_in_inner_folders_are_of_their_class_and_hidden_ones_are_none(folder: Path) -> None:
    for name in ("cat/siamese/c.tif", "cat/._a.png", ".cache/d.png", "dog/.trash/e.png"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(levels_of(6, 4)).save(path, format="tiff" if path.suffix == ".tif" else "png")
    data = read_image_folder(folder)
    assert data.files[3] == folder / "cat/siamese/c.tif"
    assert data.classes == {1: "cat", 2: "cat", 3: "cat", 4: "dog"}


def test_labels_are_places_among_the_classes_of_the_network(folder: Path) -> None:
    truth = read_image_folder(folder).truth
    assert (truth.classes, truth.by_example) == (("cat", "dog"), {1: 0, 2: 0, 3: 1})
    assert truth.places(("dog", "bird", "cat")) == {1: 2, 2: 2, 3: 0}
    with pytest.raises(SpecError, match="a class 'dog' that the network does not have"):
        truth.places(("cat",))


def test_they_are_packed_as_images_of_coco_are(folder: Path, tmp_path: Path) -> None:
    pack_images(read_image_folder(folder), [1, 3], tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz", allow_pickle=False) as arrays:
        assert arrays.files == ["1", "3"]
        assert np.array_equal(arrays["3"], levels_of(6, 4))


def test_a_folder_without_pictures_in_folders_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="expected a folder for each class"):
        read_image_folder(tmp_path)
    with pytest.raises(SpecError, match="cannot be read"):
        read_image_folder(tmp_path / "none")
