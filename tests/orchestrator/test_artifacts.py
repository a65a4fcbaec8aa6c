"""The artifact store: names, identity, damage, and many processes at once."""

import hashlib
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.artifacts import ABANDONED_AFTER_S, CHUNK_BYTES, ArtifactFile, ArtifactStore, Manifest
from orchestrator.errors import InternalError, NotFoundError, SpecError

ROOT = Path(__file__).parent.parent.parent
SHA = hashlib.sha256(b"").hexdigest()

parts = st.text(st.characters(categories=("L", "N", "P", "S"), exclude_characters="/\\"), min_size=1, max_size=20)
plain_parts = parts.filter(lambda part: part not in (".", ".."))
names = st.lists(plain_parts, min_size=1, max_size=3).map("/".join)
artifact_files = st.builds(
    ArtifactFile,
    name=names.map(lambda name: f"{name}.bin"),
    sha256=st.binary().map(lambda content: hashlib.sha256(content).hexdigest()),
    size_bytes=st.integers(0, 2**40),
)


def is_free_of_clashes(files: list[ArtifactFile]) -> bool:
    return not any(a is not b and f"{b.name}/".startswith(f"{a.name}/") for a in files for b in files)


file_sets = st.lists(artifact_files, min_size=1, max_size=5, unique_by=lambda file: file.name).filter(
    is_free_of_clashes
)


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "store")


def write_files(folder: Path, **contents: bytes) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in contents}


def files_below(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


@given(file_sets)
def test_a_manifest_survives_json(files: list[ArtifactFile]) -> None:
    manifest = Manifest(main=files[0].name, files=tuple(files))
    assert Manifest.from_json(json.loads(manifest.to_bytes())) == manifest


@given(file_sets.flatmap(lambda files: st.tuples(st.just(files), st.permutations(files))))
def test_the_order_of_files_does_not_change_an_artifact(
    orders: tuple[list[ArtifactFile], list[ArtifactFile]],
) -> None:
    first, second = orders
    assert Manifest(main=first[0].name, files=tuple(first)).id == Manifest(main=first[0].name, files=tuple(second)).id


def test_the_id_is_the_hash_of_the_canonical_json() -> None:
    manifest = Manifest(main="é", files=(ArtifactFile(name="é", sha256=SHA, size_bytes=0),))
    canonical = f'{{"files":[{{"name":"é","sha256":"{SHA}","size_bytes":0}}],"main":"é"}}'.encode()
    assert manifest.id == hashlib.sha256(canonical).hexdigest()


def test_another_main_file_makes_another_artifact() -> None:
    files = tuple(ArtifactFile(name=name, sha256=SHA, size_bytes=0) for name in "ab")
    assert Manifest(main="a", files=files).id != Manifest(main="b", files=files).id


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "..", "a/../b", "./a", "a//b", "a/", "a\\b", "a\nb", "a\0b", "\x7f", "\udcff", "x" * 256],
)
def test_a_name_that_could_leave_its_folder_or_confuse_a_board_is_refused(name: str) -> None:
    with pytest.raises(SpecError, match="relative name"):
        ArtifactFile(name=name, sha256=SHA, size_bytes=0)


@pytest.mark.parametrize(
    ("main", "file_names", "words"),
    [
        ("a", ["a", "a"], "each name once"),
        ("b", ["a"], "main file among its files"),
        ("a", [], "main file among its files"),
        ("a", ["a", "a/b"], "is a file, but also the folder of"),
        ("a/b/c", ["a/b/c", "a"], "is a file, but also the folder of"),
    ],
)
def test_files_that_cannot_lie_in_one_folder_are_no_artifact(main: str, file_names: list[str], words: str) -> None:
    files = tuple(ArtifactFile(name=name, sha256=SHA, size_bytes=0) for name in file_names)
    with pytest.raises(SpecError, match=words):
        Manifest(main=main, files=files)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"main": "a", "files": []},
        {"main": "a", "files": [{"name": "a", "sha256": SHA}]},
        {"main": "a", "files": [{"name": "a", "sha256": SHA, "size_bytes": "0"}]},
        {"main": "a", "files": [{"name": "a", "sha256": SHA, "size_bytes": True}]},
        {"main": "a", "files": [{"name": "a", "sha256": SHA, "size_bytes": -1}]},
        {"main": "a", "files": [{"name": "a", "sha256": SHA[1:], "size_bytes": 0}]},
        {"main": "a", "files": [{"name": "a", "sha256": SHA, "size_bytes": 0}], "more": 1},
    ],
)
def test_a_foreign_document_is_no_manifest(document: dict[str, object]) -> None:
    with pytest.raises(SpecError):
        Manifest.from_json(document)


def test_added_files_are_found_by_hash_and_by_artifact(store: ArtifactStore, tmp_path: Path) -> None:
    files = write_files(tmp_path / "in", model=b"graph", weights=b"numbers")
    manifest = store.add(files, "model")
    assert store.manifest(manifest.id) == manifest
    assert {file.name: store.blob(file.sha256).read_bytes() for file in manifest.files} == {
        "model": b"graph",
        "weights": b"numbers",
    }
    assert manifest.size_bytes == len(b"graphnumbers")
    store.verify(manifest.id)


def test_adding_again_changes_nothing(store: ArtifactStore, tmp_path: Path) -> None:
    files = write_files(tmp_path / "in", model=b"graph", copy=b"graph")
    first = store.add(files, "model")
    before = files_below(store.root)
    assert store.add(files, "model") == first
    assert files_below(store.root) == before
    assert len(list((store.root / "blobs").iterdir())) == 1


