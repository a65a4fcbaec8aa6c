"""Runtimes behind one Protocol: one small file each, the only place where a runtime is imported.

A runtime called NAME is the module ``agent/runtimes/NAME.py`` with a function ``open_runtime() -> Runtime`` and two
literals that the farm reads without importing it: ``PACKAGES``, what its environment on a board is made of, and
``SUFFIXES``, the files that it loads. It translates the library's exceptions at this border: `RunFault` with
``bad_model``, ``inference_failed``, ``unknown_option`` or ``runtime_missing``. These sources are part of the measuring
hash. Those of others come from entry points (`orchestrator.boards.runtimes`).

On a simulated board a runtime is wrapped by `agent.runtimes.slowed`, which nothing else imports.
"""

import importlib
import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from agent.errors import RunFault
from agent.home import open_home
from agent.wire.spec import Scalar

Feeds = Mapping[str, Any]  # input name -> numpy array


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantised:
    """How whole numbers stand for values: value = (number - `zero`) x `scale`."""

    scale: float
    zero: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One input or output as the model declares it.

    `dtype` is numpy's name where there is one (``float32``), else the runtime's own text. A size that the model leaves
    open is None, or the name that the model gives it; a shape of which not even the rank is declared is None.
    `quantised` is given where the format says what the numbers stand for.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...] | None
    quantised: Quantised | None = None


class Session(Protocol):
    """A loaded model. `options` are the settings that it really runs with."""

    inputs: Sequence[Signature]
    outputs: Sequence[Signature]
    options: Mapping[str, Scalar]

    def bind(self, feeds: Feeds) -> Callable[[], Sequence[Any]]:
        """The call that is timed: one inference of `feeds`, giving the outputs in their declared order."""


class Runtime(Protocol):
    """An installed runtime.

    One that can profile has a further method ``profile(path, threads, options, feeds, profiling) -> Profiled`` (see
    `agent.wire.profile`), which loads the file anew and raises `RunFault`.
    """

    version: str
    errors: tuple[type[Exception], ...]  # what an inference may raise; translated outside of the timed call

    def load(self, path: Path, threads: int, options: Mapping[str, Scalar]) -> Session:
        """Load a model file for so many threads; raises `RunFault`."""


def load_runtime(name: str, model: Path | None = None) -> Runtime:
    """The runtime called `name`; raises `RunFault` where there is none, or where it is not installed.

    Where `model` was staged on a simulated board that keeps a pace, its inference keeps that pace.
    """
    module_name = f"{__name__}.{name}"
    if not name.isidentifier() or importlib.util.find_spec(module_name) is None:
        raise RunFault("unknown_runtime", f"spec.runtime: this agent has no runtime called {name!r}")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise RunFault("runtime_missing", f"{name} is not installed for this interpreter: {error}") from error
    if not hasattr(module, "open_runtime"):
        raise RunFault("unknown_runtime", f"spec.runtime: {name!r} is no runtime by itself")
    runtime: Runtime = module.open_runtime()
    root = None if model is None else _paced_root(model)
    if root is None:
        return runtime
    slowed: Runtime = importlib.import_module(f"{__name__}.slowed").slow(runtime, root)
    return slowed


def _paced_root(model: Path) -> Path | None:
    """Hardware tree of the simulated board on which a model was staged, where it keeps a pace."""
    home = next((folder.parent for folder in reversed(model.parents) if folder.name == "artifacts"), None)
    notes = None if home is None else open_home(home).notes
    if notes is None or not notes.simulated:
        return None
    root = Path(notes.root)
    return root if (root / "firmware" / "pace").exists() else None


def pick_options(given: Mapping[str, Scalar], known: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """`known` options with their defaults, replaced by those `given`; raises `RunFault` for a name or type unknown."""
    for name, value in given.items():
        if name not in known:
            names = ", ".join(sorted(known))
            raise RunFault("unknown_option", f"spec.runtime_options.{name}: expected one of {names}")
        wanted = type(known[name])
        if not isinstance(value, wanted) and not (wanted is float and type(value) is int):
            raise RunFault("unknown_option", f"spec.runtime_options.{name}: expected {wanted.__name__}, got {value!r}")
    return {**known, **given}


def spinning_environment(options: Mapping[str, Scalar]) -> dict[str, str]:
    """What the environment of a measuring process has to say, for OpenMP reads it before anything else runs."""
    return {"OMP_WAIT_POLICY": "PASSIVE"} if options.get("allow_spinning") is False else {}


def spinning_by_environment(used: dict[str, Scalar]) -> dict[str, Scalar]:
    """The options, if this process was started as they say; raises `RunFault` where it was not."""
    wanted = spinning_environment(used)
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        raise RunFault("unknown_option", f"spec.runtime_options.allow_spinning: this process lacks {wanted}")
    return used
