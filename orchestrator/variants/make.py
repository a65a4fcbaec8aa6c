"""Makes variants of a model's build by recipes and registers them with their lineage.

Each recipe is carried out in a process of its own, on a copy of the parent; what it made is read as any model that a
user hands over before it is registered.
"""

import contextlib
import json
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final

from orchestrator.artifacts import ArtifactStore
from orchestrator.catalog import NewBuild, add_model
from orchestrator.errors import ModelError, NotFoundError, SpecError
from orchestrator.farm import Farm
from orchestrator.formats import ModelFormat
from orchestrator.formats.trial import QUIET_PYTHON
from orchestrator.queries.models import get_model
from orchestrator.queries.rows import BuildView, ModelView
from orchestrator.variants.recipe import OFFERS, UNABLE, Recipe

TIME_LIMIT_S: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a recipe: the label of its variant and what its users should know, or why there is none.

    `is_new`: the variant was made now, not before.
    """

    recipe: str
    label: str | None
    notes: tuple[str, ...] = ()
    refusal: str = ""
    is_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Calibration:
    """A set of examples: where it lies, and what is in it."""

    path: Path
    sha256: str


def make_variants(
    farm: Farm,
    model: str,
    recipes: Sequence[Recipe],
    *,
    parent: str | None = None,
    calibration: Path | None = None,
    label: str | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> list[Outcome]:
    """Carry out recipes on a build of a model, the baseline unless `parent` names one; one that fails stops no other.

    `label` is what the variant of a single recipe is called, in place of the recipe's own name.

    Raises `NotFoundError`, and `SpecError` for what can be known before anything is made.
    """
    view = get_model(farm.database, model)
    build = _find_onnx(view, parent)
    if label is not None and len(recipes) != 1:
        raise SpecError(f"--variant {label}: names the variant of one recipe, got {len(recipes)}")
    examples = None if calibration is None else _read_calibration(calibration)
    for recipe in recipes:
        if OFFERS[recipe.name].needs_calibration and examples is None:
            raise SpecError(f"--recipe {recipe.name}: needs examples of real inputs; give --calibration FILE.npz")
    outcomes = []
    with unpacked(farm, build) as source:
        for recipe in recipes:
            tell(f"{recipe.text}: making it from {build.label}")
            wanted = label or (recipe.label if build.is_baseline else f"{build.label}-{recipe.label}")
            own = examples if OFFERS[recipe.name].needs_calibration else None
            outcomes.append(_make(farm, view, build, source, recipe, own, wanted))
    return outcomes


@contextlib.contextmanager
def unpacked(farm: Farm, build: BuildView) -> Iterator[Path]:
    """A build's files under their own names in a folder that goes away again; gives the main one.

    Raises `NotFoundError` or `InternalError` for an artifact that is missing or damaged in the store.
    """
    store = ArtifactStore(farm.settings.artifacts_dir)
    store.verify(build.artifact)
    manifest = store.manifest(build.artifact)
    with tempfile.TemporaryDirectory(prefix="pifarm-build-") as folder:
        for file in manifest.files:
            target = Path(folder) / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(store.blob(file.sha256), target)
        yield Path(folder) / manifest.main


def find_onnx(farm: Farm, model: str, label: str | None) -> BuildView:
    """A build of a model that is an ONNX file, the baseline unless `label` names one.

    Raises `NotFoundError`, and `SpecError` for another format.
    """
    return _find_onnx(get_model(farm.database, model), label)


def _find_onnx(model: ModelView, label: str | None) -> BuildView:
    builds = {build.label: build for build in model.builds}
    if label is not None and label not in builds:
        raise NotFoundError(f"variant: {model.model} has no {label!r}; it has {', '.join(builds)}")
    build = builds[label] if label is not None else next(each for each in model.builds if each.is_baseline)
    if build.format != ModelFormat.ONNX:
        usable = ", ".join(each.label for each in model.builds if each.format == ModelFormat.ONNX)
        raise SpecError(f"variant: expected an ONNX file, {build.label} is {build.format}; there is {usable or 'none'}")
    return build


def _make(
    farm: Farm,
    model: ModelView,
    parent: BuildView,
    source: Path,
    recipe: Recipe,
    examples: _Calibration | None,
    label: str,
) -> Outcome:
    digest = None if examples is None else examples.sha256
    origin = {"parent": parent.artifact, "recipe": recipe.text, "calibration_sha256": digest}
    known = next((build for build in model.builds if build.label == label), None)
    if known is not None and origin.items() <= known.lineage.items():
        return Outcome(recipe=recipe.text, label=label, notes=(*known.lineage["notes"], "it was made before"))
    if known is not None:
        taken = f"{model.model}/{label} exists, and was made otherwise; choose another label with --variant"
        return Outcome(recipe=recipe.text, label=None, refusal=f"{recipe.text}: {taken}")
    with tempfile.TemporaryDirectory(prefix="pifarm-recipe-") as folder:
        answer = _carry_out(recipe, source, Path(folder), examples)
        if "refusal" in answer:
            return Outcome(recipe=recipe.text, label=None, refusal=answer["refusal"])
        how = {"parent_label": parent.label, "tools": answer["tools"], "notes": answer["notes"]}
        try:
            add_model(farm, model.model, [NewBuild(path=Path(answer["main"]), label=label, lineage={**origin, **how})])
        except (ModelError, SpecError) as error:
            return Outcome(recipe=recipe.text, label=None, refusal=str(error))
    return Outcome(recipe=recipe.text, label=label, notes=tuple(answer["notes"]), is_new=True)


def _carry_out(recipe: Recipe, source: Path, folder: Path, examples: _Calibration | None) -> Mapping[str, Any]:
    made, scratch = folder / "made", folder / "scratch"
    made.mkdir()
    scratch.mkdir()  # what a tool leaves behind when it dies goes away with the folder
    command = ["/usr/bin/env", f"TMPDIR={scratch}", *QUIET_PYTHON, "-m", "orchestrator.variants.workshop"]
    command += ["--recipe", recipe.text]
    command += ["--parent", str(source), "--folder", str(made)]
    command += ["--calibration", str(examples.path)] if examples is not None else []
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIME_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"refusal": f"{recipe.text}: it took more than {TIME_LIMIT_S:g} s; {UNABLE}"}
    if done.returncode < 0:
        killer = signal.Signals(-done.returncode).name
        return {"refusal": f"{recipe.text}: its tool was killed by {killer}: it crashed, or memory ran out; {UNABLE}"}
    if done.returncode > 0:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        told = words[-1] if words else "without a word"
        return {"refusal": f"{recipe.text}: its tool ended with exit code {done.returncode}: {told}; {UNABLE}"}
    answer: Mapping[str, Any] = json.loads(done.stdout)
    return answer


def _read_calibration(path: Path) -> _Calibration:
    try:
        with path.open("rb") as file:
            return _Calibration(path=path.resolve(), sha256=file_digest(file, "sha256").hexdigest())
    except OSError as error:
        raise SpecError(f"--calibration {path}: cannot be read: {error.strerror}") from error
