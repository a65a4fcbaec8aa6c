"""Which texts are safe as names: of runs, farms and protocols, of files, of what is called by its hash."""

import re

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_HEX = re.compile(r"[0-9a-f]{8,64}")


def is_plain_name(text: str) -> bool:
    """Whether a text is safe as one path component on any board."""
    return _NAME.fullmatch(text) is not None


def is_relative_name(text: str) -> bool:
    """Whether a text is a relative path of printable names, without a way out of its folder."""
    parts = text.split("/")
    return text.isprintable() and "\\" not in text and all(part not in ("", ".", "..") for part in parts)


def is_hash(text: str) -> bool:
    """Whether a text is a hexadecimal hash, or the beginning of one."""
    return _HEX.fullmatch(text) is not None
