"""What tests of whole farms share when files of them run side by side: this machine, for those that really infer."""

import fcntl
import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def this_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """This machine's turn: no other file of tests infers meanwhile. Of two farms, one would hardly get the lock."""
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    with (shared / "this-machine.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
