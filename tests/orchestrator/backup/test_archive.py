"""The file of a backup: what was put in comes out; a damaged or hostile one is refused, and nothing is left outside."""

import dataclasses
import gzip
import io
import json
import stat
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.backup import archive
from orchestrator.backup.archive import Manifest, Piece, unpack, write_archive
from orchestrator.errors import InternalError, SpecError

PIECES = {"database/farm.jsonl": b"[1]\n" * 1000, "keys/farm_ed25519": b"secret", "pifarm.toml": b""}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a backup lies, and where it is unpacked."""

    path: Path
    target: Path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    target = tmp_path / "in" / "target"
    target.mkdir(parents=True)
    return Place(path=tmp_path / "backup.tar.gz", target=target)


def manifest_of(pieces: Mapping[str, bytes], folder: Path) -> tuple[Manifest, dict[str, Path]]:
    files = {}
    for number, (name, content) in enumerate(pieces.items()):
        files[name] = folder / str(number)
        files[name].write_bytes(content)
    made = {name: Piece.of(path) for name, path in files.items()}
    return Manifest(pifarm="0.1.0", farm="farm-1", revision="0001", created_at_s=1.0, pieces=made), files


def write(place: Place, pieces: Mapping[str, bytes] = PIECES) -> Manifest:
    manifest, files = manifest_of(pieces, place.path.parent)
    write_archive(place.path, manifest, files)
    return manifest


def forge(place: Place, members: list[tuple[tarfile.TarInfo, bytes]], **changes: Any) -> None:
    """An archive with these members behind a manifest that promises `PIECES`, changed."""
    manifest, _ = manifest_of(PIECES, place.path.parent)
    document = json.loads(manifest.to_bytes()) | changes
    data = json.dumps(document).encode()
    with tarfile.open(place.path, "w:gz") as tar:
        for member, content in [(file("manifest.json", len(data)), data), *members]:
            tar.addfile(member, io.BytesIO(content))


def scribble(place: Place, content: bytes) -> None:
    place.path.write_bytes(content)


def file(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member


def link(name: str, kind: bytes, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def test_what_was_written_is_unpacked_for_its_owner_alone(place: Place) -> None:
    manifest = write(place)
    assert unpack(place.path, place.target) == manifest
    assert {name: (place.target / name).read_bytes() for name in PIECES} == PIECES
    assert stat.S_IMODE(place.path.stat().st_mode) == 0o600
    assert {stat.S_IMODE((place.target / name).stat().st_mode) for name in PIECES} == {0o600}
    assert list(place.path.parent.glob(".backup*")) == [], "no draft is left"


def test_a_file_that_changes_meanwhile_makes_no_backup(place: Place) -> None:
    manifest, files = manifest_of(PIECES, place.path.parent)
    files["keys/farm_ed25519"].write_bytes(b"secreT")
    with pytest.raises(InternalError, match="changed while it was read"):
        write_archive(place.path, manifest, files)
    assert not place.path.exists()
    assert list(place.path.parent.glob(".backup*")) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_a_backup_cut_or_changed_at_any_byte_is_refused_or_harmless(place: Place, data: st.DataObject) -> None:
    write(place)
    whole = place.path.read_bytes()
    position = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        place.path.write_bytes(whole[:position])
    else:
        place.path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x40]) + whole[position + 1 :])
    target = place.target / str(len(list(place.target.iterdir())))
    target.mkdir()
    try:
        unpack(place.path, target)
    except SpecError:
        return
    assert {name: (target / name).read_bytes() for name in PIECES} == PIECES


HONEST = [(file(name, len(content)), content) for name, content in PIECES.items()]
BLOB = f"artifacts/blobs/{'0' * 64}"
Forge = Callable[[Place], None]
HOSTILE: list[tuple[str, Forge]] = [
    ("not in its manifest", lambda place: forge(place, [*HONEST, (file("../../escaped", 1), b"x")])),
    ("not in its manifest", lambda place: forge(place, [*HONEST, (file("/escaped", 1), b"x")])),
    ("twice", lambda place: forge(place, [*HONEST, HONEST[0]])),
    ("or no file", lambda place: forge(place, [(link("pifarm.toml", tarfile.SYMTYPE, "/etc/passwd"), b"")])),
    ("or no file", lambda place: forge(place, [(link("pifarm.toml", tarfile.LNKTYPE, "manifest.json"), b"")])),
    ("or no file", lambda place: forge(place, [(link("pifarm.toml", tarfile.FIFOTYPE, ""), b"")])),
    ("or no file", lambda place: forge(place, [(link("keys/farm_ed25519", tarfile.DIRTYPE, ""), b"")])),
    ("expected 6 bytes, got 7", lambda place: forge(place, [(file("keys/farm_ed25519", 7), b"secrets")])),
    ("keys/farm_ed25519 is damaged", lambda place: forge(place, [(file("keys/farm_ed25519", 6), b"Secret")])),
    ("2 pieces are missing", lambda place: forge(place, HONEST[:1])),
    ("its format is 2", lambda place: forge(place, HONEST, format=2)),
    ("no backup has a piece of the name '../x'", lambda place: forge(place, [], pieces={"../x": {}})),
    ("no backup has a piece", lambda place: forge(place, [], pieces={"keys/../x": {"sha256": "", "size_bytes": 0}})),
    ("no backup has a piece", lambda place: forge(place, [], pieces={"local/fence.json": {}})),
    ("expected a size", lambda place: forge(place, [], pieces={"pifarm.toml": {"sha256": "", "size_bytes": -1}})),
    ("its content is not", lambda place: forge(place, [], pieces={BLOB: {"sha256": "1", "size_bytes": 0}})),
    ("does not fit", lambda place: forge(place, [], pieces=[])),
    ("does not fit", lambda place: forge(place, [], created_at_s="yesterday")),
    ("it needs 10000000", lambda place: forge(place, [], pieces={"pifarm.toml": {"sha256": "", "size_bytes": 10**21}})),
    ("does not exist", lambda place: None),
    ("no backup of a farm", lambda place: scribble(place, b"something else")),
    ("no backup of a farm", lambda place: scribble(place, gzip.compress(b"something else"))),
]


@pytest.mark.parametrize(("complaint", "make"), HOSTILE, ids=[str(number) for number in range(len(HOSTILE))])
def test_a_hostile_backup_is_refused_and_touches_nothing(place: Place, complaint: str, make: Forge) -> None:
    make(place)
    with pytest.raises(SpecError, match=complaint):
        unpack(place.path, place.target)
    everything = {path for path in place.path.parent.rglob("*") if not path.is_relative_to(place.target)}
    assert not [path for path in everything if path.name == "escaped"]
    assert not [path for path in place.target.rglob("*") if path.is_symlink()]


def test_a_header_that_claims_gigabytes_takes_no_memory(place: Place) -> None:
    claims = file("x", 8 * 1024**3 - 1)
    claims.type = tarfile.XHDTYPE
    with gzip.open(place.path, "wb", compresslevel=1) as packed:
        packed.write(claims.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(32):
            packed.write(bytes(1024 * 1024))
    with pytest.raises(SpecError, match="header that no backup has"):
        unpack(place.path, place.target)


def test_a_manifest_too_large_to_be_one_is_refused(place: Place) -> None:
    with tarfile.open(place.path, "w:gz", compresslevel=1) as tar:
        data = bytes(archive.MAX_MANIFEST_BYTES + 1)
        tar.addfile(file("manifest.json", len(data)), io.BytesIO(data))
    with pytest.raises(SpecError, match=r"expected manifest\.json first"):
        unpack(place.path, place.target)
