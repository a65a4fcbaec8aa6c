"""Brings what a run needs to its board: the agent bundle that the study is pinned to, and the artifact's files.

Everything is named by hash and goes over once; a second run of the same variant sends nothing. One call takes about
one slice of time, so that an attendant never holds its lease for the length of an upload.
"""

import time

from orchestrator.artifacts import ArtifactStore, Manifest
from orchestrator.attempts import Assignment
from orchestrator.board import Board
from orchestrator.farm import Farm


def stage(farm: Farm, board: Board, assignment: Assignment, slice_s: float) -> bool:
    """Whether everything is on the board now; False: the slice was over, call again."""
    ends_at_s = time.monotonic() + slice_s
    board.use_bundle(farm.settings.bundles_dir, assignment.bundle_hash)
    store = ArtifactStore(farm.settings.artifacts_dir)
    manifest = Manifest.from_json(assignment.manifest)
    for file in manifest.files:
        left_s = max(ends_at_s - time.monotonic(), 0.5)
        target = f"artifacts/{assignment.artifact_id}/{file.name}"
        if not board.transport.push(store.blob(file.sha256), target, sha256=file.sha256, slice_s=left_s).complete:
            return False
    return True
