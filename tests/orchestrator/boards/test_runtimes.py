"""Which runtimes there are, told from their files alone."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from orchestrator.boards import runtimes
from orchestrator.boards.runtimes import find_runtime, known_runtimes, pinned_requirements, plugin_files, runtimes_for
from orchestrator.errors import SpecError

ROOT = Path(__file__).parents[3]
PLUGIN = '''
"""Echoes its input."""

import no_such_library_here

PACKAGES = ("echo-lib",)
SUFFIXES = (".echo",)


def open_runtime() -> object:
    return object()
'''


def test_the_agents_own_runtimes_and_what_each_loads() -> None:
    assert next(iter(known_runtimes())) == "onnxruntime"
    assert {"onnxruntime", "torch", "ncnn", "litert", "openvino"} <= known_runtimes().keys()
    assert runtimes_for(".onnx") == ("onnxruntime", "openvino")
    assert runtimes_for(".param") == ("ncnn",)
    assert runtimes_for(".exe") == ()


def test_what_is_no_runtime_by_itself_is_none() -> None:
    assert not {"slowed", "scripted", "__init__"} & known_runtimes().keys()


def test_an_unknown_runtime_is_refused_with_a_list() -> None:
    with pytest.raises(SpecError, match=r"runtime: expected one of onnxruntime, .*, got 'tensorrt'"):
        find_runtime("tensorrt")


def test_requirements_are_pinned_to_what_is_installed_here() -> None:
    assert pinned_requirements("onnxruntime")[0] == f"onnxruntime=={metadata.version('onnxruntime')}"


def test_reading_them_imports_no_runtime() -> None:
    program = (
        "from orchestrator.boards.runtimes import known_runtimes; import sys; known_runtimes();"
        "print({'onnxruntime', 'torch', 'ncnn', 'openvino', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "set()"


class Install:
    """Installs packages that bring a runtime into a folder on the path, as pip would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def plugin(self, name: str, source: str = PLUGIN, *, module: str | None = None) -> Path:
        """A module, and the entry point that names it."""
        file = self.folder / f"{module or name}.py"
        file.write_text(source)
        info = self.folder / f"{name}_plugin-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-plugin\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{runtimes.GROUP}]\n{name} = {module or name}\n")
        return file


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(runtimes, "known_runtimes", known_runtimes.__wrapped__)
    return Install(tmp_path)


def test_others_add_a_runtime_by_an_entry_point_without_its_library_being_here(install: Install) -> None:
    file = install.plugin("echo")
    found = runtimes.known_runtimes()["echo"]
    assert (found.packages, found.suffixes, found.is_plugin) == (("echo-lib",), (".echo",), True)
    assert plugin_files() == (file,)
    assert runtimes_for(".echo") == ("echo",)
    with pytest.raises(SpecError, match="echo: echo-lib is not installed beside pifarm; run: pip install echo-lib"):
        pinned_requirements("echo")


@pytest.mark.parametrize(
    ("name", "source", "module", "words"),
    [
        ("onnxruntime", PLUGIN, "other", "'onnxruntime' is a runtime already"),
        ("echo", PLUGIN.replace("SUFFIXES", "ENDINGS"), None, "has no SUFFIXES; see docs/runtimes.md"),
        ("echo", PLUGIN, "another_file", "is not called echo.py"),
    ],
)
def test_an_entry_point_that_leads_to_no_runtime_is_refused(
    install: Install, name: str, source: str, module: str | None, words: str
) -> None:
    install.plugin(name, source, module=module)
    with pytest.raises(SpecError, match=words):
        runtimes.known_runtimes()
