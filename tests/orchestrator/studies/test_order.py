"""The order inside blocks: what is added later is what would have been there."""

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.studies.order import block_order, in_order_of_study, lay_out

SEEDS = st.integers(0, 2**31)
DEVICES = st.integers(1, 500)
COUNTS = st.integers(1, 12)


@given(SEEDS, DEVICES, COUNTS, st.integers(1, 20), st.integers(1, 20))
def test_blocks_in_two_goes_are_the_blocks_in_one(seed: int, device_id: int, count: int, first: int, more: int) -> None:
    at_once = list(lay_out(seed, device_id, count, range(first + more)))
    in_two = [
        *lay_out(seed, device_id, count, range(first)),
        *lay_out(seed, device_id, count, range(first, first + more)),
    ]
    assert in_two == at_once


@given(SEEDS, DEVICES, COUNTS, st.integers(0, 1000))
def test_the_order_of_the_study_is_read_back_from_any_of_its_blocks(
    seed: int, device_id: int, count: int, block: int
) -> None:
    variants = [f"variant {index}" for index in range(count)]
    placed = [variants[index] for index in block_order(seed, device_id, block, count)]
    assert in_order_of_study(seed, device_id, block, placed) == variants
