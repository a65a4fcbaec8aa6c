"""The tables of accuracy: data sets, what studies ask of them, and how right the answers were.

As in `tables`; apart from it because nothing that measures time reads them.
"""

from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orchestrator.db.clock import now_s
from orchestrator.db.model_tables import ArtifactRow
from orchestrator.db.stored import Base, ShortText


class DatasetRow(Base):
    """A data set: one artifact with its examples, for boards, and one with what is right about them, for the farm."""

    __tablename__ = "datasets"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(ShortText, unique=True)
    kind: Mapped[str] = mapped_column(ShortText)
    artifact_id: Mapped[str] = mapped_column(ForeignKey("artifacts.id"))
    truth_id: Mapped[str] = mapped_column(ForeignKey("artifacts.id"))
    examples: Mapped[int]
    objects: Mapped[int | None]
    classes: Mapped[list[Any]] = mapped_column(default=list)
    created_at_s: Mapped[float] = mapped_column(default=now_s())
    artifact: Mapped[ArtifactRow] = relationship(foreign_keys=artifact_id)


class EvaluationRow(Base):
    """What each run of an accuracy study answers: examples of a data set by number, drawn by a seed, under a task."""

    __tablename__ = "evaluations"

    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"), primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id"))
    task: Mapped[dict[str, Any] | None]
    seed: Mapped[int]
    count: Mapped[int]
    examples: Mapped[list[Any]] = mapped_column(deferred=True)
    dataset: Mapped[DatasetRow] = relationship()


class ScoreRow(Base):
    """How right a run's answers were: `metrics` by name with value and interval, `details` by class and size."""

    __tablename__ = "scores"

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id"), index=True)
    examples: Mapped[int]
    seed: Mapped[int]
    metrics: Mapped[dict[str, Any]]
    details: Mapped[dict[str, Any]] = mapped_column(deferred=True)
    scored_at_s: Mapped[float] = mapped_column(default=now_s())
    dataset: Mapped[DatasetRow] = relationship()
