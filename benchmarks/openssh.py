"""OpenSSH's own server on loopback, with a folder for the home of whoever logs in: nothing of the user is touched."""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.command import CannotMeasureError
from orchestrator.transport.address import SshAddress
from orchestrator.transport.keys import HostKey

PRIVILEGE_SEPARATION = Path("/run/sshd")
PROGRAMS = "/usr/local/bin:/usr/bin:/bin"
ELSEWHERE = ("/usr/sbin", "/usr/local/sbin")
SFTP_SERVERS = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/libexec/sftp-server")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSsh:
    """A running sshd."""

    address: SshAddress
    home: Path
    host_key: HostKey


def find_sshd() -> Path:
    """The installed sshd; raises `CannotMeasureError`."""
    found = shutil.which("sshd") or next(
        (where for folder in ELSEWHERE if (where := shutil.which("sshd", path=folder))), None
    )
    if found is None:
        raise CannotMeasureError("sshd is not installed; on Debian: apt install openssh-server")
    return Path(found)


@contextlib.contextmanager
def openssh_server(folder: Path, authorized: str) -> Iterator[OpenSsh]:
    """An sshd that lets in whoever has the `authorized` key, until the `with` block ends."""
    sshd = find_sshd()
    if os.getuid() == 0:
        PRIVILEGE_SEPARATION.mkdir(exist_ok=True)
    home = folder / "home"
    home.mkdir(parents=True)
    host_key = folder / "host_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", host_key], check=True)
    (folder / "authorized_keys").write_text(authorized + "\n")
    port = _free_port()
    config = folder / "sshd_config"
    config.write_text(_config(folder, home, port))
    with subprocess.Popen([sshd, "-D", "-e", "-f", config], stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        if b"Server listening" not in first:
            process.terminate()
            raise CannotMeasureError(f"sshd does not start: {first.decode(errors='replace').strip()}")
        threading.Thread(target=process.stderr.read, daemon=True).start()  # or it would block on a full pipe
        try:
            yield OpenSsh(
                address=SshAddress(user=getpass.getuser(), host="127.0.0.1", port=port),
                home=home,
                host_key=HostKey.parse(host_key.with_suffix(".pub").read_text()),
            )
        finally:
            process.terminate()


def client_options(folder: Path, address: SshAddress, host_key: HostKey, key_file: Path) -> list[str]:
    """Options for ssh and scp that know this server and read nothing of the user's."""
    known = folder / "known_hosts"
    known.write_text(f"[{address.host}]:{address.port} {host_key}\n")
    settings = (
        f"UserKnownHostsFile={known}",
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
        f"IdentityFile={key_file}",
        "BatchMode=yes",
        f"Port={address.port}",
    )
    return ["-F", "none", *(word for setting in settings for word in ("-o", setting))]


def _config(folder: Path, home: Path, port: int) -> str:
    # HOME comes before the shell: what the user's own start-up files do would be counted with every command.
    sftp = next((path for path in SFTP_SERVERS if Path(path).exists()), "/bin/false")
    return (
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host_key\nAuthorizedKeysFile {folder}/authorized_keys\n"
        f"StrictModes no\nPidFile none\nUsePAM no\nMaxStartups 100\nSubsystem sftp {sftp}\n"
        f"SetEnv HOME={home} PATH={PROGRAMS}:{Path(sys.executable).parent}\n"
        f'ForceCommand cd {home} && HOME={home} exec sh -c "$SSH_ORIGINAL_COMMAND"\n'
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
