"""Examples of real inputs that fit a network, and those that do not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from orchestrator.errors import SpecError
from orchestrator.formats import TensorInfo
from orchestrator.variants.examples import read_examples

IMAGE = TensorInfo(name="image", dtype="float32", shape=("batch", 3, 4, None))
LENGTH = TensorInfo(name="length", dtype="int64", shape=(1, 2))


def save(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def test_examples_become_batches_of_one_in_the_inputs_own_type(tmp_path: Path) -> None:
    path = save(tmp_path / "e.npz", image=np.ones((5, 3, 4, 7), np.uint8), length=np.ones((5, 2), np.int32))
    found = read_examples(path, [IMAGE, LENGTH])
    assert {name: (array.shape, str(array.dtype)) for name, array in found.items()} == {
        "image": ((5, 1, 3, 4, 7), "float32"),
        "length": ((5, 1, 2), "int64"),
    }


def test_a_network_with_a_fixed_batch_gets_whole_batches(tmp_path: Path) -> None:
    fixed = TensorInfo(name="x", dtype="float32", shape=(4, 2))
    values = np.arange(22.0).reshape(11, 2)
    found = read_examples(save(tmp_path / "e.npz", x=values), [fixed])["x"]
    assert found.shape == (2, 4, 2)
    assert found[1, 0].tolist() == [8, 9]
    with pytest.raises(SpecError, match="input x: expected at least 4 examples, got 3"):
        read_examples(save(tmp_path / "few.npz", x=values[:3]), [fixed])


def test_one_array_serves_the_one_input_whatever_it_is_called(tmp_path: Path) -> None:
    path = save(tmp_path / "e.npz", arr_0=np.ones((5, 3, 4, 7)))
    assert list(read_examples(path, [IMAGE])) == ["image"]


GOOD = np.ones((5, 3, 4, 7), np.float32)
LENGTHS = np.ones((5, 2), np.int64)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({}, "has no examples of image, length, it has no array"),
        ({"image": GOOD, "other": LENGTHS}, "has no examples of length, it has image, other"),
        (
            {"image": GOOD, "length": LENGTHS[:4]},
            "expected as many examples of each input, got 5 of image, 4 of length",
        ),
        ({"image": GOOD[:0], "length": LENGTHS[:0]}, "input image: expected at least 1 examples, got 0"),
        (
            {"image": GOOD[:, :1], "length": LENGTHS},
            r"image: expected examples of shape \[3, 4, 'any'\], got \[1, 4, 7\]",
        ),
        ({"image": GOOD[:, 0], "length": LENGTHS}, r"image: expected examples of shape .*, got \[4, 7\]"),
        ({"image": np.array(1.0), "length": LENGTHS}, r"expected as many examples of each|expected examples of shape"),
        ({"image": GOOD, "length": LENGTHS * 0.5}, "input length: expected int64, got float64"),
        ({"image": GOOD.astype(str), "length": LENGTHS}, "input image: expected float32, got <U"),
        ({"image": GOOD * np.nan, "length": LENGTHS}, "input image: has values that are no finite numbers"),
        ({"image": GOOD.astype(object), "length": LENGTHS}, "cannot be read as an .npz file of plain arrays"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_was_expected(tmp_path: Path, arrays: Any, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        read_examples(save(tmp_path / "e.npz", **arrays), [IMAGE, LENGTH])


def test_files_that_are_no_npz_are_refused(tmp_path: Path) -> None:
    whole = save(tmp_path / "whole.npz", image=GOOD).read_bytes()
    np.save(tmp_path / "one.npy", GOOD)
    contents = {"text": b"no archive", "empty": b"", "torn": whole[:-40]}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    for name in (*contents, "missing"):
        with pytest.raises(SpecError, match=f"{name}: cannot be read as an .npz file of plain arrays: "):
            read_examples(tmp_path / name, [IMAGE])
    with pytest.raises(SpecError, match=r"one\.npy: is one array without a name; save it by numpy.savez"):
        read_examples(tmp_path / "one.npy", [IMAGE])
