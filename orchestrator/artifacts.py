"""The artifact store: model files named by their content, each kept once and never changed.

Between `formats` (which files make a variant) and the transport (which pushes blobs to boards by hash).
Layout under the root: ``blobs/<sha256>``, ``manifests/<artifact id>.json``, ``parts/`` for what is being
written.

Invariants: a blob or manifest appears whole or not at all, is never changed in place, and a manifest appears
after its blobs. Several processes may add at once: they rename equal bytes over each other. Files are read in
pieces of 1 MiB.
"""

import hashlib
import json
import os
import re
import stat
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from agent.wire.names import is_relative_name
from orchestrator.errors import InternalError, NotFoundError, SpecError

CHUNK_BYTES: Final = 1024 * 1024
ABANDONED_AFTER_S: Final = 24 * 3600
LONGEST_PART_BYTES: Final = 255
_SHA256: Final = re.compile(r"[0-9a-f]{64}")

Progress = Callable[[int, int], None]
"""Told of each piece that was stored: bytes so far, bytes in all."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ArtifactFile:
    """One file of an artifact: where it lies in the artifact's folder, and what is in it."""

    name: str
    sha256: str
    size_bytes: int

    def __post_init__(self) -> None:
        _check_name(self.name)
        if not _SHA256.fullmatch(self.sha256):
            raise SpecError(f"{self.name}: sha256: expected 64 hexadecimal digits, got {self.sha256!r}")
        if self.size_bytes < 0:
            raise SpecError(f"{self.name}: size_bytes: expected 0 or more, got {self.size_bytes}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An artifact: its files in order of name, and which of them a runtime loads.

    The order in which files are given does not matter. `id` is the sha256 of `to_bytes()`.
    """

    main: str
    files: tuple[ArtifactFile, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", tuple(sorted(self.files)))
        _check_names(self.main, [file.name for file in self.files])

    @property
    def id(self) -> str:
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    def to_json(self) -> dict[str, Any]:
        """The manifest as a JSON document; `from_json` reads it back."""
        files = [{"name": f.name, "sha256": f.sha256, "size_bytes": f.size_bytes} for f in self.files]
        return {"files": files, "main": self.main}

    def to_bytes(self) -> bytes:
        """The canonical JSON, UTF-8: keys and files sorted, no spaces."""
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Manifest":
        """Reads `to_json`; raises `SpecError` for anything else."""
        match document:
            case {"main": str(main), "files": list(entries), **more} if not more:
                return cls(main=main, files=tuple(_read_entry(entry) for entry in entries))
        raise SpecError(f"manifest: expected an object of main and files, got {str(document)[:80]!r}")


def _read_entry(entry: object) -> ArtifactFile:
    match entry:
        case {"name": str(name), "sha256": str(sha256), "size_bytes": int(size_bytes), **more} if (
            not more and not isinstance(size_bytes, bool)
        ):
            return ArtifactFile(name=name, sha256=sha256, size_bytes=size_bytes)
    raise SpecError(f"manifest.files: expected objects of name, sha256 and size_bytes, got {str(entry)[:80]!r}")


def _check_name(name: str) -> None:
    is_short = all(len(part.encode(errors="replace")) <= LONGEST_PART_BYTES for part in name.split("/"))
    if not (is_relative_name(name) and is_short):
        raise SpecError(f"artifact file: expected a relative name of printable parts, without '..', got {name!r}")


def _check_names(main: str, names: Iterable[str]) -> None:
    """Names that can lie in one folder together, `main` among them."""
    counts = Counter(list(names))
    for name, count in counts.items():
        _check_name(name)
        if count > 1:
            raise SpecError(f"artifact: expected each name once, got {name!r} {count} times")
        folders = name.split("/")[:-1]
        inner = ["/".join(folders[: depth + 1]) for depth in range(len(folders))]
        if clash := counts.keys() & set(inner):
            raise SpecError(f"artifact: {clash.pop()!r} is a file, but also the folder of {name!r}")
    if main not in counts:
        raise SpecError(f"artifact: expected the main file among its files, got {main!r}")


class ArtifactStore:
    """The store under one folder, on one file system.

    *Lifecycle*: opened by naming it; nothing to close. Folders are made at need, for their owner alone
    (0700); blobs and manifests are read-only (0400). What a killed process left in ``parts/`` is removed by
    an `add` a day later.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(self, files: Mapping[str, Path], main: str, progress: Progress | None = None) -> Manifest:
        """Stores files under their relative names; returns their manifest. Adding them again changes nothing.

        Also mends: a damaged blob is replaced by the content that is added. Raises `SpecError` for a bad name
        or for a source that cannot be read, `InternalError` where the store cannot be written.
        """
        _check_names(main, files)
        total_bytes, done_bytes = sum(_size_bytes(source) for source in files.values()), 0

        def report(piece: bytes) -> None:
            nonlocal done_bytes
            done_bytes += len(piece)
            if progress is not None:
                progress(done_bytes, total_bytes)

        entries = [self._add_file(name, source, report) for name, source in files.items()]
        manifest = Manifest(main=main, files=tuple(entries))
        self._write([manifest.to_bytes()], self._manifest_path)
        return manifest

    def manifest(self, artifact_id: str) -> Manifest:
        """What the artifact consists of; raises `NotFoundError` for an id that was never added."""
        path = self._existing(self._manifest_path(_checked_hash(artifact_id)), f"artifact {artifact_id}")
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != artifact_id:
            raise InternalError(f"artifact {artifact_id}: {path} is damaged; add the model again")
        return Manifest.from_json(json.loads(content))

    def blob(self, sha256: str) -> Path:
        """The read-only file with this content; raises `NotFoundError` where there is none."""
        return self._existing(self._blob_path(_checked_hash(sha256)), f"blob {sha256}")

    def verify(self, artifact_id: str) -> None:
        """Reads all of an artifact; raises `InternalError` naming the first missing or damaged file."""
        for file in self.manifest(artifact_id).files:
            path = self._blob_path(file.sha256)
            got = _hash(path) if path.is_file() else "no file"
            if got != file.sha256:
                raise InternalError(
                    f"artifact {artifact_id}: {file.name} is damaged: expected sha256 {file.sha256},"
                    f" got {got}; add the model again"
                )

    def _add_file(self, name: str, source: Path, report: Callable[[bytes], None]) -> ArtifactFile:
        sha256, size_bytes = self._write(_pieces(source), self._blob_path, report)
        return ArtifactFile(name=name, sha256=sha256, size_bytes=size_bytes)

    def _write(
        self,
        pieces: Iterable[bytes],
        place: Callable[[str], Path],
        report: Callable[[bytes], None] = lambda piece: None,
    ) -> tuple[str, int]:
        """Streams a file to where its hash belongs, durably; returns the hash and the size."""
        digest, size_bytes = hashlib.sha256(), 0
        with self._part() as (part, file):
            for piece in pieces:
                digest.update(piece)
                size_bytes += len(piece)
                file.write(piece)
                report(piece)
            file.flush()
            os.fchmod(file.fileno(), 0o400)
            os.fsync(file.fileno())
            target = place(digest.hexdigest())
            _make_folder(target.parent)
            part.replace(target)
            _sync_folder(target.parent)
        return digest.hexdigest(), size_bytes

    @contextmanager
    def _part(self) -> Iterator[tuple[Path, BinaryIO]]:
        """A new file in ``parts/``, removed at the end unless renamed; translates the system's refusals."""
        folder = self.root / "parts"
        try:
            _make_folder(folder)
            descriptor, name = tempfile.mkstemp(suffix=".part", dir=folder)
            part = Path(name)
            with os.fdopen(descriptor, "wb") as file:
                try:
                    _remove_abandoned_parts(folder, now_s=part.stat().st_mtime)
                    yield part, file
                finally:
                    part.unlink(missing_ok=True)
        except OSError as error:
            raise InternalError(f"artifact store {self.root}: cannot be written: {error}") from error

    def _blob_path(self, sha256: str) -> Path:
        return self.root / "blobs" / sha256

    def _manifest_path(self, artifact_id: str) -> Path:
        return self.root / "manifests" / f"{artifact_id}.json"

    def _existing(self, path: Path, what: str) -> Path:
        if not path.is_file():
            raise NotFoundError(f"{what}: is not in the artifact store {self.root}; add the model first")
        return path


def _checked_hash(text: str) -> str:
    if not _SHA256.fullmatch(text):
        raise SpecError(f"artifact store: expected 64 hexadecimal digits, got {text!r}")
    return text


def _size_bytes(source: Path) -> int:
    try:
        facts = source.stat()
    except OSError as error:
        raise SpecError(f"{source}: cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(facts.st_mode):
        raise SpecError(f"{source}: expected a regular file")
    return facts.st_size


def _pieces(source: Path) -> Iterator[bytes]:
    try:
        with source.open("rb") as file:
            while piece := file.read(CHUNK_BYTES):
                yield piece
    except OSError as error:
        raise SpecError(f"{source}: cannot be read: {error.strerror}") from error


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    for piece in _pieces(path):
        digest.update(piece)
    return digest.hexdigest()


def _make_folder(folder: Path) -> None:
    """The folder and its parent, the store's root, for their owner alone."""
    for path in (folder.parent, folder):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)


def _sync_folder(folder: Path) -> None:
    """Makes a rename in this folder survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_abandoned_parts(folder: Path, now_s: float) -> None:
    """Removes parts not written to for a day: their process was killed. `now_s`: the file system's clock."""
    for part in folder.glob("*.part"):
        try:
            if now_s - part.stat().st_mtime > ABANDONED_AFTER_S:
                part.unlink()
        except FileNotFoundError:
            continue  # another process has just finished or removed it
