"""Variants as the rows of a ranking speak of them: addresses, size, metrics. A fixed number of statements."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager, joinedload

from orchestrator.addresses import VariantAddress
from orchestrator.db.model_tables import ArtifactRow, BuildRow, ModelRow, VariantRow
from orchestrator.queries.naming import only_given


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedVariant:
    """A variant as its row shows it; `metrics` are declared, or as boards of the group's type have shown them.

    `name` and `full` are the address within its model and beyond, made once: thousands of runs speak of them.
    """

    id: int
    build_id: int
    options_key: str
    address: VariantAddress
    name: str
    full: str
    format: str
    size_bytes: int
    is_baseline: bool
    metrics: Mapping[str, Mapping[str, Any]]


def known_addresses(session: Session) -> set[VariantAddress]:
    """The addresses of all variants, measured or not."""
    return {variant.address for variant in read_variants(session, model=None).values()}


def read_variants(session: Session, *, model: str | None) -> dict[int, RankedVariant]:
    """The variants of a model, or of all, by id."""
    build, artifact = contains_eager(VariantRow.build), joinedload(BuildRow.artifact)
    query = (
        select(VariantRow)
        .join(VariantRow.build)
        .join(BuildRow.model)
        .options(build.contains_eager(BuildRow.model))
        .options(build.options(artifact.load_only(ArtifactRow.format, ArtifactRow.size_bytes)))
        .where(*only_given((ModelRow.name, model)))
    )
    return {row.id: _variant(row) for row in session.scalars(query)}


def _variant(row: VariantRow) -> RankedVariant:
    address = VariantAddress.of(
        model=row.build.model.name,
        label=row.build.label,
        runtime=row.runtime,
        threads=row.threads,
        options=row.options,
    )
    return RankedVariant(
        id=row.id,
        build_id=row.build_id,
        options_key=row.options_key,
        address=address,
        name=address.text,
        full=address.full,
        format=row.build.artifact.format,
        size_bytes=row.build.artifact.size_bytes,
        is_baseline=row.build.is_baseline,
        metrics=row.build.metrics,
    )
