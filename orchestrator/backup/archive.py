"""The file of a backup: a gzipped tar whose first member is a manifest with the size and hash of every other.

Reading trusts nothing: only regular files of names that a backup has, each once, of exactly the size and hash that
the manifest gives, and never more than there is room for. Members are written out by us, so no link, owner, mode or
path of the archive has an effect.
"""

import dataclasses
import gzip
import hashlib
import io
import json
import os
import secrets
import shutil
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from orchestrator.backup.contents import is_allowed
from orchestrator.errors import InternalError, SpecError

FORMAT = 1
MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 16 * 1024 * 1024
SPARE_BYTES = 64 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024
_LEVEL = 1  # models and samples are compressed already, or hardly compress


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One file of a backup."""

    sha256: str
    size_bytes: int

    @classmethod
    def of(cls, path: Path) -> "Piece":
        """The piece that a file is."""
        digest, size_bytes = hashlib.sha256(), 0
        with path.open("rb") as file:
            while data := file.read(_PIECE_BYTES):
                digest.update(data)
                size_bytes += len(data)
        return cls(sha256=digest.hexdigest(), size_bytes=size_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds. `revision` is the database's, `pifarm` the version that wrote it."""

    pifarm: str
    farm: str
    revision: str
    created_at_s: float
    pieces: Mapping[str, Piece]
    format: int = FORMAT

    @property
    def size_bytes(self) -> int:
        """What the pieces take once they are unpacked."""
        return sum(piece.size_bytes for piece in self.pieces.values())

    def to_bytes(self) -> bytes:
        """The manifest as it stands in the archive."""
        return json.dumps(dataclasses.asdict(self), indent=1).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Manifest":
        """Reads `to_bytes`; raises `SpecError` for anything else and for a newer format."""
        try:
            document = json.loads(data)
            if document["format"] != FORMAT:
                came = str(document["format"])[:20]
                raise SpecError(f"backup: its format is {came}, this pifarm reads {FORMAT}; update pifarm")
            return _checked(document)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise SpecError(f"backup: {MANIFEST} does not fit: {type(error).__name__}: {error}") from error


def _checked(document: Mapping[str, Any]) -> Manifest:
    pieces = {}
    for name, piece in document["pieces"].items():
        if not is_allowed(name):
            raise ValueError(f"no backup has a piece of the name {name[:80]!r}")
        sha256, size_bytes = piece["sha256"], piece["size_bytes"]
        if not isinstance(size_bytes, int) or size_bytes < 0 or not isinstance(sha256, str):
            raise ValueError(f"{name}: expected a size and a sha256")
        if name.startswith("artifacts/blobs/") and name.removeprefix("artifacts/blobs/") != sha256:
            raise ValueError(f"{name}: its content is not what its name says")
        pieces[name] = Piece(sha256=sha256, size_bytes=size_bytes)
    return Manifest(
        pifarm=str(document["pifarm"]),
        farm=str(document["farm"]),
        revision=str(document["revision"]),
        created_at_s=float(document["created_at_s"]),
        pieces=pieces,
    )


def write_archive(target: Path, manifest: Manifest, files: Mapping[str, Path]) -> None:
    """Write a backup, whole or not at all, for its owner alone (0600). Raises `InternalError` where a file changed."""
    draft = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=_LEVEL, format=tarfile.PAX_FORMAT) as tar:
                _add(tar, MANIFEST, manifest.to_bytes())
                for name, piece in manifest.pieces.items():
                    _add_file(tar, name, piece, files[name])
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o600
    tar.addfile(member, io.BytesIO(data))


def _add_file(tar: tarfile.TarFile, name: str, piece: Piece, path: Path) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = piece.size_bytes, 0o600
    with path.open("rb") as file:
        source = _Hashed(file)
        tar.addfile(member, source)
        if source.digest.hexdigest() != piece.sha256:
            raise InternalError(f"backup: {path} changed while it was read; try again")


class _Hashed(io.BufferedIOBase):
    """A file that is hashed as it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int | None = -1, /) -> bytes:
        data = self._file.read(-1 if size is None else size)
        self.digest.update(data)
        return data


def unpack(source: Path, folder: Path) -> Manifest:
    """Put the pieces of a backup into an empty folder, each checked; raises `SpecError` for whatever is no backup."""
    try:
        with gzip.open(source, "rb") as plain, tarfile.open(fileobj=_Careful(plain), mode="r:") as tar:
            manifest = Manifest.from_bytes(_read_manifest(tar))
            _require_room(manifest, folder)
            missing = set(manifest.pieces)
            while (member := tar.next()) is not None:
                if member.name not in missing or not member.isreg():
                    raise SpecError(f"backup: {member.name[:80]!r} is twice in it, or not in its manifest, or no file")
                missing.remove(member.name)
                _unpack_piece(tar, member, manifest.pieces[member.name], folder / member.name)
    except FileNotFoundError as error:
        raise SpecError(f"backup: {source} does not exist") from error
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise SpecError(f"backup: {source} is damaged, or no backup of a farm: {error}") from error
    if missing:
        raise SpecError(f"backup: {source} is cut off: {len(missing)} pieces are missing, e.g. {sorted(missing)[0]}")
    return manifest


def _read_manifest(tar: tarfile.TarFile) -> bytes:
    member = tar.next()
    if member is None or member.name != MANIFEST or not member.isreg() or member.size > MAX_MANIFEST_BYTES:
        raise SpecError(f"backup: expected {MANIFEST} first; this is no backup of a farm")
    file = tar.extractfile(member)
    assert file is not None
    return file.read()


def _require_room(manifest: Manifest, folder: Path) -> None:
    free_bytes = shutil.disk_usage(folder).free
    if manifest.size_bytes + SPARE_BYTES > free_bytes:
        raise SpecError(f"backup: it needs {manifest.size_bytes} bytes, {folder.parent} has {free_bytes} left")


def _unpack_piece(tar: tarfile.TarFile, member: tarfile.TarInfo, piece: Piece, target: Path) -> None:
    if member.size != piece.size_bytes:
        raise SpecError(f"backup: {member.name}: expected {piece.size_bytes} bytes, got {member.size}")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file, digest = tar.extractfile(member), hashlib.sha256()
    assert file is not None
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        while data := file.read(_PIECE_BYTES):
            digest.update(data)
            out.write(data)
    if digest.hexdigest() != piece.sha256:
        raise SpecError(f"backup: {member.name} is damaged: its sha256 is not the manifest's")


class _Careful(io.BufferedIOBase):
    """A file of which nobody reads much at once: a header that claims gigabytes must not take as much memory."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0 or size > MAX_MANIFEST_BYTES:
            raise SpecError("backup: it has a header that no backup has")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
