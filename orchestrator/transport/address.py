"""Where a board listens for SSH: ``user@host[:port]``, IPv6 in brackets."""

import re
from dataclasses import dataclass
from typing import Self

from orchestrator.errors import SpecError

DEFAULT_PORT = 22
_FORM = re.compile(
    r"(?P<user>[^@\s:]+)@"
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|(?P<host>[^@\s:\[\]]+))"
    r"(?::(?P<port>\d+))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SshAddress:
    """A user on a host; `host` has no brackets."""

    user: str
    host: str
    port: int = DEFAULT_PORT

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 65535:
            raise SpecError(f"ssh address: expected a port of 1..65535, got {self.port}")
        if self.user.startswith("-") or self.host.startswith("-"):
            raise SpecError(f"ssh address: a user or host cannot start with '-', got {self.user}@{self.host}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The address that a text names; raises `SpecError`."""
        match = _FORM.fullmatch(text.strip())
        if match is None:
            raise SpecError(f"ssh address: expected user@host[:port] or user@[ipv6][:port], got {text!r}")
        host = match["v6"] or match["host"]
        return cls(user=match["user"], host=host, port=int(match["port"] or DEFAULT_PORT))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}@{host}" + ("" if self.port == DEFAULT_PORT else f":{self.port}")
