"""Data sets on the farm: kept by content, under names that stay what they were."""

from pathlib import Path

import numpy as np
import pytest

from orchestrator.analysis.accuracy.truth import Labels, Truth
from orchestrator.artifacts import ArtifactStore, Manifest
from orchestrator.config import Settings
from orchestrator.datasets.catalog import add_dataset, find_dataset, truth_of
from orchestrator.datasets.coco import ANNOTATIONS, read_coco
from orchestrator.datasets.reading import DatasetKind
from orchestrator.db.session import Database
from orchestrator.errors import NotFoundError, SpecError
from orchestrator.farm import Farm
from orchestrator.queries.datasets import get_dataset, list_datasets
from tests.orchestrator.datasets.folders import a_document, write_folder


@pytest.fixture
def farm(database: Database, tmp_path: Path) -> Farm:
    (tmp_path / "home").mkdir()
    return Farm(settings=Settings(home=tmp_path / "home"), database=database, farm_id="farm-test")


def test_boards_get_the_examples_and_the_farm_keeps_what_is_right(farm: Farm, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set")
    assert add_dataset(farm, "cats", folder).is_new
    found = get_dataset(farm.database, "cats")
    assert (found.kind, found.examples, found.objects, found.classes) == ("detection", 2, 2, ("cat", "dog"))
    with farm.database.read() as session:
        row = find_dataset(session, "cats")
        (file,) = Manifest.from_json(row.artifact.manifest).files
        truth = truth_of(farm, row)
    with np.load(ArtifactStore(farm.settings.artifacts_dir).blob(file.sha256)) as arrays:
        assert (file.name, arrays.files) == ("set.npz", ["4", "9"])
    assert isinstance(truth, Truth) and truth == read_coco(folder).truth


def test_the_same_again_is_the_same_and_other_content_needs_another_name(farm: Farm, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set")
    add_dataset(farm, "cats", folder)
    assert not add_dataset(farm, "cats", folder).is_new
    other = write_folder(tmp_path / "other", a_document(annotations=[]))
    with pytest.raises(SpecError, match="cats exists with other content; choose another name"):
        add_dataset(farm, "cats", other)
    assert add_dataset(farm, "no-cats", other).is_new, "the same images, another truth"
    both = list_datasets(farm.database)
    assert [each.dataset for each in both] == ["cats", "no-cats"]
    assert both[0].artifact == both[1].artifact, "boards need not get them twice"


def test_an_npz_file_has_labels_without_names(farm: Farm, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, x=np.zeros((2, 3), np.float32), labels=np.array([1, 0]))
    assert add_dataset(farm, "x", path).kind is DatasetKind.TENSORS
    with farm.database.read() as session:
        assert truth_of(farm, find_dataset(session, "x")) == Labels(by_example={0: 1, 1: 0})


def test_what_is_refused_leaves_nothing(farm: Farm, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set")
    (folder / "images" / "b.png").write_bytes(b"no picture")
    with pytest.raises(SpecError, match="cannot be decoded"):
        add_dataset(farm, "cats", folder)
    with pytest.raises(SpecError, match="expected letters"):
        add_dataset(farm, "../cats", folder)
    with pytest.raises(SpecError, match=f"{ANNOTATIONS} \\(COCO\\)"):
        add_dataset(farm, "cats", tmp_path / "nowhere")
    assert list_datasets(farm.database) == ()
    assert not list(farm.settings.home.iterdir())
    with farm.database.read() as session, pytest.raises(NotFoundError, match="there are none: pifarm dataset add"):
        find_dataset(session, "cats")
