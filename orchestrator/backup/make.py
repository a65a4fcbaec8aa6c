"""Writes a backup while the farm works: the database as it is at one moment, then the files that it speaks of.

In this order, because files are stored before rows that name them and never changed: every file that the database of
that moment needs is there.
"""

import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from orchestrator.backup.archive import Manifest, Piece, write_archive
from orchestrator.backup.contents import DATABASE, pieces_of
from orchestrator.db.dump import dump_rows
from orchestrator.db.migrate import current_revision
from orchestrator.errors import InternalError, SpecError
from orchestrator.farm import Farm

_NAME = "pifarm-{stamp}.tar.gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup that was written; `removed` are older ones that made room for it."""

    path: Path
    manifest: Manifest
    removed: tuple[Path, ...] = ()


def back_up(farm: Farm, target: Path, *, keep: int | None = None) -> Backup:
    """Write a backup into a new file, or under a name with the time into a folder, of which `keep` stay there.

    Raises `SpecError` where the file exists or cannot be.
    """
    if keep is not None and not target.is_dir():
        what = "a file" if target.exists() else "nothing: make the folder first"
        raise SpecError(f"--keep: expected a folder for backups, {target} is {what}")
    path = target / _NAME.format(stamp=time.strftime("%Y%m%d-%H%M%S")) if target.is_dir() else target
    if path.exists():
        raise SpecError(f"backup: {path} exists already; name another file")
    try:
        with tempfile.TemporaryDirectory(prefix=".pifarm-backup-", dir=path.parent) as rows:
            manifest = _write(farm, path, Path(rows))
    except OSError as error:
        raise SpecError(f"backup: cannot write {path}: {error}") from error
    return Backup(path=path, manifest=manifest, removed=tuple(_remove_older(target, keep)))


def _write(farm: Farm, path: Path, rows: Path) -> Manifest:
    revision = current_revision(farm.database)
    if revision is None:
        raise InternalError("backup: the database is at no revision")
    files = {f"{DATABASE}/{file.name}": file for file in dump_rows(farm.database, rows)}
    files |= dict(pieces_of(farm.settings))
    manifest = Manifest(
        pifarm=version("pifarm"),
        farm=farm.farm_id,
        revision=revision,
        created_at_s=time.time(),
        pieces={name: Piece.of(file) for name, file in files.items()},
    )
    write_archive(path, manifest, files)
    return manifest


def _remove_older(folder: Path, keep: int | None) -> list[Path]:
    if keep is None:
        return []
    older = sorted(folder.glob(_NAME.format(stamp="[0-9]*-[0-9]*")))[:-keep]
    for path in older:
        path.unlink(missing_ok=True)
    return older
