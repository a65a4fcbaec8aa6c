"""An emulated arm64 board that lives as long as a `with` block; `scripts/make-arm64-board` makes it."""

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts/make-arm64-board"
PATIENCE_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatedBoard:
    """A board: where its SSH server is, its host key's fingerprint, and its files as this machine's root sees them."""

    address: str
    fingerprint: str
    root: Path

    @property
    def farm_folder(self) -> Path:
        """Where the farm keeps its things on the board."""
        return self.root / "home/pi/.pifarm"

    def ssh(self, key: Path, command: str) -> str:
        """What a shell command prints on the board, run over SSH by whoever has this private key."""
        place, _, port = self.address.rpartition(":")
        options = ["UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=no", "LogLevel=ERROR", "BatchMode=yes"]
        argv = ["ssh", "-i", str(key), "-p", port, *(word for option in options for word in ("-o", option))]
        return subprocess.run(
            [*argv, place, command], capture_output=True, text=True, check=True, timeout=PATIENCE_S
        ).stdout


def reason_against() -> str:
    """Why no board can be made on this machine; empty where one can."""
    asked = subprocess.run([str(SCRIPT), "check"], capture_output=True, text=True, check=False)
    return "" if asked.returncode == 0 else asked.stderr.strip() or "scripts/make-arm64-board fails"


@contextlib.contextmanager
def emulated_board(folder: Path, *options: str) -> Iterator[EmulatedBoard]:
    """A fresh board; the first of all takes minutes, because the base system is made."""
    argv = [str(SCRIPT), "run", str(folder), *options]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            address, _, fingerprint = process.stdout.readline().strip().partition(" ")
            assert address, "the board did not start; it says above why"
            yield EmulatedBoard(address=address, fingerprint=fingerprint, root=folder / "root")
        finally:
            process.stdin.close()
            process.wait(PATIENCE_S)
