"""The dashboard as people use it: the real server, in a real Chromium, on a farm with a finished study."""

import contextlib
import re
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright
from sqlalchemy import update

from dashboard.launch import dashboard_command
from orchestrator.config import load_settings
from orchestrator.db.clock import now_s
from orchestrator.db.migrate import open_migrated
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow
from orchestrator.health import health_of_dashboard
from tests import factories
from tests.integration.living_farm import wait_until
from tests.soaks import soak

pytestmark = pytest.mark.browser

WINNER = "int8@onnxruntime,t4"
PATIENCE_MS = 30_000
# Where a page other than the first is opened by its link, Streamlit asks below that page for its server, then above.
PROBED = re.compile(r"/[a-z]+/_stcore/(health|host-config)$")
# Streamlit scrolls within its own main part, so what is too wide there does not widen the document.
SCROLLED_WIDTH = """Math.max(document.documentElement.scrollWidth,
    document.querySelector("[data-testid=stMain]").scrollWidth)"""
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


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A farm with a finished study of a real and a simulated board and with soaks, in the state home of this module."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PIFARM_HOME", str(tmp_path_factory.mktemp("farm")))
        opened = open_migrated(load_settings().database_url)
        factories.fill(opened)
        soak(opened, {"int8": 100.0}, {"int8": 200.0})
        yield opened
        opened.engine.dispose()


@pytest.fixture(scope="module")
def address(farm: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the real server answers, started as `pifarm dashboard` starts it, from a folder of no meaning."""
    port = find_free_port()
    process = subprocess.Popen(
        dashboard_command("127.0.0.1", port),
        cwd=tmp_path_factory.mktemp("elsewhere"),
        env=load_settings().environment(),
    )
    try:
        wait_until(lambda: is_ready(process, port), "the dashboard answers")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """The installed Chromium."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(chromium), args=CHROMIUM_FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Sees to it that a test ends without an error on the console and without a request to elsewhere."""
    kept = Watch()
    yield kept
    assert kept.errors == []
    assert kept.strays == []


@pytest.fixture
def page(browser: Browser, watch: Watch) -> Iterator[Page]:
    """A new visitor with a laptop."""
    with visit(browser, watch, width=1280, scheme="light") as opened:
        yield opened


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


def test_a_visitor_finds_the_winner_opens_its_run_and_looks_at_the_farm(
    page: Page, address: str, tmp_path: Path
) -> None:
    page.goto(address)
    expect(page.get_by_text(f"{WINNER} is fastest").first).to_be_visible()
    expect(page.get_by_text("SIMULATED").first).to_be_visible()
    expect(page.locator("[data-testid=stVegaLiteChart] svg").first).to_be_visible()
    take_picture(page, tmp_path / "leaderboard.png")

    page.get_by_text(f"Runs of {WINNER}").first.click()
    page.get_by_role("link", name=re.compile("block 0 on pi5-1")).first.click()
    expect(page.get_by_role("heading", name=f"yolov9-c/{WINNER}")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/run\?run=[0-9a-f]+$"))
    expect(page.get_by_text("temperature, °C")).to_be_visible()
    take_picture(page, tmp_path / "run.png")

    page.get_by_role("link", name="Farm").first.click()
    expect(page.get_by_text("2 devices: 0 at work")).to_be_visible()
    expect(page.get_by_text("pi5-sim", exact=True).first).to_be_visible()
    take_picture(page, tmp_path / "farm.png")


def test_a_row_that_is_selected_shows_its_runs(page: Page, address: str) -> None:
    page.goto(address)
    table = page.locator("[data-testid=stDataFrame]").first
    expect(table).to_be_visible()
    await_rest(page)

    table.click(position={"x": 18, "y": 88})

    expect(page.get_by_text("Runs of fp32@onnxruntime,t4").first).to_be_visible()


def test_a_click_on_a_mark_selects_its_row_and_the_link_keeps_it(page: Page, address: str) -> None:
    page.goto(f"{address}/?board=pi5")
    await_rest(page)
    page.get_by_role("tab", name="One figure against another").first.click()
    shown = page.get_by_role("tabpanel", name="One figure against another").first
    mark = shown.locator("[data-testid=stVegaLiteChart] svg path[aria-label*='fp32@onnxruntime,t4']").first

    mark.hover()
    expect(page.locator("#vg-tooltip-element.visible")).to_be_visible()
    mark.click()

    expect(page.get_by_text("Runs of fp32@onnxruntime,t4").first).to_be_visible()
    expect(page).to_have_url(re.compile("variant=fp32"))


def test_a_filter_goes_into_the_link_and_the_link_restores_it(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("radio", name="burst").or_(page.get_by_role("button", name="burst")).first.click()
    expect(page).to_have_url(re.compile(r"regime=burst"))

    page.reload()

    expect(page.get_by_text(f"{WINNER} is fastest").first).to_be_visible()
    expect(page).to_have_url(re.compile(r"regime=burst"))


def test_neighbours_of_a_run_have_links_of_their_own(page: Page, address: str, farm: Database) -> None:
    first, second, *_ = factories.run_ids(farm, 1)
    page.goto(f"{address}/run?run={first}")

    page.get_by_role("button", name="Next").click()

    expect(page).to_have_url(f"{address}/run?run={second}")
    expect(page.get_by_text(f"run {second}")).to_be_visible()


def test_raw_data_is_downloaded_whole(page: Page, address: str, farm: Database) -> None:
    page.goto(f"{address}/run?run={factories.run_ids(farm, 1)[0]}")
    page.get_by_role("tab", name="Raw data").click()

    with page.expect_download() as download:
        page.get_by_role("button", name="Inferences as CSV").click()

    lines = download.value.path().read_text(encoding="utf-8").splitlines()
    assert lines[0] == "inference,start_s,latency_ms,is_counted"
    assert len(lines) == 1 + 3 + 40


def test_the_farm_page_follows_what_happens_without_a_reload(page: Page, address: str, farm: Database) -> None:
    page.goto(f"{address}/farm")
    expect(page.get_by_text("temperature unknown").first).to_be_visible()

    with farm.write() as session:
        changed = {"last_temperature_c": 61.5, "last_seen_at_s": now_s()}
        session.execute(update(DeviceRow).where(DeviceRow.name == "pi5-1").values(**changed))

    expect(page.get_by_text("61.5 °C")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), pytest.param(1280, "light", marks=pytest.mark.slow)])
def test_every_page_fits_its_window(
    browser: Browser,
    watch: Watch,
    address: str,
    farm: Database,
    tmp_path: Path,
    width: int,
    scheme: Literal["light", "dark"],
) -> None:
    with visit(browser, watch, width=width, scheme=scheme) as page:
        widths = {name: look(page, f"{address}/{path}", said, tmp_path / name) for name, path, said in pages_of(farm)}

    assert {name: wide for name, wide in widths.items() if wide > width} == {}


def look(page: Page, link: str, said: str, picture: Path) -> int:
    """How many pixels wide a page is once it says what it is about; its picture is kept."""
    page.goto(link)
    expect(page.get_by_text(said).first).to_be_visible()
    take_picture(page, picture.with_suffix(".png"))
    return int(page.evaluate(SCROLLED_WIDTH))


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
