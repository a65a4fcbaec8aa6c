"""The raw data that figures are drawn from: one run at a time, so that memory does not grow with the study."""

from collections.abc import Iterable, Iterator
from dataclasses import fields

import numpy as np
import numpy.typing as npt
from sqlalchemy import select

from agent.wire.codec import WireError
from agent.wire.spec import Protocol
from orchestrator.analysis.thermal.curve import Soak, soak_from
from orchestrator.analysis.thermal.sweep import Slots
from orchestrator.boards.ambient import AmbientSource
from orchestrator.db.columns import InferenceColumns
from orchestrator.db.session import Database
from orchestrator.db.tables import StudyRow
from orchestrator.protocols import of_run
from orchestrator.queries.account import read_facts
from orchestrator.queries.compare import counted_latencies_ns
from orchestrator.queries.rows import RunView
from orchestrator.queries.runs import get_run, read_columns
from orchestrator.queries.sweep import sweep_slots

Floats = npt.NDArray[np.float64]


def soaks_of(database: Database, runs: Iterable[RunView]) -> Iterator[tuple[RunView, Soak]]:
    """Each run with its soak; runs with too little for one are left out."""
    for run in runs:
        with database.read() as session:
            inferences, telemetry = read_columns(session, run.run)
        stated_c = None if run.ambient_source is AmbientSource.SENSOR else run.ambient_c
        try:
            yield run, soak_from(run.board_type, inferences, telemetry, stated_c)
        except WireError:
            continue


def latencies_of(database: Database, runs: Iterable[RunView], protocol: Protocol) -> Iterator[tuple[RunView, Floats]]:
    """Each run with its counted latencies in milliseconds, (inferences,), of a paced run from the due times."""
    for run in runs:
        with database.read() as session:
            inferences, _ = read_columns(session, run.run)
        latencies = counted_latencies_ns(_window(inferences), protocol, run.samples) / 1e6
        if len(latencies):
            yield run, latencies


def _window(inferences: InferenceColumns) -> InferenceColumns:
    counted = inferences.is_counted
    return InferenceColumns(**{each.name: getattr(inferences, each.name)[counted] for each in fields(InferenceColumns)})


def run_latencies(database: Database, run_id: str) -> Floats:
    """A run's counted latencies in milliseconds, (inferences,), of a paced run from the due times; by its whole id.

    Raises `NotFoundError`.
    """
    run = get_run(database, run_id)
    with database.read() as session:
        protocol = session.scalars(select(StudyRow.protocol).where(StudyRow.id == run.study)).one()
    found = [latency for _, latency in latencies_of(database, [run], of_run(protocol, run.rate_per_s, None))]
    return found[0] if found else np.empty(0)


def slots_of(database: Database, runs: Iterable[RunView]) -> Iterator[tuple[RunView, Slots]]:
    """Each sweep with its slots; what brought none is left out."""
    for run in runs:
        facts = read_facts(database, run.run)
        slots = None if facts is None else sweep_slots(facts)
        if slots is not None:
            yield run, slots
