"""Invented inputs: the same everywhere, realistic, and an error that helps where nothing can be invented."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import RunFault
from agent.inputs import invent_inputs, resolve_shape
from agent.runtimes import Signature
from agent.wire.records import Fault
from agent.wire.spec import Inputs

IMAGE = Signature(name="images", dtype="float32", shape=(None, 3, 64, 64))


def of(dtype: str, name: str = "x", shape: tuple[int | str | None, ...] = (8, 64)) -> np.ndarray:
    """One invented tensor."""
    return invent_inputs([Signature(name=name, dtype=dtype, shape=shape)], Inputs())[name]


@pytest.mark.parametrize(
    "dtype",
    ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"],
)
def test_a_tensor_has_the_type_that_the_model_wants(dtype: str) -> None:
    assert of(dtype).dtype == np.dtype(dtype)


def test_the_same_seed_gives_the_same_tensor_and_another_seed_another() -> None:
    first, again = (invent_inputs([IMAGE], Inputs(seed=7))["images"] for _ in range(2))
    other = invent_inputs([IMAGE], Inputs(seed=8))["images"]
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_two_inputs_of_one_model_differ() -> None:
    pair = [Signature(name=name, dtype="float32", shape=(1, 16)) for name in ("left", "right")]
    made = invent_inputs(pair, Inputs())
    assert not np.array_equal(made["left"], made["right"])


def test_the_values_are_those_of_every_other_board() -> None:
    assert of("float64", shape=(3,)).tolist() == pytest.approx([-0.648538872, 1.081716357, 0.996693349])
    assert of("int64", shape=(6,)).tolist() == [4, 8, 6, 8, 7, 9]


def test_floats_are_standard_normal() -> None:
    values = of("float32", shape=(1, 3, 64, 64))
    assert abs(float(values.mean())) < 0.05 and abs(float(values.std()) - 1) < 0.05


def test_bytes_are_a_full_range_image() -> None:
    values = of("uint8", shape=(1, 64, 64, 3))
    assert (values.min(), values.max()) == (0, 255)


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint32"])
def test_integers_are_safe_indices_into_any_table(dtype: str) -> None:
    values = of(dtype)
    assert values.min() >= 0 and values.max() <= 9 and len(np.unique(values)) > 5


def test_masks_hide_nothing() -> None:
    assert of("int64", name="attention_mask").min() == 1
    assert bool(of("bool", name="pad_mask").all())
    assert of("int64", name="token_type_ids").max() == 0


@pytest.mark.parametrize("size", [None, "batch", "N", "batch_size", "unk__17", "?", "dynamic_axis_0"])
def test_an_open_first_axis_is_one_sample(size: str | None) -> None:
    signature = Signature(name="x", dtype="float32", shape=(size, 3, 8, 8))
    assert resolve_shape(signature, {}) == (1, 3, 8, 8)


@pytest.mark.parametrize("shape", [(1, 3, None, 640), ("batch", "sequence"), ("sequence", 8), (1, -1)])
def test_any_other_open_axis_has_to_be_given_and_the_error_says_how(shape: tuple[int | str | None, ...]) -> None:
    with pytest.raises(RunFault) as caught:
        resolve_shape(Signature(name="images", dtype="float32", shape=shape), {})
    assert caught.value.fault is Fault.SPEC
    assert "images" in caught.value.message and "--shape images=" in caught.value.message


def test_a_given_shape_is_used() -> None:
    signature = Signature(name="x", dtype="float32", shape=("batch", 3, None, None))
    assert invent_inputs([signature], Inputs(shapes={"x": (2, 3, 32, 48)}))["x"].shape == (2, 3, 32, 48)


@pytest.mark.parametrize("given_shape", [(1, 3, 64), (1, 4, 64, 64), (1, 3, 64, 64, 1)])
def test_a_given_shape_has_to_fit_the_model(given_shape: tuple[int, ...]) -> None:
    with pytest.raises(RunFault, match=r"inputs\.shapes\.images: expected a shape like"):
        invent_inputs([IMAGE], Inputs(shapes={"images": given_shape}))


def test_a_shape_for_an_input_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(RunFault, match=r"inputs\.shapes\.image: the model has no such input, it has images"):
        invent_inputs([IMAGE], Inputs(shapes={"image": (1, 3, 64, 64)}))


@pytest.mark.parametrize("dtype", ["string", "bfloat16", "seq(tensor(float))", "complex64"])
def test_a_type_that_cannot_be_invented_is_named(dtype: str) -> None:
    with pytest.raises(RunFault, match=rf"input x: cannot invent {dtype.split('(')[0]}"):
        of(dtype)


def test_a_shape_beyond_all_memory_is_an_error_and_no_crash() -> None:
    with pytest.raises(RunFault, match="bytes"):
        invent_inputs([Signature(name="x", dtype="float32", shape=("n",))], Inputs(shapes={"x": (10**12,)}))


def test_a_scalar_and_a_model_without_inputs_are_fine() -> None:
    assert of("float32", shape=()).shape == ()
    assert invent_inputs([], Inputs()) == {}


@given(st.integers(0, 2**32 - 1), st.text(max_size=8), st.lists(st.integers(1, 6), max_size=4))
def test_inventing_is_a_function_of_seed_name_and_shape(seed: int, name: str, shape: list[int]) -> None:
    signature = Signature(name=name, dtype="float32", shape=tuple(shape))
    first, again = (invent_inputs([signature], Inputs(seed=seed))[name] for _ in range(2))
    assert first.shape == tuple(shape) and np.array_equal(first, again)
    assert bool(np.isfinite(first).all())
