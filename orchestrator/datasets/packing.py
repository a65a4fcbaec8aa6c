"""One file of arrays for a board: every image's levels, so that the board needs numpy and no image library.

An .npz file; each array is named by its image's id and is uint8 (rows, columns, 3) in red, green, blue. Writer and
reader hold one image in memory at a time. The same images give the same bytes where the same zlib packs them: order
of ids, one date. Ready-made inputs are packed the same way (`tensors`).
"""

import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from orchestrator.datasets.pictures import Levels
from orchestrator.errors import SpecError

Progress = Callable[[int, int], None]
"""Told of each image that was packed: how many so far, of how many."""


class Pictures(Protocol):
    """A data set whose pictures can be decoded."""

    def decode(self, image_id: int) -> Levels:
        """The levels of one, uint8 (rows, columns, 3); raises `SpecError`."""
        ...


def choose_images(image_ids: Collection[int], count: int, seed: int) -> tuple[int, ...]:
    """`count` of the images in order of id, drawn by the seed; all of them where there are no more.

    The same seed and ids give the same images, and a smaller count a part of a larger one's. Raises `SpecError` for a
    count below 1.
    """
    if count < 1:
        raise SpecError(f"images: expected 1 or more, got {count}")
    known = sorted(image_ids)
    drawn = np.random.default_rng(seed).permutation(len(known))[:count]
    return tuple(sorted(known[place] for place in drawn.tolist()))


def pack_images(data: Pictures, image_ids: Collection[int], path: Path, progress: Progress | None = None) -> None:
    """Write the .npz file of those images; raises `SpecError` for one that cannot be decoded, and leaves no file."""
    with packed(path) as add:
        for number, image_id in enumerate(sorted(image_ids), start=1):
            add(str(image_id), data.decode(image_id))
            if progress is not None:
                progress(number, len(image_ids))


@contextmanager
def packed(path: Path) -> Iterator[Callable[[str, npt.NDArray[Any]], None]]:
    """Writes an .npz file array by array, each by its name; none is left where the caller fails. Raises `SpecError`."""
    draft = path.with_name(f".{path.name}.part")
    try:
        with zipfile.ZipFile(draft, "w", compression=zipfile.ZIP_DEFLATED) as archive:

            def add(name: str, values: npt.NDArray[Any]) -> None:
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, values, allow_pickle=False)

            yield add
        draft.replace(path)
    except OSError as error:
        raise SpecError(f"{path}: cannot be written: {error}") from error
    finally:
        draft.unlink(missing_ok=True)
