"""Models and their builds: which artifact goes by which label, with which declared metrics.

Everything is checked before anything is stored: a command that fails leaves no model, no build and no row behind.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.wire.codec import encode
from agent.wire.names import is_plain_name
from agent.wire.task import Task
from orchestrator.artifacts import ArtifactStore, Manifest
from orchestrator.canary.workload import FILE as CANARY_FILE
from orchestrator.canary.workload import MODEL as CANARY_MODEL
from orchestrator.db.model_tables import ArtifactRow, BuildRow, ModelRow
from orchestrator.errors import SpecError
from orchestrator.farm import Farm
from orchestrator.formats import ModelFile, read_model
from orchestrator.queries.naming import require_known
from orchestrator.transport import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBuild:
    """One file or folder to register under a label, with metrics that its owner declares.

    `lineage` is how the factory made it: parent, recipe, tools; empty for what was handed over.
    """

    path: Path
    label: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    is_baseline: bool = False
    lineage: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not is_plain_name(self.label):
            raise SpecError(
                f"variant: expected letters of a to z, digits, '.', '_' or '-', got {self.label!r};"
                " choose a label with --variant"
            )
        for name, value in self.metrics.items():
            if not is_plain_name(name) or not math.isfinite(value):
                raise SpecError(f"metric: expected NAME=NUMBER, got {name}={value}")


def labels_for(paths: Sequence[Path]) -> list[str]:
    """A label for each path: its name without the ending, with the ending where two would read the same."""
    stems = Counter(path.stem for path in paths)
    return [path.stem if stems[path.stem] == 1 else f"{path.stem}-{path.suffix.lstrip('.')}" for path in paths]


def add_model(
    farm: Farm,
    name: str,
    builds: Sequence[NewBuild],
    progress: Progress | None = None,
    *,
    task: Task | None = None,
    read: Callable[[Path], ModelFile] = read_model,
) -> list[str]:
    """Register builds under a model's name, new or not; returns the labels that are new. Adding the same twice is fine.

    `task` says what the model's outputs mean, in place of what was said before. `read` gives the facts of a path.
    Raises `ModelError` for a file that cannot be used, `SpecError` where a label already means other content.
    """
    if name == CANARY_MODEL and any(build.path != CANARY_FILE for build in builds):
        raise SpecError(f"model: {name} is the farm's own; choose another name")
    if not is_plain_name(name):
        raise SpecError(f"model: expected letters, digits, '.', '_' or '-', got {name!r}")
    if not builds:
        raise SpecError("model add: expected at least one PATH")
    repeated = [label for label, count in Counter(build.label for build in builds).items() if count > 1]
    if repeated:
        raise SpecError(f"variant: {repeated[0]!r} is given twice; name one with --variant")
    facts = [read(build.path) for build in builds]
    store = ArtifactStore(farm.settings.artifacts_dir)
    manifests = [store.add(fact.files, fact.main, progress) for fact in facts]

    def store_rows(session: Session) -> list[str]:
        model = _get_or_add_model(session, name)
        triples = zip(builds, facts, manifests, strict=True)
        added = [build.label for build, fact, manifest in triples if _add_build(session, model, build, fact, manifest)]
        _set_baseline(model, builds)
        if task is not None:
            model.task = encode(task)
        return added

    return farm.database.retried(store_rows)


def set_task(farm: Farm, name: str, task: Task) -> None:
    """Say what a model's outputs mean, in place of what was said before; studies that are queued keep what they had.

    Raises `NotFoundError`.
    """
    with farm.database.write() as session:
        require_known(session, ModelRow.name, name, "model")
        session.scalars(select(ModelRow).where(ModelRow.name == name)).one().task = encode(task)


def _get_or_add_model(session: Session, name: str) -> ModelRow:
    model = session.scalar(select(ModelRow).where(ModelRow.name == name))
    if model is None:
        model = ModelRow(name=name)
        session.add(model)
        session.flush()
    return model


def _add_build(session: Session, model: ModelRow, build: NewBuild, fact: ModelFile, manifest: Manifest) -> bool:
    known = next((row for row in model.builds if row.label == build.label), None)
    metrics = {name: {"value": value, "source": "declared"} for name, value in build.metrics.items()}
    if known is not None:
        if known.artifact_id != manifest.id:
            raise SpecError(
                f"variant: {model.name}/{build.label} exists with other content; choose another label with --variant"
            )
        known.metrics = {**known.metrics, **metrics}
        return False
    if session.get(ArtifactRow, manifest.id) is None:
        session.add(_artifact_row(fact, manifest, build.lineage))
    model.builds.append(BuildRow(label=build.label, artifact_id=manifest.id, metrics=metrics))
    session.flush()
    return True


def _artifact_row(fact: ModelFile, manifest: Manifest, lineage: Mapping[str, Any]) -> ArtifactRow:
    return ArtifactRow(
        id=manifest.id,
        format=str(fact.format),
        size_bytes=manifest.size_bytes,
        manifest=manifest.to_json(),
        facts={
            "inputs": [_tensor(tensor) for tensor in fact.inputs],
            "outputs": [_tensor(tensor) for tensor in fact.outputs],
            "opset": dict(fact.opset),
            "runtimes": list(fact.runtimes),
            "lineage": dict(lineage),
        },
    )


def _tensor(tensor: Any) -> dict[str, Any]:
    return {"name": tensor.name, "dtype": tensor.dtype, "shape": None if tensor.shape is None else list(tensor.shape)}


def _set_baseline(model: ModelRow, builds: Sequence[NewBuild]) -> None:
    """The build marked so is the baseline; a model without one takes its first."""
    marked = next((build.label for build in builds if build.is_baseline), None)
    if marked is None and any(row.is_baseline for row in model.builds):
        return
    for index, row in enumerate(model.builds):
        row.is_baseline = row.label == marked if marked is not None else index == 0
