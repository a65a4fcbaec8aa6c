"""How files of these tests are shared among workers (``pytest -n 3 --dist loadfile``)."""

from pathlib import PurePath

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

ONE_WORKER = PurePath("tests/integration/inferring")


class TakingTurns(LoadFileScheduling):  # type: ignore[misc]  # the library has no types
    """A file is one worker's, and so are all that infer on this machine: of two farms one would hardly get its lock.

    A mark for the group would not do: ``--dist loadgroup`` of pytest-xdist 3.8 groups nothing under pytest 9.2
    (pytest-dev/pytest-xdist, issue 1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        file = PurePath(super()._split_scope(nodeid))
        return str(ONE_WORKER if file.parent == ONE_WORKER else file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """In place of sharing by file."""
    return TakingTurns(config, log) if config.getvalue("dist") == "loadfile" else None
