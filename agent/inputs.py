"""Seeded input tensors from a model's signature, with realistic statistics instead of zeros.

Law: the same seed, name, shape and dtype give the same tensor on every board. What the signature leaves open is never
guessed silently: a batch axis is 1, anything else has to be given, and the shape that was used is in the journal.
Values: floats are standard normal; uint8 is a full-range image; other integers are 0..9, safe as an index into any
table worth the name, but masks are all ones and type ids all zeros; booleans are a fair coin, masks all true.
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from agent.errors import RunFault
from agent.runtimes import Signature
from agent.wire.spec import Inputs

Tensor = np.ndarray[Any, np.dtype[Any]]
_BATCH = re.compile(r"(?i)^(|n|b|bs|.*batch.*|unk.*|none|\?|dim_?\d*|dynamic.*)$")
_MASK = re.compile(r"(?i)mask")
_ZEROS = re.compile(r"(?i)token_type|segment_ids")
_FLOATS = ("float16", "float32", "float64")
_INTEGERS = ("int8", "int16", "int32", "int64", "uint16", "uint32", "uint64")
_KINDS = (*_FLOATS, "uint8", *_INTEGERS, "bool")
_TEXT = ("string", "bytes")
_OTHER_TYPES = "export the model with tensors of these as its inputs"
_NO_TEXT = "export the model without what makes numbers of text"
_SMALL = 10
_MAX_BYTES = 2**31


def invent_inputs(signatures: Sequence[Signature], wanted: Inputs) -> dict[str, Tensor]:
    """A tensor for every input; raises `RunFault` that names the input and the option that helps."""
    names = [signature.name for signature in signatures]
    for name in wanted.shapes:
        if name not in names:
            raise RunFault(
                "unknown_input", f"inputs.shapes.{name}: the model has no such input, it has {', '.join(names)}"
            )
    require_possible(signatures)
    return {signature.name: _invent(signature, wanted) for signature in signatures}


def require_possible(signatures: Sequence[Signature]) -> None:
    """Nothing, where a tensor can be invented for every input; raises `RunFault` that names the first that is none."""
    for signature in signatures:
        if signature.dtype not in _KINDS:
            remedy = _NO_TEXT if signature.dtype in _TEXT else _OTHER_TYPES
            raise RunFault(
                "unknown_input",
                f"input {signature.name}: cannot invent {signature.dtype}, only {', '.join(_KINDS)}; {remedy}",
            )
        if signature.shape is not None and 0 in signature.shape:
            raise RunFault(
                "unknown_input",
                f"input {signature.name}: its shape is {list(signature.shape)}, which holds nothing to infer from; "
                "export the model with a size, or with an open axis, in place of 0",
            )


def resolve_shape(signature: Signature, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """The shape to feed: as given, else as declared with a batch of 1; raises `RunFault`."""
    given = shapes.get(signature.name)
    if given is not None:
        return _checked(signature, given)
    if signature.shape is None:
        raise RunFault(
            "unknown_input",
            f"input {signature.name}: the model does not say its shape; give it, "
            f"for example --shape {signature.name}=1,3,640,640",
        )
    return tuple(_size(signature, axis, size) for axis, size in enumerate(signature.shape))


def _size(signature: Signature, axis: int, size: int | str | None) -> int:
    if isinstance(size, int) and size >= 1:
        return size
    if axis == 0 and (not isinstance(size, str) or _BATCH.match(size)):
        return 1
    declared = signature.shape or ()
    example = ",".join(str(s) if isinstance(s, int) and s >= 1 else "1" for s in declared)
    raise RunFault(
        "unknown_input",
        f"input {signature.name}: the model leaves axis {axis} ({size or 'unnamed'}) of {list(declared)} open; "
        f"give its shape, for example --shape {signature.name}={example}",
    )


def _checked(signature: Signature, given: tuple[int, ...]) -> tuple[int, ...]:
    if signature.shape is None:
        return given
    fits = len(given) == len(signature.shape) and all(
        not isinstance(declared, int) or declared < 1 or declared == size
        for declared, size in zip(signature.shape, given, strict=True)
    )
    if not fits:
        raise RunFault(
            "unknown_input",
            f"inputs.shapes.{signature.name}: expected a shape like {list(signature.shape)}, got {list(given)}",
        )
    return given


def _invent(signature: Signature, wanted: Inputs) -> Tensor:
    shape = resolve_shape(signature, wanted.shapes)
    if int(np.prod(shape, dtype=np.float64)) * 8 > _MAX_BYTES:
        raise RunFault("unknown_input", f"input {signature.name}: {list(shape)} is more than {_MAX_BYTES} bytes")
    generator = np.random.Generator(np.random.PCG64([wanted.seed, zlib.crc32(signature.name.encode())]))
    return _values(signature, shape, generator)


def _values(signature: Signature, shape: tuple[int, ...], generator: np.random.Generator) -> Tensor:
    name, dtype = signature.name, signature.dtype
    if dtype in _FLOATS:
        return generator.standard_normal(shape).astype(dtype)
    if dtype == "uint8":
        return generator.integers(0, 256, shape, dtype=np.uint8)
    if dtype in _INTEGERS:
        if _MASK.search(name) or _ZEROS.search(name):
            return np.full(shape, 1 if _MASK.search(name) else 0, dtype=dtype)
        return generator.integers(0, _SMALL, shape).astype(dtype)
    return np.ones(shape, dtype=bool) if _MASK.search(name) else generator.random(shape) < 0.5
