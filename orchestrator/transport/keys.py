"""The farm's own key pair, and the host keys that boards are pinned to. Knows nothing of connections.

A private key is written whole under another name and linked into place, so that two processes that make one
at the same moment end up with the same pair, and a half-written key never exists under the final name.
"""

import base64
import binascii
import hashlib
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from orchestrator.errors import SpecError

KEY_FILE = "farm_ed25519"
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKey:
    """A board's public host key, as ``ssh-keyscan`` prints it without the host."""

    type: str
    base64: str

    def __post_init__(self) -> None:
        try:
            blob = base64.b64decode(self.base64, validate=True)
        except binascii.Error as error:
            raise SpecError(f"host key: expected base64, got {self.base64[:40]!r}") from error
        name = self.type.encode()
        if not name or not blob.startswith(len(name).to_bytes(4, "big") + name):
            raise SpecError(f"host key: the base64 text is not a key of type {self.type!r}")

    @classmethod
    def parse(cls, line: str) -> Self:
        """The key of a line ``type base64 [comment]``; raises `SpecError`."""
        words = line.split()
        if len(words) < 2:
            raise SpecError(f"host key: expected 'type base64', got {line[:60]!r}")
        return cls(type=words[0], base64=words[1])

    @property
    def fingerprint(self) -> str:
        """The fingerprint as OpenSSH prints it: ``SHA256:...`` without padding."""
        digest = hashlib.sha256(base64.b64decode(self.base64)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    def __str__(self) -> str:
        return f"{self.type} {self.base64}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedKey:
    """What a board's host key must be: the key itself, or only its fingerprint."""

    fingerprint: str
    type: str | None = None

    def __post_init__(self) -> None:
        if _FINGERPRINT.fullmatch(self.fingerprint) is None:
            raise SpecError(f"fingerprint: expected SHA256:<43 base64 characters>, got {self.fingerprint!r}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The pin of a line ``type base64`` or of a text ``SHA256:...``; raises `SpecError`."""
        if len(text.split()) < 2:
            return cls(fingerprint=text.strip().rstrip("="))
        key = HostKey.parse(text)
        return cls(fingerprint=key.fingerprint, type=key.type)


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmKey:
    """The key pair by which every board knows this farm."""

    private_file: Path
    public_line: str

    @classmethod
    def in_folder(cls, folder: Path) -> Self:
        """The pair kept in `folder`, made on first use; raises `SpecError` where the file is unusable."""
        file = folder / KEY_FILE
        if not file.exists():
            _create(file)
        return cls(private_file=file, public_line=_public_line(file))


def _create(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(draft, file)
        except FileExistsError:
            return  # another process was first: its pair counts
    finally:
        draft.unlink()


def _public_line(file: Path) -> str:
    if file.stat().st_mode & 0o077:
        raise SpecError(f"farm key: {file} can be read by others; run: chmod 600 {file}")
    try:
        key = load_ssh_private_key(file.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SpecError(f"farm key: {file} is not an OpenSSH private key without a passphrase") from error
    line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return f"{line} pifarm"
