"""Strict translation between wire dataclasses and JSON values.

Decoding trusts nothing: an unknown, missing or mistyped field, a number that is not finite, or a value that a
dataclass's own validation refuses becomes a `WireError` that names the field's path.
"""

import dataclasses
import enum
import functools
import json
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")
_PLAIN = frozenset((int, float, str, bool, type(None)))


class WireError(ValueError):
    """A value that does not fit the wire; the message starts with the field's path."""


def require(condition: bool, field: str, expected: str, came: object) -> None:
    """Raise `WireError` naming `field`, what was expected and what came, unless `condition` holds."""
    if not condition:
        raise WireError(f"{field}: expected {expected}, got {came!r}")


def encode(value: object) -> Any:
    """JSON value of a wire dataclass, an enum, or plain data."""
    if type(value) in _PLAIN:  # first, because a journal is mostly numbers
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    return value


def dumps(value: object) -> str:
    """Canonical JSON text of a wire value: sorted keys, no spaces, ASCII, no NaN."""
    return json.dumps(encode(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def loads(cls: type[T], text: str | bytes) -> T:
    """The `cls` that a JSON text describes; raises `WireError`."""
    try:
        data = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise WireError(f"{cls.__name__}: expected JSON, got {text[:80]!r}") from error
    return decode(cls, data)


def decode(cls: type[T], data: Any, path: str = "") -> T:
    """The dataclass `cls` that a JSON object describes; raises `WireError` that names the field."""
    where = path or _snake(cls.__name__)
    if not isinstance(data, dict):
        raise WireError(f"{where}: expected an object, got {type(data).__name__}")
    hints = _hints(cls)  # type: ignore[arg-type]  # a class is hashable; T hides it
    known = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]  # T is a dataclass here
    for name in data:
        if name not in known:
            raise WireError(f"{where}.{name}: unknown field")
    values = {}
    for name, field in known.items():
        if name in data:
            values[name] = _convert(hints[name], data[name], f"{where}.{name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise WireError(f"{where}.{name}: missing")
    try:
        return cls(**values)
    except WireError as error:
        raise WireError(f"{where}.{error}") from error


def _convert(hint: Any, data: Any, path: str) -> Any:
    origin = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _convert_union(arguments, data, path)
    if origin is tuple:
        return tuple(_convert_items(arguments, _expect(list, data, path), path))
    if origin in (dict, Mapping):
        pairs = _expect(dict, data, path)
        return {key: _convert(arguments[1], item, f"{path}.{key}") for key, item in pairs.items()}
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _convert_enum(hint, data, path)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return decode(hint, data, path)
    return _convert_scalar(hint, data, path)


def _convert_items(arguments: tuple[Any, ...], items: list[Any], path: str) -> list[Any]:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        if arguments[0] is int and all(type(item) is int for item in items):
            return items  # a chunk of inferences: thousands of them
        return [_convert(arguments[0], item, f"{path}[{index}]") for index, item in enumerate(items)]
    require(len(items) == len(arguments), path, f"{len(arguments)} items", len(items))
    return [_convert(hint, item, f"{path}[{i}]") for i, (hint, item) in enumerate(zip(arguments, items, strict=True))]


def _convert_union(arguments: tuple[Any, ...], data: Any, path: str) -> Any:
    if data is None and type(None) in arguments:
        return None
    failure = WireError(f"{path}: expected a value, got null")
    for hint in arguments:
        if hint is type(None):
            continue
        try:
            return _convert(hint, data, path)
        except WireError as error:
            failure = error
    raise failure


def _convert_enum(hint: type[enum.Enum], data: Any, path: str) -> enum.Enum:
    try:
        return hint(data)
    except ValueError as error:
        names = ", ".join(str(member.value) for member in hint)
        raise WireError(f"{path}: expected one of {names}, got {data!r}") from error


def _convert_scalar(hint: Any, data: Any, path: str) -> Any:
    if hint is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    value = _expect(hint, data, path)
    if isinstance(value, float):
        require(math.isfinite(value), path, "a finite number", value)
    return value


def _expect(kind: Any, data: Any, path: str) -> Any:
    if not isinstance(data, kind) or (isinstance(data, bool) and kind is not bool):
        raise WireError(f"{path}: expected {kind.__name__}, got {type(data).__name__}")
    return data


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))
