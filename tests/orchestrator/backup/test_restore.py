"""A farm, backed up and restored: the same rows and files from one kind of database to another, or nothing changed."""

import dataclasses
import itertools
import shutil
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from orchestrator.artifacts import ArtifactStore
from orchestrator.attending import leases
from orchestrator.backup.archive import Manifest, Piece, unpack, write_archive
from orchestrator.backup.make import back_up
from orchestrator.backup.restore import restore
from orchestrator.config import Settings
from orchestrator.db.migrate import current_revision, downgrade
from orchestrator.db.model_tables import ModelRow
from orchestrator.db.tables import EventRow
from orchestrator.errors import SpecError
from orchestrator.farm import Farm, open_farm
from orchestrator.heartbeat import Heartbeat
from orchestrator.supervisor.state import supervisor_lock
from orchestrator.transport.keys import FarmKey
from tests import factories
from tests.small_farm import add_device, dump

pytestmark = pytest.mark.integration

Open = Callable[[Settings], Farm]


@pytest.fixture
def open_one() -> Iterator[Open]:
    """Opens farms that are closed after the test."""
    with ExitStack() as stack:

        def open_and_remember(settings: Settings) -> Farm:
            farm = open_farm(settings)
            stack.callback(farm.database.engine.dispose)
            return farm

        yield open_and_remember


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the state home `old`, which has results, a model file, a key and settings, and a backup of it."""
    folder = tmp_path_factory.mktemp("filled")
    farm = open_farm(Settings(home=folder / "old"))
    factories.fill(farm.database)
    FarmKey.in_folder(farm.settings.keys_dir)
    (folder / "model.onnx").write_bytes(b"weights" * 1000)
    ArtifactStore(farm.settings.artifacts_dir).add({"model.onnx": folder / "model.onnx"}, "model.onnx")
    farm.settings.file.write_text("worker_threads = 3\n", encoding="utf-8")
    back_up(farm, folder / "backup.tar.gz")
    farm.database.engine.dispose()
    return folder


@pytest.fixture
def farm(filled: Path, tmp_path: Path, open_one: Open) -> Farm:
    """A copy of it for one test."""
    shutil.copytree(filled / "old", tmp_path / "old")
    return open_one(Settings(home=tmp_path / "old"))


@pytest.fixture
def backup(filled: Path, tmp_path: Path) -> Path:
    """A copy of its backup."""
    return shutil.copyfile(filled / "backup.tar.gz", tmp_path / "backup.tar.gz")


def home_of(settings: Settings) -> dict[str, bytes]:
    """The content of every file of a state home that matters, the database apart."""
    files = (path for path in settings.home.rglob("*") if path.is_file() and not path.name.startswith("supervisor"))
    return {
        str(path.relative_to(settings.home)): path.read_bytes()
        for path in files
        if not path.name.startswith("pifarm.db") and "replaced-" not in str(path)
    }


def new_home(tmp_path: Path, broker_url: str = "") -> Settings:
    (tmp_path / "new").mkdir(mode=0o700, exist_ok=True)
    return Settings(home=tmp_path / "new", broker_url=broker_url)


def test_a_farm_moves_to_another_home_whole(farm: Farm, backup: Path, tmp_path: Path, open_one: Open) -> None:
    settings = new_home(tmp_path)
    done = restore(settings, backup, replace=False)
    assert (done.kept_aside, done.settings_beside) == (None, None)
    moved = open_one(settings)
    assert moved.farm_id == farm.farm_id
    assert dump(moved.database) == dump(farm.database)
    assert home_of(settings) == home_of(farm.settings)
    assert FarmKey.in_folder(settings.keys_dir).public_line == FarmKey.in_folder(farm.settings.keys_dir).public_line
    modes = {stat.S_IMODE(path.stat().st_mode) for path in settings.home.rglob("*") if path.is_file()}
    assert modes <= {0o600, 0o644}, modes
    assert stat.S_IMODE((settings.keys_dir / "farm_ed25519").stat().st_mode) == 0o600


def test_a_farm_moves_from_one_kind_of_database_to_the_other_and_back(
    farm: Farm, backup: Path, empty_url: str, tmp_path: Path, open_one: Open
) -> None:
    there = Settings(home=tmp_path / "there", database_url=empty_url)
    there.home.mkdir()
    restore(there, backup, replace=False)
    moved = open_one(there)
    assert dump(moved.database) == dump(farm.database)
    add_device(moved.database, "pi4-new")  # numbers go on above those that were loaded
    back = new_home(tmp_path)
    restore(back, back_up(moved, tmp_path / "second.tar.gz").path, replace=False)
    assert dump(open_one(back).database) == dump(moved.database)


def test_a_restore_puts_a_farm_that_is_there_aside(
    backup: Path, empty_url: str, tmp_path: Path, open_one: Open, farm: Farm
) -> None:
    there = Settings(home=tmp_path / "there", database_url=empty_url)
    other = open_one(there)
    add_device(other.database, "pi4-other")
    before = dump(other.database)
    there.local_dir.mkdir(parents=True)
    (there.local_dir / "fence.json").write_text("a board's own", encoding="utf-8")
    with pytest.raises(SpecError, match="holds a farm already"):
        restore(there, backup, replace=False)
    assert dump(other.database) == before
    other.database.engine.dispose()
    done = restore(there, backup, replace=True)
    assert dump(open_one(there).database) == dump(farm.database)
    assert (there.local_dir / "fence.json").read_text(encoding="utf-8") == "a board's own"
    assert done.kept_aside is not None
    assert dump(open_one(reopened(done.kept_aside, tmp_path)).database) == before


def reopened(kept_aside: Path, tmp_path: Path) -> Settings:
    """A farm of what a restore has put aside: a file of SQLite, or a backup of what was on a server."""
    settings, rows = new_home(tmp_path), kept_aside / "before.tar.gz"
    if rows.exists():
        restore(settings, rows, replace=False)
    else:
        (kept_aside / "pifarm.db").replace(settings.home / "pifarm.db")
    return settings


def test_a_backup_of_an_older_schema_is_migrated(tmp_path: Path, farm: Farm, open_one: Open) -> None:
    before = dump(farm.database)
    downgrade(farm.database, "0001")
    old = back_up(farm, tmp_path / "old.tar.gz")
    assert old.manifest.revision == "0001"
    settings = new_home(tmp_path)
    restore(settings, old.path, replace=False)
    moved = open_one(settings)
    assert current_revision(moved.database) != "0001"
    after = dump(moved.database)
    assert {name: rows for name, rows in after.items() if name != "devices"} == {
        name: rows for name, rows in before.items() if name != "devices"
    }
    assert len(after["devices"]) == len(before["devices"])


def test_a_backup_of_a_newer_schema_is_refused(tmp_path: Path) -> None:
    newer = Manifest(pifarm="9.0.0", farm="farm-1", revision="9999", created_at_s=0.0, pieces={})
    write_archive(tmp_path / "newer.tar.gz", newer, {})
    settings = new_home(tmp_path)
    with pytest.raises(SpecError, match=r"revision 9999, which this pifarm does not know; .* 9\.0\.0: update pifarm"):
        restore(settings, tmp_path / "newer.tar.gz", replace=False)
    assert home_of(settings) == {}


def test_a_backup_while_the_farm_works_is_of_one_moment(farm: Farm, tmp_path: Path) -> None:
    """Each device that is added has its event in the same transaction: a backup holds both or neither."""
    done = threading.Event()

    def go_on_adding() -> None:
        for number in itertools.count():
            if done.is_set():
                return
            with farm.database.write() as session:
                session.add(ModelRow(name=f"model {number}"))
                session.add(EventRow(kind="model added", message=f"model {number}"))

    with ThreadPoolExecutor(1) as pool:
        adding = pool.submit(go_on_adding)
        try:
            counts = [rows_in(back_up(farm, tmp_path / f"{number}.tar.gz").path, tmp_path) for number in range(5)]
        finally:
            done.set()
        adding.result()
    assert all(models == events + 1 for models, events in counts), "one model was there before"
    assert len({models for models, _ in counts}) > 1


def rows_in(backup: Path, tmp_path: Path) -> tuple[int, int]:
    """How many models and events a backup holds."""
    folder = tmp_path / f"{backup.name}.d"
    folder.mkdir()
    unpack(backup, folder)
    models, events = (
        len((folder / f"database/{table}.jsonl").read_bytes().splitlines()) - 1 for table in ("models", "events")
    )
    return models, events


def test_rows_that_do_not_fit_are_refused_before_anything_is_touched(backup: Path, farm: Farm, tmp_path: Path) -> None:
    for table, row in (("models", "[1]"), ("models", '["x", 1, null]'), ("builds", "{}"), ("chunks", "[9,9,9,9,9]")):
        spoilt = spoil(backup, tmp_path, table, row)
        before, files = dump(farm.database), home_of(farm.settings)
        with pytest.raises(SpecError, match="backup: "):
            restore(farm.settings, spoilt, replace=True)
        assert (dump(farm.database), home_of(farm.settings)) == (before, files)


def spoil(backup: Path, tmp_path: Path, table: str, row: str) -> Path:
    """A backup like this one, whose hashes are right, with one more row in a table."""
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    manifest = unpack(backup, folder)
    file = folder / f"database/{table}.jsonl"
    file.write_text(file.read_text(encoding="utf-8") + row + "\n", encoding="utf-8")
    pieces = {name: Piece.of(folder / name) for name in manifest.pieces}
    write_archive(
        folder / "spoilt.tar.gz",
        dataclasses.replace(manifest, pieces=pieces),
        {name: folder / name for name in pieces},
    )
    return folder / "spoilt.tar.gz"


def test_nobody_is_thought_to_be_at_work_after_a_restore(farm: Farm, tmp_path: Path, open_one: Open) -> None:
    assert leases.take(farm.database, 1, "the worker of then") is not None
    settings = new_home(tmp_path)
    restore(settings, back_up(farm, tmp_path / "backup.tar.gz").path, replace=False)
    lease = leases.take(open_one(settings).database, 1, "the worker of now")
    assert lease is not None
    assert lease.fence == 2, "the fence goes on from where it was"


def test_a_running_farm_is_not_restored(backup: Path, farm: Farm) -> None:
    with supervisor_lock(farm.settings, "up"), pytest.raises(SpecError, match="restore: a farm runs here already"):
        restore(farm.settings, backup, replace=True)


def test_a_farm_of_services_that_worked_lately_is_not_restored(backup: Path, tmp_path: Path) -> None:
    settings = new_home(tmp_path, broker_url="redis://elsewhere:6379/0")
    heartbeat = Heartbeat.of(settings.heartbeats_dir, "worker")
    with heartbeat.begun():
        heartbeat.beat()
        with pytest.raises(SpecError, match=r"worker@.* did its work 0 s ago; stop worker, tick and dashboard"):
            restore(settings, backup, replace=False)
    restore(settings, backup, replace=False)


def test_settings_that_would_lead_to_another_database_are_put_beside(
    farm: Farm, tmp_path: Path, open_one: Open
) -> None:
    farm.settings.file.write_text('database_url = "postgresql+psycopg://db/pifarm"\n', encoding="utf-8")
    settings = new_home(tmp_path)
    done = restore(settings, back_up(farm, tmp_path / "backup.tar.gz").path, replace=False)
    assert done.settings_beside == settings.home / "pifarm.toml.restored"
    assert not settings.file.exists()
    assert dump(open_one(settings).database) == dump(farm.database)


def test_a_home_keeps_its_own_settings(backup: Path, tmp_path: Path) -> None:
    settings = new_home(tmp_path)
    settings.file.write_text("worker_threads = 5\n", encoding="utf-8")
    done = restore(settings, backup, replace=False)
    assert settings.file.read_text(encoding="utf-8") == "worker_threads = 5\n"
    assert done.settings_beside is not None
    assert done.settings_beside.read_text(encoding="utf-8") == "worker_threads = 3\n"


def test_a_folder_keeps_as_many_backups_as_it_is_told(farm: Farm, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    for day in range(1, 6):
        (folder / f"pifarm-2025010{day}-000000.tar.gz").touch()
    (folder / "notes.txt").touch()
    made = back_up(farm, folder, keep=3)
    kept = sorted(path.name for path in folder.iterdir())
    assert kept == ["notes.txt", "pifarm-20250104-000000.tar.gz", "pifarm-20250105-000000.tar.gz", made.path.name]
    assert len(made.removed) == 3


def test_a_backup_never_overwrites_a_file(farm: Farm, backup: Path, tmp_path: Path) -> None:
    before = backup.read_bytes()
    with pytest.raises(SpecError, match="exists already"):
        back_up(farm, backup)
    with pytest.raises(SpecError, match="expected a folder"):
        back_up(farm, tmp_path / "other.tar.gz", keep=3)
    with pytest.raises(SpecError, match="cannot write"):
        back_up(farm, tmp_path / "nowhere" / "backup.tar.gz")
    assert backup.read_bytes() == before
