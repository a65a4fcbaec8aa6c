"""The dashboard as people use it: the real server, in a real Chromium, on a farm with a finished study."""

import re
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import update

from orchestrator.db.clock import now_s
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow
from tests import factories
from tests.dashboard.visitor import Watch, await_rest, pages_of, take_picture, visit

pytestmark = pytest.mark.browser

WINNER = "int8@onnxruntime,t4"
# Streamlit scrolls within its own main part, so what is too wide there does not widen the document.
SCROLLED_WIDTH = """Math.max(document.documentElement.scrollWidth,
    document.querySelector("[data-testid=stMain]").scrollWidth)"""


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
