"""Markdown from Python things: tables, docstrings as sentences, types and defaults in words of JSON."""

import dataclasses
import enum
import inspect
import json
import types
import typing
from collections.abc import Iterable, Sequence
from typing import Any

from agent.wire import spec
from agent.wire.codec import encode


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def code(text: object) -> str:
    """A text in the face of code."""
    return f"`{text}`"


def sentence(thing: object, *, whole: bool = True) -> str:
    """A docstring as one line: all of it, or its first paragraph."""
    text = (inspect.getdoc(thing) or "").replace("``", "`")
    return " ".join((text if whole else text.partition("\n\n")[0]).split())


def type_text(hint: Any) -> str:
    """What a field holds, in words of JSON."""
    if hint == spec.Scalar:
        return "scalar"
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return " or ".join("null" if each is types.NoneType else type_text(each) for each in arguments)
    if origin is tuple:
        inner = type_text(arguments[0])
        return f"list of ({inner})" if " or " in inner else f"list of {inner}"
    if origin is not None:
        return f"object of {type_text(arguments[1])}"
    if issubclass(hint, enum.Enum):
        return "one of " + ", ".join(code(member.value) for member in hint)
    return {str: "text", int: "integer", float: "number", bool: "true or false"}.get(hint) or code(hint.__name__)


def default_text(field: "dataclasses.Field[Any]") -> str:
    """What a field is when it is left out."""
    if field.default is not dataclasses.MISSING:
        return code(json.dumps(encode(field.default)))
    if field.default_factory is dataclasses.MISSING:
        return "required"
    made = field.default_factory()
    return "all defaults" if dataclasses.is_dataclass(made) else code(json.dumps(encode(made)))


def fields_of(cls: Any) -> list[tuple[str, str, str]]:
    """Name, type and default of each field of a wire dataclass."""
    hints = typing.get_type_hints(cls)
    return [(code(f.name), type_text(hints[f.name]), default_text(f)) for f in dataclasses.fields(cls)]


def shown(value: object) -> str:
    """A figure or a flag as a cell shows it."""
    if value is None or isinstance(value, bool):
        return {None: "-", True: "yes", False: "no"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
