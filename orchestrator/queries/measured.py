"""Metrics that boards have shown: what a leaderboard, a report and an export take in place of what was declared.

Of a model on a type of board those count that were scored on its newest data set there, so that variants are compared
by the same examples; of one variant's several scores the one of most examples, then the newest. Threads do not matter
to an answer. What simulated boards have answered stands for simulated boards alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from orchestrator.attending.lifecycle import RunState
from orchestrator.db.accuracy_tables import DatasetRow, ScoreRow
from orchestrator.db.model_tables import BuildRow, VariantRow
from orchestrator.db.tables import DeviceRow, RunRow
from orchestrator.queries.naming import only_given
from orchestrator.queries.rows import MeasuredView

Metrics = Mapping[str, Mapping[str, Any]]
MEASURED = "measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answerer:
    """What answers alike: a build, the runtime and its options, and the type of board."""

    build_id: int
    runtime: str
    options_key: str
    board_type: str
    simulated: bool


def read_measured(session: Session, model_id: int | None = None) -> Mapping[Answerer, Metrics]:
    """The metrics that were measured, each with `value`, `source`, `dataset`, `examples`, and `low` and `high`."""
    query = (
        select(
            BuildRow.id,
            VariantRow.runtime,
            VariantRow.options_key,
            DeviceRow.board_type,
            DeviceRow.simulated,
            BuildRow.model_id,
            DatasetRow.id,
            DatasetRow.name,
            ScoreRow.examples,
            ScoreRow.metrics,
        )
        .join(RunRow, RunRow.id == ScoreRow.run_id)
        .join(DatasetRow, DatasetRow.id == ScoreRow.dataset_id)
        .join(DeviceRow, DeviceRow.id == RunRow.device_id)
        .join(VariantRow, VariantRow.id == RunRow.variant_id)
        .join(BuildRow, BuildRow.id == VariantRow.build_id)
        .where(RunRow.state == RunState.DONE, *only_given((BuildRow.model_id, model_id)))
        .order_by(DatasetRow.id, ScoreRow.examples, ScoreRow.scored_at_s)
    )
    newest: dict[tuple[int, str, bool], int] = {}
    found: dict[Answerer, tuple[int, int, Metrics]] = {}
    for build, runtime, options, board, simulated, model, number, name, examples, metrics in session.execute(query):
        newest[model, board, simulated] = number
        key = Answerer(build_id=build, runtime=runtime, options_key=options, board_type=board, simulated=simulated)
        found[key] = (model, number, facts_of(metrics, name, examples))
    return {
        key: metrics
        for key, (model, number, metrics) in found.items()
        if newest[model, key.board_type, key.simulated] == number
    }


def measured_views(measured: Mapping[Answerer, Metrics], build_id: int) -> tuple[MeasuredView, ...]:
    """What boards have shown of a build, real ones first."""
    own = [answerer for answerer in measured if answerer.build_id == build_id]
    own.sort(key=lambda each: (each.simulated, each.board_type, each.runtime, each.options_key))
    return tuple(
        MeasuredView(board_type=each.board_type, simulated=each.simulated, runtime=each.runtime, metrics=measured[each])
        for each in own
    )


def facts_of(metrics: Mapping[str, Mapping[str, Any]], dataset: str, examples: int) -> Metrics:
    """Stored scores as metrics are shown: each with its source, and what it is of."""
    more = {"source": MEASURED, "dataset": dataset, "examples": examples}
    return {name: {"value": fact["value"], **more, **_interval(fact)} for name, fact in metrics.items()}


def _interval(fact: Mapping[str, Any]) -> Mapping[str, Any]:
    return {} if fact["low"] is None else {"low": fact["low"], "high": fact["high"]}
