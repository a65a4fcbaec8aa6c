"""Tensors brought into the form that a network declares, or refused with both forms."""

import numpy as np
import pytest

from agent.errors import RunFault
from agent.fitting import Shape, fit, restore
from agent.runtimes import Quantised, Signature

IMAGE = np.arange(48, dtype=np.float32).reshape(1, 3, 4, 4)


def an_input(dtype: str = "float32", shape: Shape | None = (1, 3, 4, 4)) -> Signature:
    return Signature(name="images", dtype=dtype, shape=shape)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ((1, 3, 4, 4), IMAGE),
        (("batch", 3, None, None), IMAGE),
        (None, IMAGE),
        ((3, 4, 4), IMAGE[0]),
        ((1, 4, 4, 3), np.moveaxis(IMAGE, 1, -1)),
    ],
)
def test_a_tensor_comes_in_the_layout_that_is_declared(declared: Shape | None, expected: np.ndarray) -> None:
    found = fit(an_input(shape=declared), IMAGE)
    assert found.flags.c_contiguous and np.array_equal(found, expected)


def test_a_batch_of_one_is_added_where_it_is_declared() -> None:
    assert fit(an_input(shape=(None, 7)), np.zeros(7, np.float32)).shape == (1, 7)


@pytest.mark.parametrize("dtype", ["float16", "float64", "uint8", "int64"])
def test_whole_numbers_are_fed_in_the_type_that_is_declared(dtype: str) -> None:
    found = fit(an_input(dtype), IMAGE)
    assert found.dtype == dtype and np.array_equal(found, IMAGE)


def test_a_half_precision_input_is_rounded() -> None:
    assert fit(an_input("float16"), IMAGE / 3).dtype == np.float16


@pytest.mark.parametrize("tensor", [IMAGE / 255, IMAGE - 1, IMAGE * 100])
def test_what_a_quantised_input_cannot_hold_is_refused_with_the_remedy(tensor: np.ndarray) -> None:
    with pytest.raises(RunFault, match=r"images: the network takes uint8, .* image\.divisor is 1") as caught:
        fit(an_input("uint8"), tensor)
    assert caught.value.code == "unfit_input"


def test_a_quantised_input_takes_values_by_its_scale_and_an_output_gives_them_back() -> None:
    quantised = Signature(name="images", dtype="int8", shape=None, quantised=Quantised(scale=0.5, zero=-10))
    found = fit(quantised, np.array([-100.0, 0.0, 0.76, 3.0, 1000.0]))
    assert found.dtype == np.int8 and found.tolist() == [-128, -10, -8, -4, 127]
    plain = np.array([7])
    (back, same) = restore([quantised], [found, plain])
    assert back.tolist() == [-59.0, 0.0, 1.0, 3.0, 68.5] and same is plain


@pytest.mark.parametrize("declared", [(4, 3, 4, 4), (1, 3, 8, 8), (1, 1, 4, 4), (10,)])
def test_another_batch_or_size_is_refused_with_both(declared: Shape) -> None:
    with pytest.raises(RunFault) as caught:
        fit(an_input(shape=declared), IMAGE)
    assert f"the network takes {list(declared)}, the example has [1, 3, 4, 4]" in caught.value.message


@pytest.mark.parametrize(("dtype", "tensor"), [("string", IMAGE), ("float32", np.array(["a"]))])
def test_what_is_no_number_is_refused(dtype: str, tensor: np.ndarray) -> None:
    with pytest.raises(RunFault, match="expected numbers"):
        fit(an_input(dtype, None), tensor)
