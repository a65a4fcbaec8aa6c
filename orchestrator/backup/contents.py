"""Which pieces of a state home belong into a backup. The names in an archive are these, and no other is accepted."""

import re
from collections.abc import Iterator
from pathlib import Path

from orchestrator.config import SETTINGS_FILE, Settings

DATABASE = "database"
KEYS = "keys"
_PLAIN = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_ALLOWED = re.compile(
    rf"{DATABASE}/[a-z_]{{1,63}}\.jsonl|{KEYS}/{_PLAIN}|artifacts/blobs/[0-9a-f]{{64}}|artifacts/manifests/[0-9a-f]{{64}}\.json"
    rf"|bundles/[0-9a-f]{{1,64}}\.pyz|{re.escape(SETTINGS_FILE)}"
)
REPLACED = ("artifacts", "bundles", KEYS, "wheels", "broker")
"""Folders of a state home that make room for a restored farm; wheels and messages are only a cache."""


def is_allowed(name: str) -> bool:
    """Whether a piece of an archive may have this name; none can lead out of the folder that it is put into."""
    return _ALLOWED.fullmatch(name) is not None


def pieces_of(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Name and file of each piece but the database's, in order of name."""
    for folder in ("artifacts/blobs", "artifacts/manifests", "bundles", KEYS):
        for path in sorted((settings.home / folder).glob("*")):
            if path.is_file() and is_allowed(name := f"{folder}/{path.name}"):
                yield name, path
    if settings.file.is_file():
        yield SETTINGS_FILE, settings.file


def is_occupied(settings: Settings) -> bool:
    """Whether a state home holds anything that a restore would replace, its database apart."""
    return any(any((settings.home / name).glob("*")) for name in REPLACED if name != "broker")
