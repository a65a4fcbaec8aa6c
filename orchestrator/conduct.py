"""Reads how a study was conducted: everything that `methods_text` speaks of."""

from importlib import metadata

from orchestrator.db.session import Database
from orchestrator.methods_text import Conduct
from orchestrator.methods_trace import trace_of
from orchestrator.queries.rows import StudyView
from orchestrator.queries.study_parts import study_comparisons, study_devices, study_runs, study_terms


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
