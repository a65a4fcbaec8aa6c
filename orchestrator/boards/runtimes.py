"""Which runtimes there are: the agent's own and those of others, by what their files say of themselves.

A runtime is a file NAME.py that travels in the agent's bundle. Two literals in it, PACKAGES and SUFFIXES, are read here
without importing it, for its library need not be installed where the farm is managed. Others add one by an entry point
in the group ``pifarm.runtimes``: its name is the runtime's, its value the module whose file travels.
"""

import ast
import functools
import importlib.util
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import Final

from orchestrator.errors import SpecError

GROUP: Final = "pifarm.runtimes"
DEFAULT: Final = "onnxruntime"
EXTRAS: Final = {"torch": "torch", "ncnn": "runtimes", "litert": "runtimes", "openvino": "runtimes"}

_PARSER = threading.Lock()  # CPython 3.11 counts the depth of all its parsers together, and stumbles over two at once


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeFile:
    """A runtime as its file describes it: the packages of its environment, and the endings that it loads."""

    name: str
    path: Path
    packages: tuple[str, ...]
    suffixes: tuple[str, ...]
    is_plugin: bool


@functools.cache
def known_runtimes() -> Mapping[str, RuntimeFile]:
    """All runtimes by name; raises `SpecError` for an entry point that leads to none."""
    found = {each.name: each for each in _own()}
    for point in metadata.entry_points(group=GROUP):
        if point.name in found:
            raise SpecError(f"entry point {GROUP}: {point.name!r} is a runtime already; give it another name")
        found[point.name] = _read(point.name, _source_of(point.name, point.module), is_plugin=True)
    return found


def find_runtime(name: str) -> RuntimeFile:
    """The runtime of a name; raises `SpecError` that lists what there is."""
    if name not in known_runtimes():
        raise SpecError(f"runtime: expected one of {', '.join(known_runtimes())}, got {name!r}")
    return known_runtimes()[name]


def runtimes_for(suffix: str) -> tuple[str, ...]:
    """The runtimes that load files of that ending, the agent's own first."""
    return tuple(each.name for each in known_runtimes().values() if suffix in each.suffixes)


def plugin_files() -> tuple[Path, ...]:
    """The files of the runtimes that are not the agent's own."""
    return tuple(each.path for each in known_runtimes().values() if each.is_plugin)


def pinned_requirements(name: str) -> tuple[str, ...]:
    """A runtime's packages at the versions that are installed here, so that farm and boards agree.

    Raises `SpecError` where one is not installed.
    """
    try:
        return tuple(f"{package}=={metadata.version(package)}" for package in find_runtime(name).packages)
    except metadata.PackageNotFoundError as error:
        raise SpecError(f"runtime {name}: {error.name} is not installed beside pifarm; {remedy(name)}") from error


def remedy(name: str) -> str:
    """What to run where a runtime is not installed beside pifarm."""
    wanted = f"'pifarm[{EXTRAS[name]}]'" if name in EXTRAS else " ".join(find_runtime(name).packages)
    return f"run: pip install {wanted}"


def _own() -> Iterator[RuntimeFile]:
    with resources.as_file(resources.files("agent.runtimes")) as folder:
        for path in sorted(folder.glob("*.py"), key=lambda path: (path.stem != DEFAULT, path.stem)):
            if "PACKAGES" in (literals := _literals(path)):
                yield _described(path.stem, path, literals, is_plugin=False)


def _source_of(name: str, module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise SpecError(f"entry point {GROUP}: {name}: there is no module {module}; install its package again")
    return Path(spec.origin)


def _read(name: str, path: Path, *, is_plugin: bool) -> RuntimeFile:
    literals = _literals(path)
    missing = {"PACKAGES", "SUFFIXES"} - set(literals)
    if path.stem != name or missing:
        lacks = f"has no {' and no '.join(sorted(missing))}" if missing else f"is not called {name}.py"
        raise SpecError(f"entry point {GROUP}: {path} {lacks}; see docs/runtimes.md")
    return _described(name, path, literals, is_plugin=is_plugin)


def _described(name: str, path: Path, literals: Mapping[str, tuple[str, ...]], *, is_plugin: bool) -> RuntimeFile:
    return RuntimeFile(
        name=name, path=path, packages=literals["PACKAGES"], suffixes=literals["SUFFIXES"], is_plugin=is_plugin
    )


def _literals(path: Path) -> dict[str, tuple[str, ...]]:
    found = {}
    with _PARSER:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in ("PACKAGES", "SUFFIXES"):
                found[name] = tuple(map(str, ast.literal_eval(node.value)))
    return found
