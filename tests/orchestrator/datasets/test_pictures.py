"""Picture files as people have them: every kind becomes levels of red, green and blue, or is told by its name."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from agent.tasks import prepare
from agent.wire.task import ImageInput
from orchestrator.datasets.pictures import decode_picture
from orchestrator.errors import SpecError
from tests.orchestrator.datasets.folders import levels_of

RED: Any = np.full((4, 6, 3), (255, 0, 0), np.uint8)
TURNED = 0x0112, 6
FILES = {"png": {}, "jpeg": {}, "bmp": {}, "webp": {}, "tiff": {"compression": "tiff_lzw"}}


def decoded(image: Image.Image, folder: Path, name: str = "a.png", **options: Any) -> Any:
    image.save(folder / name, **options)
    return decode_picture(folder / name)


def test_of_16_bits_the_upper_8_are_taken(tmp_path: Path) -> None:
    grey = np.array([[0, 255, 256], [257, 32768, 65535]], np.uint16)
    levels = decoded(Image.fromarray(grey), tmp_path)
    assert levels.shape == (2, 3, 3)
    assert levels[..., 0].tolist() == levels[..., 2].tolist() == [[0, 0, 1], [1, 128, 255]]


def test_levels_of_32_bits_are_told(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"a\.tif: cannot be decoded: its levels have 32 bits"):
        decoded(Image.fromarray(np.ones((2, 2), np.float32)), tmp_path, "a.tif")


def test_the_inks_of_print_become_light(tmp_path: Path) -> None:
    levels = decoded(Image.fromarray(RED).convert("CMYK"), tmp_path, "a.jpg", quality=100)
    assert np.abs(levels.astype(int) - RED).max() <= 3


@pytest.mark.parametrize("mode", ["P", "RGBA", "1"])
def test_a_palette_and_bits_become_colours(tmp_path: Path, mode: str) -> None:
    white = Image.fromarray(np.full((4, 6, 3), 255, np.uint8))
    assert (decoded(white.convert(mode), tmp_path) == 255).all()


def test_transparency_is_left_out_and_not_warned_of(tmp_path: Path) -> None:
    clear = Image.fromarray(RED)
    clear.putalpha(0)
    assert np.array_equal(decoded(clear, tmp_path), RED)
    palette = Image.fromarray(RED).convert("P")
    assert np.array_equal(decoded(palette, tmp_path, transparency=bytes(range(256))), RED)


def test_a_cameras_note_of_how_to_turn_a_picture_is_not_applied(tmp_path: Path) -> None:
    note = Image.Exif()
    note[TURNED[0]] = TURNED[1]
    assert decoded(Image.fromarray(levels_of(6, 4)), tmp_path, "a.jpg", exif=note).shape == (4, 6, 3)


def test_a_single_pixel_is_a_picture_and_fills_a_network(tmp_path: Path) -> None:
    levels = decoded(Image.fromarray(levels_of(1, 1)), tmp_path)
    assert levels.shape == (1, 1, 3)
    assert prepare(levels, ImageInput(width=8, height=8)).shape == (1, 3, 8, 8)


@given(kind=st.sampled_from(sorted(FILES)), place=st.floats(0, 1), byte=st.integers(0, 255), is_cut=st.booleans())
def test_a_damaged_picture_is_decoded_or_told_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, kind: str, place: float, byte: int, is_cut: bool
) -> None:
    written = io.BytesIO()
    Image.fromarray(levels_of(6, 4)).save(written, format=kind, **FILES[kind])
    content = bytearray(written.getvalue())
    at = int(place * (len(content) - 1))
    content[at:] = b"" if is_cut else bytes([byte]) + content[at + 1 :]
    path = tmp_path_factory.mktemp("damaged") / "a.jpg"
    path.write_bytes(content)
    try:
        assert decode_picture(path).dtype == np.uint8
    except SpecError as error:
        assert str(error).startswith(f"{path}: cannot be decoded: ")
