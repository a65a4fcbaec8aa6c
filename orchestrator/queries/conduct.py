"""How a study was conducted: all that the words on its methods are made from (`text/methods_text.py`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata

from orchestrator.db.session import Database
from orchestrator.queries.rows import DeviceView, StudyView
from orchestrator.queries.study_parts import (
    GroupPair,
    Terms,
    study_comparisons,
    study_devices,
    study_runs,
    study_terms,
)
from orchestrator.queries.traces import Trace, trace_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """Terms, devices, runs and comparisons of a study; `version` is that of pifarm."""

    study: StudyView
    terms: Terms
    devices: Sequence[DeviceView]
    traces: Sequence[Trace]
    pairs: Sequence[GroupPair]
    version: str


def read_conduct(database: Database, study: StudyView) -> Conduct:
    """How a study was conducted, over all of its runs; raises `NotFoundError`."""
    return Conduct(
        study=study,
        terms=study_terms(database, study.study),
        devices=study_devices(database, study),
        traces=[trace_of(run) for run in study_runs(database, study)],
        pairs=study_comparisons(database, study.study),
        version=metadata.version("pifarm"),
    )
