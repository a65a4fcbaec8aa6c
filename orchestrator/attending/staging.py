"""Brings what a run needs to its board: the agent bundle that the study is pinned to, and the files of its
artifact and of the data set that it answers.

Everything is named by hash and goes over once; a second run of the same variant sends nothing. One call takes about
one slice of time, so that an attendant never holds its lease for the length of an upload.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from orchestrator.artifacts import ArtifactStore, Manifest
from orchestrator.attending.picking import Assignment
from orchestrator.boards.bundle import find_bundle
from orchestrator.config import Settings
from orchestrator.transport import Transport

LEAST_SLICE_S = 0.5


def stage(settings: Settings, transport: Transport, assignment: Assignment, slice_s: float) -> bool:
    """Whether everything is on the board now; False: the slice was over, call again."""
    ends_at_s = time.monotonic() + slice_s
    for source, target, sha256 in _wanted(settings, assignment):
        left_s = max(ends_at_s - time.monotonic(), LEAST_SLICE_S)
        if not transport.push(source, target, sha256=sha256, slice_s=left_s).complete:
            return False
    return True


def _wanted(settings: Settings, assignment: Assignment) -> Iterator[tuple[Path, str, str]]:
    """Source, target and sha256 of each file."""
    bundle = find_bundle(settings.bundles_dir, assignment.bundle_hash)
    yield bundle.path, bundle.target, bundle.sha256
    store = ArtifactStore(settings.artifacts_dir)
    artifacts = {assignment.artifact_id: assignment.manifest}
    if assignment.data is not None:
        artifacts[assignment.data.artifact_id] = assignment.data.manifest
    for artifact_id, manifest in artifacts.items():
        for file in Manifest.from_json(manifest).files:
            yield store.blob(file.sha256), f"artifacts/{artifact_id}/{file.name}", file.sha256
