"""What every test gets: a state home of its own, Hypothesis without deadlines, the programs that some drive.

A test that needs a missing program is skipped, but under CI=true it fails: nothing is skipped silently there.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Shared machines stall at random, so the time of one example says nothing about the code.
settings.register_profile(
    "pifarm", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("pifarm")


@pytest.fixture(scope="session", autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty state home: no setting of whoever runs the tests reaches them, no test reaches a real farm."""
    home = tmp_path_factory.mktemp("pifarm")
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("PIFARM_")]:
            environment.delenv(name)
        environment.setenv("PIFARM_HOME", str(home))
        yield home


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The installed Chromium, for tests marked browser."""
    return find_program("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def sshd() -> Path:
    """The installed OpenSSH server, for tests marked ssh."""
    return find_program("sshd")


def find_program(*names: str) -> Path:
    """The first of these programs that is installed; without any the test is skipped, or fails in CI."""
    search_path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    for name in names:
        if found := shutil.which(name, path=search_path):
            return Path(found)
    message = f"none of {', '.join(names)} is installed (scripts/install-test-packages installs it)"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
