"""The farm has one key pair, whoever makes it first; a host key is recognised by its fingerprint."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from orchestrator.errors import SpecError
from orchestrator.transport.keys import KEY_FILE, FarmKey, HostKey, PinnedKey

# From the OpenSSH regress suite: a public key and the fingerprint that ssh-keygen -l prints for it.
LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDPQXmEVMVLmeFRyafKMVWgPDkv8/uRBTwmcEDatZzMD"


def test_the_pair_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    made = FarmKey.in_folder(tmp_path / "new")
    assert made.private_file.stat().st_mode & 0o777 == 0o600
    assert made.public_line.split()[0] == "ssh-ed25519"
    assert FarmKey.in_folder(tmp_path / "new") == made


def test_makers_at_the_same_moment_end_up_with_one_pair(tmp_path: Path) -> None:
    together = Barrier(8)

    def make(_: int) -> FarmKey:
        together.wait()
        return FarmKey.in_folder(tmp_path)

    with ThreadPoolExecutor(8) as pool:
        lines = {key.public_line for key in pool.map(make, range(8))}
    assert len(lines) == 1
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_a_key_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    FarmKey.in_folder(tmp_path).private_file.chmod(0o644)
    with pytest.raises(SpecError, match="chmod 600"):
        FarmKey.in_folder(tmp_path)


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_text("not a key")
    (tmp_path / KEY_FILE).chmod(0o600)
    with pytest.raises(SpecError, match="not an OpenSSH private key"):
        FarmKey.in_folder(tmp_path)


def test_a_host_key_reads_its_line_and_writes_it_again() -> None:
    key = HostKey.parse(f"{LINE} root@board")
    assert str(key) == LINE
    assert key.fingerprint.startswith("SHA256:") and "=" not in key.fingerprint


@pytest.mark.parametrize("line", ["", "ssh-ed25519", "ssh-ed25519 not/base64!", LINE.replace("ssh-ed25519", "ssh-rsa")])
def test_a_line_that_is_no_key_is_refused(line: str) -> None:
    with pytest.raises(SpecError, match="host key"):
        HostKey.parse(line)


def test_a_key_and_its_fingerprint_pin_the_same() -> None:
    key = HostKey.parse(LINE)
    assert PinnedKey.parse(LINE).fingerprint == PinnedKey.parse(key.fingerprint).fingerprint


def test_a_fingerprint_of_another_hash_is_refused() -> None:
    with pytest.raises(SpecError, match="SHA256"):
        PinnedKey.parse("SHA256:too-short")
