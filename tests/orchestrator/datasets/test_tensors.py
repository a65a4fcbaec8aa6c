"""Data sets of ready-made inputs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from orchestrator.datasets.tensors import read_tensors
from orchestrator.errors import SpecError

IMAGES = np.arange(3 * 2 * 2, dtype=np.float32).reshape(3, 2, 2)


def write(folder: Path, **arrays: Any) -> Path:
    path = folder / "set.npz"
    np.savez_compressed(path, allow_pickle=True, **arrays)
    return path


def packed(path: Path) -> dict[str, Any]:
    read_tensors(path).pack(path.parent / "packed.npz")
    with np.load(path.parent / "packed.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def test_each_example_is_packed_with_a_batch_of_one(tmp_path: Path) -> None:
    path = write(tmp_path, images=IMAGES, labels=np.array([4, 0, 1]))
    assert read_tensors(path).truth.by_example == {0: 4, 1: 0, 2: 1}
    found = packed(path)
    assert list(found) == ["0", "1", "2"]
    assert np.array_equal(found["2"], IMAGES[2:3]) and found["2"].dtype == np.float32


def test_examples_of_several_inputs_are_named_by_both(tmp_path: Path) -> None:
    found = packed(write(tmp_path, a=IMAGES, b=np.arange(3), labels=np.zeros(3, np.uint8)))
    assert set(found) == {f"{number}/{name}" for number in range(3) for name in "ab"}
    assert found["1/b"].tolist() == [1]


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ({"images": IMAGES}, "expected an array for each input of the network and 'labels', got images"),
        ({"labels": np.arange(3)}, "expected an array for each input"),
        ({"images": IMAGES, "labels": np.arange(2)}, r"'images': expected one for each of 2 labels, got \[3, 2, 2\]"),
        ({"images": IMAGES, "labels": np.zeros(3)}, "labels: expected whole numbers"),
        ({"images": IMAGES, "labels": np.zeros((0,), int)}, "labels: expected whole numbers"),
        ({"images": IMAGES, "labels": np.array([0, -1, 2])}, "from 0 on, got -1"),
        ({"images": np.array(["a", "b"]), "labels": np.arange(2)}, "expected numbers in the order of C, got <U1"),
        ({"images": np.asfortranarray(IMAGES), "labels": np.arange(3)}, "the order of Fortran"),
        ({"images": np.array([{}, {}]), "labels": np.arange(2)}, "expected numbers in the order of C, got object"),
    ],
)
def test_what_cannot_be_used_is_told(tmp_path: Path, arrays: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        read_tensors(write(tmp_path, **arrays))


def test_a_value_that_is_no_number_and_a_file_that_is_none_are_told(tmp_path: Path) -> None:
    path = write(tmp_path, images=np.full((1, 2), np.nan, np.float32), labels=np.arange(1))
    with pytest.raises(SpecError, match="no finite numbers"):
        packed(path)
    path.write_bytes(b"no archive")
    with pytest.raises(SpecError, match=r"cannot be read as an \.npz file"):
        read_tensors(path)
