"""The farm's data sets: checked, packed once for all boards, and kept by content; a name stands for one content.

Everything is checked before anything is stored. Boards get the packed examples, never what is right about them.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.wire.names import is_plain_name
from orchestrator.analysis.accuracy.truth import Truth
from orchestrator.artifacts import ArtifactStore, Manifest
from orchestrator.datasets.packing import Progress
from orchestrator.datasets.reading import DatasetKind, ReadSet, read_dataset
from orchestrator.datasets.truth_file import Known, read_truth, write_truth
from orchestrator.db.accuracy_tables import DatasetRow
from orchestrator.db.model_tables import ArtifactRow
from orchestrator.errors import NotFoundError, SpecError
from orchestrator.farm import Farm

EXAMPLES_FILE: Final = "set.npz"
TRUTH_FILE: Final = "truth.json"
MOST_EXAMPLES: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedDataset:
    """What was added; not `is_new` where the same content was there under this name."""

    kind: DatasetKind
    examples: int
    is_new: bool


def add_dataset(
    farm: Farm, name: str, path: Path, kind: DatasetKind | None = None, progress: Progress | None = None
) -> AddedDataset:
    """Register a data set under a name; adding the same again changes nothing. `progress` is told of each example.

    Raises `SpecError` for what cannot be used, and where the name already means other content.
    """
    if not is_plain_name(name):
        raise SpecError(f"data set: expected letters, digits, '.', '_' or '-', got {name!r}")
    found = read_dataset(path, kind)
    examples = len(numbers_of(found.truth))
    if examples > MOST_EXAMPLES:
        raise SpecError(f"{path}: expected at most {MOST_EXAMPLES} examples, got {examples}")
    store = ArtifactStore(farm.settings.artifacts_dir)
    with tempfile.TemporaryDirectory(prefix=".dataset-", dir=farm.settings.home) as folder:
        packed, truth = Path(folder) / EXAMPLES_FILE, Path(folder) / TRUTH_FILE
        found.pack(packed, progress)
        write_truth(found.truth, truth)
        manifests = (store.add({EXAMPLES_FILE: packed}, EXAMPLES_FILE), store.add({TRUTH_FILE: truth}, TRUTH_FILE))
    is_new = farm.database.retried(lambda session: _store(session, name, found, *manifests))
    return AddedDataset(kind=found.kind, examples=examples, is_new=is_new)


def find_dataset(session: Session, name: str) -> DatasetRow:
    """The data set of a name; raises `NotFoundError` that lists what there is."""
    row = session.scalar(select(DatasetRow).where(DatasetRow.name == name))
    if row is None:
        known = ", ".join(session.scalars(select(DatasetRow.name).order_by(DatasetRow.name)))
        raise NotFoundError(
            f"data set: {name!r} is unknown; there are {known or 'none: pifarm dataset add NAME FOLDER'}"
        )
    return row


def truth_of(farm: Farm, dataset: DatasetRow) -> Known:
    """What is right about a data set."""
    store = ArtifactStore(farm.settings.artifacts_dir)
    (file,) = store.manifest(dataset.truth_id).files
    return read_truth(store.blob(file.sha256))


def numbers_of(truth: Known) -> tuple[int, ...]:
    """The numbers of all examples."""
    return tuple(truth.sizes if isinstance(truth, Truth) else truth.by_example)


def _store(session: Session, name: str, found: ReadSet, examples: Manifest, right: Manifest) -> bool:
    known = session.scalar(select(DatasetRow).where(DatasetRow.name == name))
    if known is not None:
        if (known.artifact_id, known.truth_id) != (examples.id, right.id):
            raise SpecError(f"data set: {name} exists with other content; choose another name")
        return False
    for manifest, form in ((examples, "dataset"), (right, "truth")):
        if session.get(ArtifactRow, manifest.id) is None:
            session.add(
                ArtifactRow(
                    id=manifest.id, format=form, size_bytes=manifest.size_bytes, manifest=manifest.to_json(), facts={}
                )
            )
    session.flush()
    truth = found.truth
    session.add(
        DatasetRow(
            name=name,
            kind=found.kind.value,
            artifact_id=examples.id,
            truth_id=right.id,
            examples=len(numbers_of(truth)),
            objects=len(truth.objects) if isinstance(truth, Truth) else None,
            classes=list(truth.categories.values() if isinstance(truth, Truth) else truth.classes),
        )
    )
    return True
