"""Images packed for a board."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.datasets.coco import IMAGES, read_coco
from orchestrator.datasets.packing import choose_images, pack_images
from orchestrator.errors import SpecError
from tests.orchestrator.datasets.folders import levels_of, write_folder

IDS = st.lists(st.integers(0, 10**6), min_size=1, max_size=50, unique=True)


def test_a_board_reads_each_image_by_its_id_with_numpy_alone(tmp_path: Path) -> None:
    pack_images(read_coco(write_folder(tmp_path / "set")), [9, 4], tmp_path / "images.npz")
    with np.load(tmp_path / "images.npz", allow_pickle=False) as arrays:
        assert arrays.files == ["4", "9"]
        assert np.array_equal(arrays["4"], levels_of(6, 4))
        assert arrays["9"].dtype == np.uint8


def test_the_same_images_give_the_same_bytes(tmp_path: Path) -> None:
    data = read_coco(write_folder(tmp_path / "set"))
    pack_images(data, [4, 9], tmp_path / "one.npz")
    pack_images(data, [9, 4], tmp_path / "other.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()


def test_progress_is_told_image_by_image(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    pack_images(
        read_coco(write_folder(tmp_path / "set")),
        [4, 9],
        tmp_path / "x.npz",
        lambda done, all_: told.append((done, all_)),
    )
    assert told == [(1, 2), (2, 2)]


def test_an_image_that_cannot_be_decoded_leaves_no_file(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set")
    (folder / IMAGES / "b.png").write_bytes(b"no picture")
    with pytest.raises(SpecError, match=r"b\.png: cannot be decoded"):
        pack_images(read_coco(folder), [4, 9], tmp_path / "x.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be written"):
        pack_images(read_coco(write_folder(tmp_path / "set")), [4], tmp_path / "none" / "x.npz")


@given(IDS, st.integers(1, 60), st.integers(0, 99))
def test_a_choice_depends_on_seed_and_ids_only_and_grows(ids: list[int], count: int, seed: int) -> None:
    chosen = choose_images(ids, count, seed)
    assert chosen == choose_images(ids[::-1], count, seed)
    assert len(chosen) == min(count, len(ids)) and set(chosen) <= set(ids)
    assert set(chosen) <= set(choose_images(ids, count + 1, seed))


def test_no_images_cannot_be_chosen() -> None:
    with pytest.raises(SpecError, match="expected 1 or more, got 0"):
        choose_images([1, 2], 0, 0)
