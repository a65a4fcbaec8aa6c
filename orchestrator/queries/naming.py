"""Names on the way in and out of the read door: variants as texts, and an error that lists what there is."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from orchestrator.addresses import VariantAddress
from orchestrator.errors import NotFoundError

_SHOWN = 12


def variant_text(label: str, runtime: str, threads: int, options: Mapping[str, Any]) -> str:
    """A variant's address within its model."""
    return VariantAddress.of(model="", label=label, runtime=runtime, threads=threads, options=options).text


def require_known(session: Session, column: InstrumentedAttribute[Any], value: object | None, noun: str) -> None:
    """Raise `NotFoundError` that lists what there is, unless some row's `column` is `value`; None is not looked up."""
    if value is None or session.scalar(select(column).where(column == value).limit(1)) is not None:
        return
    known = session.scalars(select(column).order_by(column.desc()).limit(_SHOWN + 1)).all()
    raise NotFoundError(f"{noun}: {value!r} is unknown; there are {listed(known)}")


def listed(names: Iterable[object]) -> str:
    """Some names as text, or what to say when there are none."""
    texts = [str(name) for name in names]
    return ", ".join(texts[:_SHOWN]) + (", ..." if len(texts) > _SHOWN else "") if texts else "none"


def only_given(*pairs: tuple[InstrumentedAttribute[Any], object | None]) -> list[ColumnElement[bool]]:
    """Conditions `column == value` for the values that are given."""
    return [column == value for column, value in pairs if value is not None]