def test_only_the_owner_reads_the_store_and_nobody_writes_a_blob(store: ArtifactStore, tmp_path: Path) -> None:
    manifest = store.add(write_files(tmp_path / "in", model=b"graph"), "model")
    folders = [store.root, *(path for path in store.root.iterdir() if path.is_dir())]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
    kept = [store.blob(manifest.files[0].sha256), *(store.root / "manifests").iterdir()]
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o400}


@pytest.mark.parametrize("damage", [b"gra", b"", b"Graph", None])
def test_a_damaged_file_is_named_and_mended_by_adding_again(
    store: ArtifactStore, tmp_path: Path, damage: bytes | None
) -> None:
    files = write_files(tmp_path / "in", model=b"graph", weights=b"numbers")
    manifest = store.add(files, "model")
    blob = store.blob(hashlib.sha256(b"graph").hexdigest())
    blob.unlink()
    if damage is not None:
        blob.write_bytes(damage)
    with pytest.raises(InternalError, match="model is damaged"):
        store.verify(manifest.id)
    store.add(files, "model")
    store.verify(manifest.id)


def test_a_damaged_manifest_is_not_believed(store: ArtifactStore, tmp_path: Path) -> None:
    manifest = store.add(write_files(tmp_path / "in", model=b"graph"), "model")
    path = store.root / "manifests" / f"{manifest.id}.json"
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"model", b"modem"))
    with pytest.raises(InternalError, match="damaged"):
        store.manifest(manifest.id)


def test_what_was_never_added_is_not_found(store: ArtifactStore) -> None:
    with pytest.raises(NotFoundError, match="not in the artifact store"):
        store.manifest(SHA)
    with pytest.raises(NotFoundError, match="not in the artifact store"):
        store.blob(SHA)
    with pytest.raises(SpecError, match="64 hexadecimal digits"):
        store.blob("../manifests/x")


def test_a_source_that_cannot_be_read_leaves_nothing_behind(store: ArtifactStore, tmp_path: Path) -> None:
    files = write_files(tmp_path / "in", model=b"graph")
    os.mkfifo(tmp_path / "pipe")
    for source, words in [(tmp_path / "none", "cannot be read"), (tmp_path / "pipe", "regular file")]:
        with pytest.raises(SpecError, match=words):
            store.add({**files, "weights": source}, "model")
    with pytest.raises(SpecError, match="relative name"):
        store.add({"model": files["model"], "../out": files["model"]}, "model")
    assert not store.root.exists()


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InternalError, match="cannot be written"):
        ArtifactStore(tmp_path / "file").add(write_files(tmp_path / "in", model=b"graph"), "model")


def test_an_interrupted_add_leaves_no_part_and_no_artifact(store: ArtifactStore, tmp_path: Path) -> None:
    files = write_files(tmp_path / "in", model=b"x" * (3 * CHUNK_BYTES))

    def interrupt(done_bytes: int, total_bytes: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.add(files, "model", interrupt)
    assert files_below(store.root) == set()


def test_parts_of_killed_processes_go_after_a_day_and_younger_ones_stay(store: ArtifactStore, tmp_path: Path) -> None:
    files = write_files(tmp_path / "in", model=b"graph")
    store.add(files, "model")
    parts = write_files(store.root / "parts", **{"old.part": b"1", "young.part": b"2"})
    now_s = parts["young.part"].stat().st_mtime
    os.utime(parts["old.part"], (now_s, now_s - ABANDONED_AFTER_S - 60))
    store.add(files, "model")
    assert files_below(store.root / "parts") == {Path("young.part")}


def test_progress_ends_at_the_sum_of_all_files(store: ArtifactStore, tmp_path: Path) -> None:
    files = write_files(tmp_path / "in", model=b"x" * (CHUNK_BYTES + 1), empty=b"", weights=b"y" * 10)
    told: list[tuple[int, int]] = []
    store.add(files, "model", lambda done, total: told.append((done, total)))
    total = CHUNK_BYTES + 11
    assert told == sorted(told)
    assert {each[1] for each in told} == {total}
    assert told[-1][0] == total


def test_a_large_file_is_never_whole_in_memory(store: ArtifactStore, tmp_path: Path) -> None:
    source = tmp_path / "weights"
    with source.open("wb") as file:
        file.truncate(64 * CHUNK_BYTES)
    tracemalloc.start()
    try:
        manifest = store.add({"weights": source}, "weights")
        store.verify(manifest.id)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert manifest.size_bytes == 64 * CHUNK_BYTES
    assert peak_bytes < 8 * CHUNK_BYTES


@pytest.mark.integration
def test_several_processes_can_add_the_same_files_at_once(store: ArtifactStore, tmp_path: Path) -> None:
    write_files(tmp_path / "in", model=b"g" * (4 * CHUNK_BYTES), weights=b"w" * CHUNK_BYTES)
    program = (
        "import sys; from pathlib import Path; from orchestrator.artifacts import ArtifactStore\n"
        "root, folder = Path(sys.argv[1]), Path(sys.argv[2])\n"
        "for _ in range(10): manifest = ArtifactStore(root).add({p.name: p for p in folder.iterdir()}, 'model')\n"
        "print(manifest.id)"
    )
    command = [sys.executable, "-c", program, str(store.root), str(tmp_path / "in")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(4)]
    ids = {process.communicate()[0].strip() for process in running}
    assert [process.returncode for process in running] == [0] * 4
    assert len(ids) == 1
    store.verify(ids.pop())
    assert files_below(store.root / "parts") == set()
