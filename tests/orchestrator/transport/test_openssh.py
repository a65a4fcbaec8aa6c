"""The same manners against OpenSSH's own server, as a real board runs it."""

import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.errors import HostKeyError, TransportError
from orchestrator.transport.address import SshAddress
from orchestrator.transport.keys import FarmKey, HostKey
from orchestrator.transport.receiver import digest_of
from orchestrator.transport.ssh import SshTransport, scan_host_key
from tests.orchestrator.transport.conftest import make_cargo

pytestmark = pytest.mark.ssh
PRIVILEGE_SEPARATION = Path("/run/sshd")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSsh:
    """A running sshd that takes a folder for the home of whoever logs in."""

    address: SshAddress
    home: Path
    keys: dict[str, HostKey]


@pytest.fixture
def server(sshd: Path, tmp_path: Path, farm_key: FarmKey) -> Iterator[OpenSsh]:
    """An sshd of our own on a free port, with an Ed25519 and an RSA host key."""
    if os.getuid() == 0:
        PRIVILEGE_SEPARATION.mkdir(exist_ok=True)
    keys = {}
    for key_type in ("ed25519", "rsa"):
        file = tmp_path / key_type
        subprocess.run(["ssh-keygen", "-q", "-t", key_type, "-N", "", "-f", file], check=True)
        keys[key_type] = HostKey.parse(file.with_suffix(".pub").read_text())
    home = tmp_path / "home"
    home.mkdir()
    authorized = tmp_path / "authorized_keys"
    authorized.write_text(farm_key.public_line + "\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = tmp_path / "sshd_config"
    config.write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {tmp_path}/rsa\nHostKey {tmp_path}/ed25519\n"
        f"AuthorizedKeysFile {authorized}\nStrictModes no\nPidFile none\nUsePAM no\n"
        f'ForceCommand cd {home} && HOME={home} exec sh -c "$SSH_ORIGINAL_COMMAND"\n'
    )
    with subprocess.Popen([sshd, "-D", "-e", "-f", config], stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert b"Server listening" in process.stderr.readline()
        user = os.environ.get("USER") or "root"
        yield OpenSsh(address=SshAddress(user=user, host="127.0.0.1", port=port), home=home, keys=keys)
        process.terminate()
        process.stderr.read()


@pytest.fixture
def transport(server: OpenSsh, farm_key: FarmKey) -> Iterator[SshTransport]:
    """A way to the server, its Ed25519 key pinned although it prefers to show another."""
    way = SshTransport(server.address, key_file=farm_key.private_file, host_key=str(server.keys["ed25519"]))
    yield way
    way.close()


def test_the_pinned_type_of_key_is_asked_for(server: OpenSsh, farm_key: FarmKey) -> None:
    for key in server.keys.values():
        way = SshTransport(server.address, key_file=farm_key.private_file, host_key=str(key))
        assert way.run(["true"]).exit_code == 0
        way.close()


def test_a_scan_finds_whichever_key_has_the_fingerprint(server: OpenSsh) -> None:
    for key in server.keys.values():
        assert scan_host_key(server.address, fingerprint=key.fingerprint) == key
    with pytest.raises(HostKeyError):
        scan_host_key(server.address, fingerprint="SHA256:" + "A" * 43)


def test_commands_and_their_ends_come_through(server: OpenSsh, transport: SshTransport) -> None:
    done = transport.run(["sh", "-c", "pwd; cat; exit 3"], stdin=b"\x00\xff")
    assert (done.exit_code, done.stdout) == (3, f"{server.home}/.pifarm\n".encode() + b"\x00\xff")
    assert transport.run(["sh", "-c", "kill -9 $$"]).exit_code != 0
    with pytest.raises(TransportError, match="timed out"):
        transport.run(["sleep", "30"], timeout_s=0.3)


def test_a_detached_job_outlives_its_connection(server: OpenSsh, transport: SshTransport) -> None:
    wait_for = "while [ ! -e {0} ]; do sleep 0.02; done"
    job = f"({wait_for.format('go')}; touch done) </dev/null >/dev/null 2>&1 &"
    transport.run(["sh", "-c", job])
    transport.close()
    (server.home / ".pifarm/go").touch()
    assert transport.run(["sh", "-c", wait_for.format("done")], timeout_s=10).exit_code == 0


def test_a_push_in_slices_arrives_once(server: OpenSsh, transport: SshTransport, tmp_path: Path) -> None:
    cargo = make_cargo(tmp_path / "large", 20_000_000)
    sent_bytes = 0
    for slice_s in (0.02, None):
        pushed = transport.push(cargo.path, "a/model", sha256=cargo.sha256, slice_s=slice_s)
        sent_bytes += pushed.sent_bytes
        transport.close()
    assert sent_bytes == cargo.size_bytes
    assert transport.push(cargo.path, "a/model", sha256=cargo.sha256).sent_bytes == 0
    assert digest_of(server.home / ".pifarm/a/model") == cargo.sha256
