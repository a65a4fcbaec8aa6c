"""Strict translation between wire dataclasses and JSON values.

Decoding trusts nothing: an unknown, missing, repeated or mistyped field, a number that is not finite or too large, a
text or list that is too long, a character that no database takes, or a value that a dataclass's own validation refuses
becomes a `WireError` that names the field's path. What `encode` gives can always be decoded: it cuts and mends texts.
"""

import base64
import binascii
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
MAX_TEXT = 4096
MAX_ENTRIES = 1000
MAX_ITEMS = 65_536
MAX_BYTES = 2 * 1024 * 1024
LARGEST_NUMBER = 1e15
INTEGERS = range(-(2**63), 2**63)
_EXCERPT = 80
_CUT = "..."
_PLAIN = frozenset((int, float, bool, type(None)))
_JSON_CONTAINERS = (dict, list)


class WireError(ValueError):
    """A value that does not fit the wire; the message starts with the field's path and is a `storable` text."""

    def __init__(self, message: str) -> None:
        super().__init__(storable(message, most=500))


def require(condition: bool, field: str, expected: str, came: object) -> None:
    """Raise `WireError` naming `field`, what was expected and what came, unless `condition` holds."""
    if not condition:
        raise WireError(f"{field}: expected {expected}, got {excerpt(came)}")


def is_storable(text: str) -> bool:
    """Whether every database and every JSON reader takes the text: no NUL, no half of a surrogate pair."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text))


def storable(text: str, most: int = MAX_TEXT) -> str:
    """The text, at most `most` characters of it, with U+FFFD in place of what `is_storable` refuses."""
    cut = text if len(text) <= most else text[: most - len(_CUT)] + _CUT
    if is_storable(cut):
        return cut
    return "".join("\ufffd" if char == "\0" or "\ud800" <= char <= "\udfff" else char for char in cut)


def excerpt(value: object) -> str:
    """A short text of anything that came, however large or deep it is."""
    if isinstance(value, _JSON_CONTAINERS):
        return f"{type(value).__name__} of {len(value)}"
    if isinstance(value, (str, bytes, tuple)):
        return repr(value[:_EXCERPT])
    return repr(value)[:_EXCERPT]


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text; raises `ValueError` for bad JSON, too deep nesting, NaN, and a key given twice."""
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_refuse_repeated_keys)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def encode(value: object) -> Any:
    """JSON value of a wire dataclass, an enum, or plain data."""
    if type(value) in _PLAIN:  # first, because a journal is mostly numbers
        return value
    if type(value) is str:
        return storable(value)
    if type(value) is bytes:
        return base64.b64encode(value).decode("ascii")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {storable(str(key)): encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    return value


def essence(value: object) -> Any:
    """JSON value of a wire dataclass without the fields that are as when left out; `decode` gives the same value.

    What an older version does not know is not said to it unless it is used, and a hash of it outlives new fields.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = ((field, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {field.name: essence(own) for field, own in fields if own != _left_out(field)}
    if isinstance(value, Mapping):
        return {storable(str(key)): essence(item) for key, item in value.items()}
    return [essence(item) for item in value] if isinstance(value, (list, tuple)) else encode(value)


def dumps(value: object) -> str:
    """Canonical JSON text of a wire value: sorted keys, no spaces, ASCII, no NaN."""
    return json.dumps(encode(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def loads(cls: type[T], text: str | bytes) -> T:
    """The `cls` that a JSON text describes; raises `WireError`."""
    try:
        data = parse_json(text)
    except ValueError as error:
        raise WireError(f"{cls.__name__}: expected JSON, got {excerpt(text)} ({error})") from error
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
        require(len(pairs) <= MAX_ENTRIES, path, f"at most {MAX_ENTRIES} entries", len(pairs))
        return {
            _check_text(key, f"{path}: a name"): _convert(arguments[1], item, f"{path}.{key[:_EXCERPT]}")
            for key, item in pairs.items()
        }
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _convert_enum(hint, data, path)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return decode(hint, data, path)
    return _convert_scalar(hint, data, path)


def _convert_items(arguments: tuple[Any, ...], items: list[Any], path: str) -> list[Any]:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        require(len(items) <= MAX_ITEMS, path, f"at most {MAX_ITEMS} items", len(items))
        if arguments[0] is int and all(type(item) is int for item in items):  # a chunk of inferences: thousands of them
            outside = next((item for item in (min(items, default=0), max(items, default=0)) if item not in INTEGERS), 0)
            require(outside == 0, path, "integers of 64 bits", outside)
            return items
        return [_convert(arguments[0], item, f"{path}[{index}]") for index, item in enumerate(items)]
    require(len(items) == len(arguments), path, f"{len(arguments)} items", len(items))
    return [_convert(hint, item, f"{path}[{i}]") for i, (hint, item) in enumerate(zip(arguments, items, strict=True))]


def _convert_union(arguments: tuple[Any, ...], data: Any, path: str) -> Any:
    if data is None and type(None) in arguments:
        return None
    failure: WireError | None = None
    for hint in arguments:
        if hint is type(None):
            continue
        try:
            return _convert(hint, data, path)
        except WireError as error:
            failure = error
    raise failure or WireError(f"{path}: expected a value, got null")


def _convert_enum(hint: type[enum.Enum], data: Any, path: str) -> enum.Enum:
    try:
        return hint(data)
    except ValueError as error:
        names = ", ".join(str(member.value) for member in hint)
        raise WireError(f"{path}: expected one of {names}, got {excerpt(data)}") from error


def _convert_scalar(hint: Any, data: Any, path: str) -> Any:
    if hint is bytes:
        return _convert_bytes(_expect(str, data, path), path)
    if hint is float and isinstance(data, int) and not isinstance(data, bool):
        require(abs(data) <= LARGEST_NUMBER, path, f"a number within {LARGEST_NUMBER:g}", data)
        return float(data)
    value = _expect(hint, data, path)
    if isinstance(value, str):
        return _check_text(value, path)
    if isinstance(value, float):
        require(math.isfinite(value), path, "a finite number", value)
        require(abs(value) <= LARGEST_NUMBER, path, f"a number within {LARGEST_NUMBER:g}", value)
    elif isinstance(value, int):
        require(value in INTEGERS, path, "an integer of 64 bits", value)
    return value


def _convert_bytes(text: str, path: str) -> bytes:
    most = 4 * MAX_BYTES // 3
    require(len(text) <= most, path, f"at most {most} characters", len(text))
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:  # characters beyond ASCII, too
        raise WireError(f"{path}: expected base64, got {excerpt(text)}") from error


def _check_text(text: str, path: str) -> str:
    require(len(text) <= MAX_TEXT, path, f"at most {MAX_TEXT} characters", len(text))
    require(is_storable(text), path, "a text without NUL and half characters", text)
    return text


def _expect(kind: Any, data: Any, path: str) -> Any:
    if not isinstance(data, kind) or (isinstance(data, bool) and kind is not bool):
        raise WireError(f"{path}: expected {kind.__name__}, got {type(data).__name__}")
    return data


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _left_out(field: "dataclasses.Field[Any]") -> Any:
    """What the field is when left out; something that equals nothing where it has to be given."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))
