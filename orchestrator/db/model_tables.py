"""The tables of what is measured: artifacts, models, their builds and variants, and what others published of them.

As in `tables`; a row here says what a thing is, and never how it went.
"""

from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orchestrator.db.clock import now_s
from orchestrator.db.stored import Base, ShortText


class ArtifactRow(Base):
    """An immutable set of files, named by the hash of its manifest; the bytes live in the artifact store."""

    __tablename__ = "artifacts"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    format: Mapped[str] = mapped_column(ShortText)
    size_bytes: Mapped[int]
    manifest: Mapped[dict[str, Any]]
    facts: Mapped[dict[str, Any]]
    created_at_s: Mapped[float] = mapped_column(default=now_s())


class ModelRow(Base):
    """A network, e.g. yolov9-c; `task` is what its inputs and outputs mean (`agent.wire.task.Task`), where told."""

    __tablename__ = "models"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(ShortText, unique=True)
    task: Mapped[dict[str, Any] | None]
    created_at_s: Mapped[float] = mapped_column(default=now_s())
    builds: Mapped[list["BuildRow"]] = relationship(back_populates="model", order_by="BuildRow.id")


class BuildRow(Base):
    """One labelled artifact of a model, with the metrics that were declared for it."""

    __tablename__ = "builds"
    __table_args__ = (UniqueConstraint("model_id", "label"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id"), index=True)
    label: Mapped[str] = mapped_column(ShortText)
    artifact_id: Mapped[str] = mapped_column(ForeignKey("artifacts.id"))
    is_baseline: Mapped[bool] = mapped_column(default=False)
    metrics: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at_s: Mapped[float] = mapped_column(default=now_s())
    model: Mapped[ModelRow] = relationship(back_populates="builds")
    artifact: Mapped[ArtifactRow] = relationship()
    variants: Mapped[list["VariantRow"]] = relationship(back_populates="build")


class VariantRow(Base):
    """A build and how it is run; what a leaderboard row ranks."""

    __tablename__ = "variants"
    __table_args__ = (UniqueConstraint("build_id", "runtime", "threads", "options_key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    build_id: Mapped[int] = mapped_column(ForeignKey("builds.id"), index=True)
    runtime: Mapped[str] = mapped_column(ShortText)
    threads: Mapped[int]
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    options_key: Mapped[str] = mapped_column(ShortText, default="{}")
    build: Mapped[BuildRow] = relationship(back_populates="variants")


class PublishedRow(Base):
    """A result that others published, shown beside the farm's own; `latency_ns` is a mean or a median."""

    __tablename__ = "published"
    __table_args__ = (UniqueConstraint("source", "model", "variant", "runtime"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(ShortText)
    model: Mapped[str] = mapped_column(ShortText)
    variant: Mapped[str] = mapped_column(ShortText)
    runtime: Mapped[str] = mapped_column(ShortText)
    board_type: Mapped[str] = mapped_column(ShortText)
    regime: Mapped[str] = mapped_column(ShortText)
    latency_ns: Mapped[float]
    metrics: Mapped[dict[str, Any]] = mapped_column(default=dict)
    note: Mapped[str] = mapped_column(default="")
    added_at_s: Mapped[float] = mapped_column(default=now_s())
