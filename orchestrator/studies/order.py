"""The order of variants inside blocks. Pure: it follows from seed, device and number of the block alone.

So blocks that are added later are the ones that would have been there, had they been asked for at once.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the variant number `index` of a study stands on a device."""

    block: int
    position: int
    index: int


def block_order(seed: int, device_id: int, block: int, count: int) -> list[int]:
    """The order of `count` variants in a block on a device: a permutation of 0..count-1 drawn from the study's seed.

    Two variants alternate AB BA AB ..., starting as the seed says.
    """
    if count == 2:
        first = random.Random(f"{seed}/{device_id}").randrange(2)
        return [0, 1] if (block + first) % 2 == 0 else [1, 0]
    order = list(range(count))
    random.Random(f"{seed}/{device_id}/{block}").shuffle(order)
    return order


def lay_out(seed: int, device_id: int, count: int, blocks: range) -> Iterator[Place]:
    """Every place of these blocks on a device, in the order in which they are measured."""
    for block in blocks:
        for position, index in enumerate(block_order(seed, device_id, block, count)):
            yield Place(block=block, position=position, index=index)


def in_order_of_study(seed: int, device_id: int, block: int, placed: Sequence[T]) -> list[T]:
    """The variants as the study numbers them, from how one of its blocks places them."""
    by_index = dict(zip(block_order(seed, device_id, block, len(placed)), placed, strict=True))
    return [by_index[index] for index in range(len(placed))]
