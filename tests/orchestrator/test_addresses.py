"""Names of variants: one text for each, and the shortest that is clear."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.addresses import VariantAddress, VariantPattern, resolve
from orchestrator.errors import NotFoundError, SpecError

names = st.from_regex(re.compile(r"[a-z0-9][a-z0-9._-]{0,6}"), fullmatch=True)
scalars = st.one_of(st.booleans(), st.integers(-5, 5), st.text(max_size=6))
addresses = st.builds(
    VariantAddress.of,
    model=names,
    label=names,
    runtime=names,
    threads=st.integers(1, 64),
    options=st.dictionaries(st.from_regex(r"[a-z_]{1,6}", fullmatch=True), scalars, max_size=2),
)


def variant(label: str = "fp32", threads: int = 4, runtime: str = "onnxruntime", model: str = "yolo") -> VariantAddress:
    return VariantAddress.of(model=model, label=label, runtime=runtime, threads=threads)


@given(addresses)
def test_a_whole_name_means_its_variant(address: VariantAddress) -> None:
    pattern = VariantPattern.parse(address.full)
    assert pattern.fits(address)
    assert (pattern.model, pattern.label, pattern.threads) == (address.model, address.label, address.threads)


@given(st.lists(addresses, min_size=1, max_size=6, unique=True), st.data())
def test_the_shortest_name_resolves_to_its_variant(known: list[VariantAddress], data: st.DataObject) -> None:
    address = data.draw(st.sampled_from(known))
    assert resolve(address.shortest(known), known) == address


def test_a_name_is_as_long_as_it_must_be() -> None:
    known = [variant(), variant(threads=1), variant("int8"), variant("int8", runtime="ncnn")]
    assert [address.shortest(known) for address in known] == ["fp32,t4", "fp32,t1", "int8@onnxruntime", "int8@ncnn"]
    assert variant().text == "fp32@onnxruntime,t4"
    assert variant().full == "yolo/fp32@onnxruntime,t4"


def test_a_label_that_several_variants_have_is_ambiguous_and_they_are_listed() -> None:
    with pytest.raises(SpecError, match=r"may mean yolo/fp32@onnxruntime,t1, yolo/fp32@onnxruntime,t4"):
        resolve("fp32", [variant(), variant(threads=1), variant("int8")])


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(NotFoundError, match=r"'fp16' is unknown; there are yolo/fp32@onnxruntime,t4"):
        resolve("fp16", [variant()])


@pytest.mark.parametrize("text", ["", "a/b/c", "fp32@", "fp32,4", "fp32,t4,x"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="expected MODEL/LABEL@RUNTIME,tN"):
        VariantPattern.parse(text)


def test_variants_that_differ_only_in_options_have_different_names() -> None:
    plain = variant()
    spinning = VariantAddress.of(
        model="yolo", label="fp32", runtime="onnxruntime", threads=4, options={"allow_spinning": False}
    )
    assert spinning.text == "fp32@onnxruntime,t4,allow_spinning=false"
    assert resolve(spinning.text, [plain, spinning]) == spinning
    assert resolve(plain.text, [plain, spinning]) == plain
