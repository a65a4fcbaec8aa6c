"""What somebody uploads: limits, names, kinds by content, and nothing left behind."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from dashboard import uploads
from orchestrator.config import Settings
from orchestrator.demo import FILES
from orchestrator.errors import ModelError, SpecError


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file as a browser hands it over."""

    name: str
    content: bytes

    @property
    def size(self) -> int:
        """Its length."""
        return len(self.content)

    def getbuffer(self) -> memoryview:
        """Its content."""
        return memoryview(self.content)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A farm that takes uploads of a megabyte."""
    (tmp_path / "home").mkdir()
    return Settings(home=tmp_path / "home", upload_max_bytes=1_000_000)


def demo_file(ending: str) -> File:
    """A real model."""
    path = next(path for path in sorted(FILES.iterdir()) if path.suffix == ending)
    return File(name=f"digits{ending}", content=path.read_bytes())


def test_a_network_is_described_and_nothing_stays_behind(settings: Settings) -> None:
    (found,) = uploads.read_uploads([demo_file(".onnx")], settings)

    assert (found.label, found.format) == ("digits", "onnx")
    assert found.parameters and found.flops and "onnxruntime" in found.runtimes
    assert list((settings.home / "uploads").iterdir()) == []
    assert not settings.artifacts_dir.exists()


@pytest.mark.parametrize(
    "name", ["../../evil.onnx", "a/b.onnx", "..", ".hidden.onnx", "two words.onnx", "x\n.onnx", "", "C:\\x.onnx"]
)
def test_a_name_that_is_not_plain_is_refused_before_anything_is_written(settings: Settings, name: str) -> None:
    with pytest.raises(SpecError, match="rename the file"):
        uploads.read_uploads([File(name=name, content=b"x")], settings)

    assert not (settings.home / "uploads").exists()


def test_what_is_too_much_is_refused_with_another_way(settings: Settings) -> None:
    with pytest.raises(SpecError, match=r"at most 1.00 MB in all.*pifarm model add"):
        uploads.read_uploads(
            [File(name="a.onnx", content=bytes(600_000)), File(name="b.bin", content=bytes(600_000))], settings
        )


def test_the_same_name_twice_is_refused(settings: Settings) -> None:
    with pytest.raises(SpecError, match="is there 2 times"):
        uploads.require_sound([File(name="a.onnx", content=b"1"), File(name="a.onnx", content=b"2")], 10)


def test_the_content_says_what_a_file_is_and_no_folder_of_ours_is_told(settings: Settings) -> None:
    with pytest.raises(ModelError) as caught:
        uploads.read_uploads([File(name="holiday.onnx", content=b"\xff\xd8\xff\xe0" * 50)], settings)

    assert str(caught.value).startswith("holiday.onnx: ")
    assert str(settings.home) not in str(caught.value)


def test_files_without_a_model_among_them_are_refused(settings: Settings) -> None:
    with pytest.raises(ModelError, match=r"expected a file that ends in .*, got weights.bin"):
        uploads.read_uploads([File(name="weights.bin", content=b"x")], settings)
