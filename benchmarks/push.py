"""Pushing a file over loopback SSH against scp of the same file, and what a second push sends.

Both begin with a fresh connection and end when the file is there; ours is then also verified and on the disk. The
server is OpenSSH's.
"""

import argparse
import dataclasses
import hashlib
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.command import CannotMeasureError, run_command, tell
from benchmarks.figure import Estimate, Figure, Target, median_of, ratio_of
from benchmarks.openssh import OpenSsh, client_options, openssh_server
from benchmarks.relay import counting_relay
from orchestrator.transport.keys import FarmKey
from orchestrator.transport.ssh import SshTransport

MB = 10**6
RATIO = Target(at_most=1.1)
NOTHING = Target(at_most=0.0)
LEAST_PAIRS = 3
MAX_SCP_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cargo:
    """The file that is sent."""

    path: Path
    sha256: str
    size_bytes: int


def measure(options: argparse.Namespace) -> list[Figure]:
    """Alternating pairs, then a second push of what is there already."""
    with tempfile.TemporaryDirectory(prefix="pifarm-push-") as name:
        folder = Path(name)
        key = FarmKey.in_folder(folder / "keys")
        cargo = make_cargo(folder / "cargo", options.megabytes * MB)
        with openssh_server(folder / "sshd", key.public_line) as server:
            ours_s, scp_s = time_pairs(server, key, folder, cargo, options.pairs, options.minutes * 60)
            again_bytes, socket_bytes = push_again(server, key, cargo)
    return judge(options.megabytes, ours_s, scp_s, again_bytes, socket_bytes)


def judge(
    megabytes: int, ours_s: Sequence[float], scp_s: Sequence[float], again_bytes: int, socket_bytes: int
) -> list[Figure]:
    """The figures from the times of each pair and what the second push sent."""
    ratio = ratio_of(ours_s, scp_s)
    return [
        Figure(what=f"push of {megabytes} MB / scp", unit="ratio", ours=ratio, targets=(RATIO,)),
        Figure(what=f"{megabytes} MB", unit="s", ours=median_of(ours_s), reference=median_of(scp_s)),
        Figure(what="second push: bytes of the file", unit="B", ours=Estimate(center=again_bytes), targets=(NOTHING,)),
        Figure(what="second push: bytes at the socket, login included", unit="B", ours=Estimate(center=socket_bytes)),
    ]


def make_cargo(path: Path, size_bytes: int) -> Cargo:
    """A file of that size, always the same bytes, that does not compress."""
    data = random.Random(size_bytes).randbytes(size_bytes)
    path.write_bytes(data)
    return Cargo(path=path, sha256=hashlib.sha256(data).hexdigest(), size_bytes=size_bytes)


def time_pairs(
    server: OpenSsh, key: FarmKey, folder: Path, cargo: Cargo, pairs: int, within_s: float
) -> tuple[list[float], list[float]]:
    """Seconds of each push and each scp; the first pair warms up both and is not counted."""
    options = client_options(folder, server.address, server.host_key, key.private_file)
    ours_s: list[float] = []
    scp_s: list[float] = []
    ends_s = time.monotonic() + within_s
    for pair in range(-1, pairs):
        if pair >= LEAST_PAIRS and time.monotonic() > ends_s:
            break
        roles: list[tuple[list[float], Callable[[], float]]] = [
            (ours_s, lambda: push_once(server, key, cargo)),
            (scp_s, lambda: scp_once(options, server, cargo)),
        ]
        for times, send in roles if pair % 2 == 0 else reversed(roles):
            took_s = send()
            if pair >= 0:
                times.append(took_s)
        tell(f"push: pair {pair + 1} of {pairs}")
    return ours_s, scp_s


def push_once(server: OpenSsh, key: FarmKey, cargo: Cargo) -> float:
    """Seconds of one push of what is not there."""
    target = server.home / ".pifarm" / "cargo"
    target.unlink(missing_ok=True)
    began_s = time.monotonic()
    with closing(transport_to(server, key)) as transport:
        pushed = transport.push(cargo.path, target.name, sha256=cargo.sha256)
    took_s = time.monotonic() - began_s
    if pushed.sent_bytes != cargo.size_bytes or not target.exists():
        raise CannotMeasureError(f"the push sent {pushed.sent_bytes} of {cargo.size_bytes} bytes")
    return took_s


def scp_once(options: Sequence[str], server: OpenSsh, cargo: Cargo) -> float:
    """Seconds of one scp of the same file."""
    target = server.home / "copied"
    target.unlink(missing_ok=True)
    place = f"{server.address.user}@{server.address.host}:{target.name}"
    began_s = time.monotonic()
    try:
        done = subprocess.run(
            ["scp", "-q", *options, str(cargo.path), place], capture_output=True, check=False, timeout=MAX_SCP_S
        )
    except FileNotFoundError as error:
        raise CannotMeasureError("scp is not installed") from error
    took_s = time.monotonic() - began_s
    if done.returncode != 0 or target.stat().st_size != cargo.size_bytes:
        raise CannotMeasureError(f"scp failed: {done.stderr.decode(errors='replace')[-300:]}")
    return took_s


def push_again(server: OpenSsh, key: FarmKey, cargo: Cargo) -> tuple[int, int]:
    """What a push of what is there already sends: bytes of the file, and all bytes at the socket."""
    with counting_relay(server.address.host, server.address.port) as relay:
        through = dataclasses.replace(server, address=dataclasses.replace(server.address, port=relay.port))
        with closing(transport_to(through, key)) as transport:
            pushed = transport.push(cargo.path, "cargo", sha256=cargo.sha256)
        return pushed.sent_bytes, relay.sent_bytes


def transport_to(server: OpenSsh, key: FarmKey) -> SshTransport:
    """The farm's way to the server."""
    return SshTransport(server.address, key_file=key.private_file, host_key=str(server.host_key))


if __name__ == "__main__":
    run_command("push", "pushing a file against scp", measure, {"pairs": 11, "megabytes": 100, "minutes": 5.0})
