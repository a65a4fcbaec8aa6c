"""Simulated boards in a process of their own, which ends with the one that started it, however that ends.

The two speak over the child's standard streams: what to simulate goes in as one line of JSON, the boards come
out as one line when they answer, and the end of the input is the order to stop.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from orchestrator.errors import InternalError
from orchestrator.simulator.farm import BoardNotice, run_simulator

_STOP_PATIENCE_S = 10.0


@contextlib.contextmanager
def simulator_process(
    folder: Path, kinds: Sequence[str], authorized_keys: Sequence[str], *, port_base: int = 0
) -> Iterator[list[BoardNotice]]:
    """Boards of these kinds, served by another process until the `with` block ends; its log is in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "simulator.log"
    order = {
        "folder": str(folder.resolve()),
        "kinds": list(kinds),
        "authorized_keys": list(authorized_keys),
        "port_base": port_base,
    }
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "orchestrator.simulator"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # Ctrl-C is for the parent, which drains first
        ) as child,
    ):
        assert child.stdin is not None and child.stdout is not None
        try:
            child.stdin.write(json.dumps(order).encode() + b"\n")
            child.stdin.flush()
            answer = child.stdout.readline()
            if not answer:
                raise InternalError(f"the simulator did not start: {log.read_text()[-500:]}")
            yield [BoardNotice.from_json(each) for each in json.loads(answer)]
        finally:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_STOP_PATIENCE_S)
            child.kill()


def serve_standard_streams() -> None:
    """Be the child: simulate what the first line of the input says until the input ends."""
    order = json.loads(sys.stdin.readline())

    def tell(notices: list[BoardNotice]) -> None:
        sys.stdout.write(json.dumps([notice.as_json() for notice in notices]) + "\n")
        sys.stdout.flush()

    run_simulator(
        Path(order["folder"]),
        order["kinds"],
        order["authorized_keys"],
        port_base=order["port_base"],
        on_ready=tell,
        until=lambda: sys.stdin.read(),
    )
