"""Makes variants of a model's build by recipes and registers them with their lineage.

Each recipe is carried out in a process of its own, on a copy of the parent; what it made is read as any model that a
user hands over before it is registered.
"""

import contextlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
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
from orchestrator.variants.recipe import OFFERS, Recipe

TIME_LIMIT_S: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a recipe: the label of its variant and what its users should know, or why there is none."""

    recipe: str
    label: str | None
    notes: tuple[str, ...] = ()
    refusal: str = ""


def make_variants(
    farm: Farm,
    model: str,
    recipes: Sequence[Recipe],
    *,
    parent: str | None = None,
    calibration: Path | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> list[Outcome]:
    """Carry out recipes on a build of a model, the baseline unless `parent` names one; one that fails stops no other.

    Raises `NotFoundError`, and `SpecError` for what can be known before anything is made.
    """
    view = get_model(farm.database, model)
    build = _find_onnx(view, parent)
    if calibration is not None and not calibration.is_file():
        raise SpecError(f"--calibration {calibration}: there is no such file")
    for recipe in recipes:
        if OFFERS[recipe.name].needs_calibration and calibration is None:
            raise SpecError(f"--recipe {recipe.name}: needs examples of real inputs; give --calibration FILE.npz")
    outcomes = []
    with unpacked(farm, build) as source:
        for recipe in recipes:
            tell(f"{recipe.text}: making it from {build.label}")
            outcomes.append(_make(farm, view, build, source, recipe, calibration))
    return outcomes


@contextlib.contextmanager
def unpacked(farm: Farm, build: BuildView) -> Iterator[Path]:
    """A build's files under their own names in a folder that goes away again; gives the main one."""
    store = ArtifactStore(farm.settings.artifacts_dir)
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
    farm: Farm, model: ModelView, parent: BuildView, source: Path, recipe: Recipe, calibration: Path | None
) -> Outcome:
    label = recipe.label if parent.is_baseline else f"{parent.label}-{recipe.label}"
    examples = None if calibration is None else sha256(calibration.read_bytes()).hexdigest()
    origin = {"parent": parent.artifact, "recipe": recipe.text, "calibration_sha256": examples}
    known = next((build for build in model.builds if build.label == label), None)
    if known is not None and origin.items() <= known.lineage.items():
        return Outcome(recipe=recipe.text, label=label, notes=(*known.lineage["notes"], "it was made before"))
    with tempfile.TemporaryDirectory(prefix="pifarm-recipe-") as folder:
        answer = _carry_out(recipe, source, Path(folder), calibration)
        if "refusal" in answer:
            return Outcome(recipe=recipe.text, label=None, refusal=answer["refusal"])
        how = {"parent_label": parent.label, "tools": answer["tools"], "notes": answer["notes"]}
        try:
            add_model(farm, model.model, [NewBuild(path=Path(answer["main"]), label=label, lineage={**origin, **how})])
        except (ModelError, SpecError) as error:
            return Outcome(recipe=recipe.text, label=None, refusal=str(error))
    return Outcome(recipe=recipe.text, label=label, notes=tuple(answer["notes"]))


def _carry_out(recipe: Recipe, source: Path, folder: Path, calibration: Path | None) -> Mapping[str, Any]:
    command = [*QUIET_PYTHON, "-m", "orchestrator.variants.workshop", "--recipe", recipe.text]
    command += ["--parent", str(source), "--folder", str(folder)]
    command += ["--calibration", str(calibration.resolve())] if calibration is not None else []
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIME_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"refusal": f"it took more than {TIME_LIMIT_S:g} s"}
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        return {"refusal": f"it ended with exit code {done.returncode}: {words[-1] if words else 'without a word'}"}
    answer: Mapping[str, Any] = json.loads(done.stdout)
    return answer
