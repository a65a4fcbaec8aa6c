"""How a variant is named in text: ``MODEL/LABEL@RUNTIME,tN``, and its shortest clear part. Pure.

Runtime options, where there are any, follow as ``,name=value``: two variants that differ in nothing else have
different addresses. A person may leave out whatever the rest makes clear.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote

from agent.wire.spec import Scalar
from orchestrator.errors import NotFoundError, SpecError

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_TEXT = re.compile(
    rf"(?:(?P<model>{_NAME})/)?(?P<label>{_NAME})(?:@(?P<runtime>{_NAME}))?(?:,t(?P<threads>[0-9]+))?"
    r"(?P<options>(?:,[A-Za-z0-9_.-]+=[A-Za-z0-9._~%-]*)*)"
)
_SHOWN = 12
Options = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantAddress:
    """The whole name of a variant; `options` are its runtime options as texts, in order of name."""

    model: str
    label: str
    runtime: str
    threads: int
    options: Options = ()

    @classmethod
    def of(
        cls,
        *,
        model: str,
        label: str,
        runtime: str,
        threads: int,
        options: Mapping[str, Scalar] | None = None,
    ) -> Self:
        """The address of a variant with these runtime options."""
        texts = tuple((name, _option_text(value)) for name, value in sorted((options or {}).items()))
        return cls(model=model, label=label, runtime=runtime, threads=threads, options=texts)

    @classmethod
    def within(cls, model: str, text: str) -> Self:
        """The address of a whole name within its model, ``LABEL@RUNTIME,tN``; raises `SpecError` for a part of one."""
        part = VariantPattern.parse(text)
        if part.runtime is None or part.threads is None:
            raise SpecError(f"variant: expected LABEL@RUNTIME,tN, got {text!r}")
        options = part.options or ()
        return cls(model=model, label=part.label, runtime=part.runtime, threads=part.threads, options=options)

    @property
    def text(self) -> str:
        """The name within its model: ``LABEL@RUNTIME,tN``."""
        return f"{self.label}@{self.runtime},t{self.threads}{_options_text(self.options)}"

    @property
    def full(self) -> str:
        """The whole name: ``MODEL/LABEL@RUNTIME,tN``."""
        return f"{self.model}/{self.text}"

    def shortest(self, among: Iterable["VariantAddress"]) -> str:
        """The shortest text that means this variant and no other one of `among`."""
        others = [address for address in among if address != self]
        clear = (text for text in self._texts() if not any(VariantPattern.parse(text).fits(o) for o in others))
        return min(clear, key=len, default=self.full)

    def _texts(self) -> Iterable[str]:
        runtime, threads = f"@{self.runtime}", f",t{self.threads}"
        for end in ("", threads, runtime, runtime + threads, runtime + threads + _options_text(self.options)):
            yield self.label + end
            yield f"{self.model}/{self.label}{end}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantPattern:
    """A variant as a person names it; a part that is None fits any."""

    model: str | None
    label: str
    runtime: str | None
    threads: int | None
    options: Options | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The pattern of a text; raises `SpecError`."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise SpecError(f"variant: expected MODEL/LABEL@RUNTIME,tN or a clear part of it, got {text!r}")
        threads, options = match["threads"], match["options"]
        return cls(
            model=match["model"],
            label=match["label"],
            runtime=match["runtime"],
            threads=int(threads) if threads is not None else None,
            options=_parsed_options(options) if options else None,
        )

    def fits(self, address: VariantAddress) -> bool:
        """Whether the address is one that this text may mean."""
        parts = ("model", "label", "runtime", "threads", "options")
        return all(getattr(self, part) in (None, getattr(address, part)) for part in parts)


def resolve(text: str, addresses: Iterable[VariantAddress]) -> VariantAddress:
    """The one address that a text means; a whole name wins over parts of others.

    Raises `NotFoundError` that lists what there is, or `SpecError` that lists what it may mean.
    """
    pattern = VariantPattern.parse(text)
    known = sorted(set(addresses), key=lambda address: address.full)
    fitting = [address for address in known if pattern.fits(address)]
    exact = [address for address in fitting if text in (address.full, address.text)]
    if len(exact) == 1 or len(fitting) == 1:
        return (exact if len(exact) == 1 else fitting)[0]
    if not fitting:
        raise NotFoundError(f"variant: {text!r} is unknown; there are {_listed(known)}")
    raise SpecError(f"variant: {text!r} may mean {_listed(fitting)}")


def _listed(addresses: list[VariantAddress]) -> str:
    more = len(addresses) - _SHOWN
    names = ", ".join(address.full for address in addresses[:_SHOWN])
    return (names or "none") + (f" and {more} more" if more > 0 else "")


def _option_text(value: Scalar) -> str:
    return quote(str(value).lower() if isinstance(value, bool) else str(value), safe="")


def _options_text(options: Options) -> str:
    return "".join(f",{name}={value}" for name, value in options)


def _parsed_options(text: str) -> Options:
    pairs = (part.partition("=") for part in text.removeprefix(",").split(","))
    return tuple(sorted((name, value) for name, _, value in pairs))
