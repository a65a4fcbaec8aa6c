"""Puts a backup in place of what is there: checked to the last byte first, and what was there is kept aside.

What a restored database does not know does no harm: boards refuse an older fence, the attendant raises its own
(`leases.overtake`), and a board never claims an attempt twice. Boards' disks, `local/` and `simulated/` among them, are
left as they are.
"""

import secrets
import shutil
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from orchestrator.attending import leases
from orchestrator.backup.archive import Manifest, unpack
from orchestrator.backup.contents import DATABASE, REPLACED, is_occupied
from orchestrator.backup.make import back_up
from orchestrator.config import SETTINGS_FILE, Settings
from orchestrator.db.dump import is_empty, load_rows, sqlite_file
from orchestrator.db.migrate import downgrade, is_known
from orchestrator.db.session import Database, open_engine
from orchestrator.errors import SpecError
from orchestrator.farm import open_farm
from orchestrator.status import STALE_HEARTBEAT_S, heartbeats_of
from orchestrator.supervisor.state import supervisor_lock

_SIDE_FILES = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A farm that was restored. `kept_aside` holds what was there before, `settings_beside` the archive's settings
    where this state home has its own, or they name another database.
    """

    manifest: Manifest
    kept_aside: Path | None
    settings_beside: Path | None


def restore(settings: Settings, source: Path, *, replace: bool) -> Restored:
    """Make the state home, and the database of its settings, what they were in a backup.

    Raises `SpecError`, with nothing changed, where a farm runs here, where one is kept here and `replace` is not
    given, where the file is no whole backup, or where a newer pifarm wrote it.
    """
    with supervisor_lock(settings, "restore"):
        _require_stopped(settings)
        is_taken = is_occupied(settings) or _has_farm(settings)
        if is_taken and not replace:
            raise SpecError(
                f"restore: {settings.home} holds a farm already; give --replace to put it aside, or set PIFARM_HOME"
            )
        staged = settings.home / f".restore-{secrets.token_hex(6)}"
        staged.mkdir(mode=0o700)
        try:
            manifest = unpack(source, staged)
            if not is_known(manifest.revision):
                raise SpecError(
                    f"restore: the backup's database is at revision {manifest.revision[:40]}, which this pifarm does"
                    f" not know; it was written by pifarm {manifest.pifarm[:40]}: update pifarm"
                )
            fresh = _load(staged, manifest)
            aside = _put_aside(settings) if is_taken else None
            _put_in_place(settings, staged, fresh, manifest)
            beside = _settle_settings(settings, staged / SETTINGS_FILE)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    return Restored(manifest=manifest, kept_aside=aside, settings_beside=beside)


def _require_stopped(settings: Settings) -> None:
    """A farm of services of their own has no supervisor here; its processes leave signs of life."""
    if settings.has_own_broker:
        return
    for beat in heartbeats_of(settings):
        if beat.age_s < STALE_HEARTBEAT_S:
            raise SpecError(
                f"restore: {beat.name} did its work {beat.age_s:.0f} s ago; stop worker, tick and dashboard"
                f" (if it was killed: wait {STALE_HEARTBEAT_S:.0f} s)"
            )


def _has_farm(settings: Settings) -> bool:
    file = sqlite_file(settings.database_url)
    if file is not None and not file.exists():
        return False
    with closing(_Opened(settings.database_url)) as opened:
        return not is_empty(opened.database)


def _load(staged: Path, manifest: Manifest) -> Path:
    """The rows as a new SQLite database: a proof that they fit, whatever they will be kept in."""
    fresh = staged / "fresh.db"
    with closing(_Opened(f"sqlite:///{fresh}")) as opened:
        load_rows(opened.database, staged / DATABASE, manifest.revision)
        leases.free_all(opened.database)
    return fresh


def _put_aside(settings: Settings) -> Path:
    aside = settings.home / f"replaced-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    aside.mkdir(mode=0o700)
    file = sqlite_file(settings.database_url)
    if file is None:
        with closing(_Opened(settings.database_url)) as opened:
            has_rows = not is_empty(opened.database)
        if has_rows:
            farm = open_farm(settings)
            back_up(farm, aside / "before.tar.gz")
            farm.database.engine.dispose()
    else:
        for path in (file.with_name(file.name + suffix) for suffix in _SIDE_FILES):
            if path.exists():
                shutil.move(path, aside / path.name)
    for name in REPLACED:
        if (settings.home / name).exists():
            (settings.home / name).rename(aside / name)
    return aside


def _put_in_place(settings: Settings, staged: Path, fresh: Path, manifest: Manifest) -> None:
    for name in REPLACED:
        if (staged / name).exists():
            (staged / name).rename(settings.home / name)
    file = sqlite_file(settings.database_url)
    if file is not None:
        shutil.move(fresh, file)
        return
    with closing(_Opened(settings.database_url)) as opened:
        if not is_empty(opened.database):
            downgrade(opened.database, "base")
        load_rows(opened.database, staged / DATABASE, manifest.revision)
        leases.free_all(opened.database)


def _settle_settings(settings: Settings, restored: Path) -> Path | None:
    """Put the settings file in place, unless there is one, or it would point this farm to another database."""
    if not restored.exists() or (settings.file.exists() and settings.file.read_bytes() == restored.read_bytes()):
        return None
    if not settings.file.exists() and settings.would_stay_with(restored):
        restored.rename(settings.file)
        return None
    beside = settings.file.with_name(f"{SETTINGS_FILE}.restored")
    restored.replace(beside)
    return beside


class _Opened:
    """A database as it is, not migrated."""

    def __init__(self, url: str) -> None:
        self.database = Database(open_engine(url))

    def close(self) -> None:
        self.database.engine.dispose()
