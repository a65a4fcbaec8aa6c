"""A real Chromium before the real dashboard: a visitor who is watched, and what the tests of pages have in common."""

import contextlib
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from dashboard.launch import dashboard_command
from orchestrator.db.session import Database
from orchestrator.health import health_of_dashboard
from tests import factories
from tests.integration.living_farm import wait_until

PATIENCE_MS = 30_000
# Where a page other than the first is opened by its link, Streamlit asks below that page for its server, then above.
PROBED = re.compile(r"/[a-z]+/_stcore/(health|host-config)$")
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What went wrong in a browser: errors on its console, requests that leave the machine."""

    errors: list[str] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        """Watch a page until it closes."""
        page.on("console", lambda message: self._hear(message))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._see(request))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not PROBED.search(str(message.location["url"])):
            self.errors.append(message.text)

    def _see(self, request: Request) -> None:
        target = urlsplit(request.url)
        if target.scheme not in ("data", "blob") and target.hostname != "127.0.0.1":
            self.strays.append(request.url)


@contextlib.contextmanager
def visit(browser: Browser, watch: Watch, *, width: int, scheme: Literal["light", "dark"]) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": width, "height": 1400}, color_scheme=scheme)
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    opened = context.new_page()
    watch.follow(opened)
    yield opened
    context.close()


def take_picture(page: Page, path: Path) -> None:
    """A picture of a page that has come to rest."""
    await_rest(page)
    page.screenshot(path=path)


def await_rest(page: Page) -> None:
    """Until the page's script is over and nothing on it is a placeholder."""
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_attached()
    expect(page.locator("[data-testid=stSkeleton]")).to_have_count(0)


def find_free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_ready(process: "subprocess.Popen[bytes]", port: int) -> bool:
    assert process.poll() is None, "the dashboard ended; see what it printed"
    return health_of_dashboard(port).is_well


@contextlib.contextmanager
def serving(environment: Mapping[str, str], folder: Path) -> Iterator[str]:
    """Where the real server answers, started as `pifarm dashboard` starts it, from a folder of no meaning."""
    port = find_free_port()
    process = subprocess.Popen(dashboard_command("127.0.0.1", port), cwd=folder, env=environment)
    try:
        wait_until(lambda: is_ready(process, port), "the dashboard answers")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def pages_of(farm: Database) -> list[tuple[str, str, str]]:
    """Each page of the dashboard: a name, its path, and what it says on a farm that was measured and soaked."""
    one, other, *_ = factories.run_ids(farm, 1, device="pi5-1")
    return [
        ("leaderboard", "", "is fastest"),
        ("submit", "submit", "The plan"),
        ("studies", "studies", "Select a study to open it"),
        ("study", "studies?study=1", "What happened"),
        ("burst", f"run?run={one}", "one time axis"),
        ("soak", f"run?run={factories.run_ids(farm, 2)[0]}", "one time axis"),
        ("variants", "compare", "common blocks"),
        ("runs", f"compare?what=runs&runs={one}&runs={other}", "they can be compared"),
        ("thermal", "thermal", "When boards throttled"),
        ("farm", "farm?show=pi5-1", "2 devices"),
        ("health", "health", "A canary is a small fixed workload"),
    ]
