"""How Python's types are stored: the common ground of all tables, with names of constraints that migrations rely on."""

import enum
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Boolean, Double, Enum, Integer, LargeBinary, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase

from orchestrator.attending.lifecycle import AttemptState, DeviceState, RunState, StudyKind, StudyState, Verdict
from orchestrator.boards.ambient import AmbientSource

BigInt = BigInteger().with_variant(Integer, "sqlite")
ShortText = String(200)


def stored_enum(cls: type[enum.Enum]) -> Enum:
    """An enum stored as its value's text, so that a database stays readable and a new member needs no type change."""
    return Enum(
        cls,
        native_enum=False,
        length=24,
        values_callable=lambda e: [m.value for m in e],
        create_constraint=False,
    )


class Base(DeclarativeBase):
    """Common metadata: constraint names that migrations can rely on, and how Python types are stored."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {
        int: BigInt,
        float: Double(),
        str: Text(),
        bool: Boolean(),
        bytes: LargeBinary(),
        dict[str, Any]: JSON(none_as_null=True),
        list[Any]: JSON(none_as_null=True),
        DeviceState: stored_enum(DeviceState),
        StudyKind: stored_enum(StudyKind),
        StudyState: stored_enum(StudyState),
        RunState: stored_enum(RunState),
        AttemptState: stored_enum(AttemptState),
        Verdict: stored_enum(Verdict),
        AmbientSource: stored_enum(AmbientSource),
    }
