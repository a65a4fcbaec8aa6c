"""What every test gets: a state home of its own, Hypothesis without deadlines, the programs that some drive."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.programs import find_program

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.dashboard.visitor import Watch

# Shared machines stall at random, so the time of one example says nothing about the code. `make test-slow` looks more
# thoroughly than `make test`; --hypothesis-profile long is for nights.
settings.register_profile(
    "pifarm", max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("thorough", settings.get_profile("pifarm"), max_examples=40)
settings.register_profile("long", settings.get_profile("pifarm"), max_examples=5000)
settings.load_profile("pifarm")


def pytest_collection_finish() -> None:
    """Spare the collector what thousands of collected tests and their modules keep anyway."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty state home: no setting of whoever runs the tests reaches them, no test reaches a real farm."""
    home = tmp_path_factory.mktemp("pifarm")
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("PIFARM_") and name != "PIFARM_TEST_CACHE"]:
            environment.delenv(name)
        environment.setenv("PIFARM_HOME", str(home))
        environment.setenv("PIFARM_CANARY_EVERY_S", "0")  # but for their own tests: they would come between all others
        yield home


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The installed Chromium, for tests marked browser."""
    return find_program("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator["Browser"]:
    """That Chromium, started, for the tests of a module."""
    from playwright.sync_api import sync_playwright  # few tests have a page to look at

    from tests.dashboard.visitor import CHROMIUM_FLAGS

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(chromium), args=CHROMIUM_FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def watch() -> Iterator["Watch"]:
    """Sees to it that a test ends without an error on the console and without a request to elsewhere."""
    from tests.dashboard.visitor import Watch

    kept = Watch()
    yield kept
    assert (kept.errors, kept.strays) == ([], [])


@pytest.fixture(scope="session")
def sshd() -> Path:
    """The installed OpenSSH server, for tests marked ssh."""
    return find_program("sshd")
