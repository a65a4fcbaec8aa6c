"""The way of a model over the pages: signed in, uploaded, queued, watched, found on the leaderboard, its run opened."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.launch import command_of
from orchestrator import demo, passwords, protocols
from orchestrator.access import Access
from orchestrator.config import Settings
from orchestrator.health import health_of_dashboard
from orchestrator.queries.audit import list_audit
from tests.dashboard.visitor import PATIENCE_MS, Watch, find_free_port, visit
from tests.integration.living_farm import PATIENCE_S, LivingFarm, living_farm, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.ssh, pytest.mark.browser]
PASSWORD = "the operators' own"


@pytest.fixture
def living(tmp_path: Path) -> Iterator[LivingFarm]:
    """A farm with one simulated board, where the demo's files are known to a runtime that only pretends."""
    with living_farm(tmp_path / "home", ["pi5-active-cooler"]) as farm:
        yield farm


@pytest.fixture
def address(living: LivingFarm) -> Iterator[str]:
    """Where its dashboard answers, behind a password."""
    settings = Settings(
        home=living.farm.settings.home,
        dashboard_port=find_free_port(),
        dashboard_access=Access.PASSWORD,
        dashboard_operator_password_hash=passwords.hash_password(PASSWORD),
    )
    with subprocess.Popen(command_of(settings), env=settings.environment(), stdout=subprocess.DEVNULL) as process:
        wait_until(lambda: health_of_dashboard(settings.dashboard_port).is_well, "the dashboard answers")
        yield f"http://127.0.0.1:{settings.dashboard_port}"
        process.terminate()
        process.wait(PATIENCE_S)


@pytest.fixture
def page(address: str, browser: Browser, watch: Watch) -> Iterator[Page]:
    """An operator before the first page."""
    with visit(browser, watch, width=1280, scheme="light") as opened:
        opened.goto(address)
        yield opened


def test_a_model_is_uploaded_queued_watched_ranked_and_its_run_opened(page: Page, living: LivingFarm) -> None:
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing has been measured yet.")).to_be_visible()

    page.get_by_role("link", name="Submit").first.click()
    page.get_by_text("Hand over a model").click()
    page.locator("input[type=file]").set_input_files(demo.demo_variants()[0].path)
    page.get_by_label("Name of the model").fill("mine")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Add it to the farm").click()
    expect(page.get_by_text("mine: added")).to_be_visible()

    choose(page, "Model", "mine")
    expect(page.get_by_text("5 runs: 1 variant x 1 device x 5 blocks")).to_be_visible()
    choose(page, "Runtimes", "scripted")
    page.get_by_text("demo", exact=True).click()
    runs = protocols.preset("demo").blocks
    expect(page.get_by_role("button", name=f"Queue {runs} runs")).to_be_visible()
    page.get_by_role("button", name=f"Queue {runs} runs").click()

    expect(page.get_by_role("heading", name="Study 1: mine")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/studies\?study=1$"))
    expect(page.get_by_text(f"{runs} of {runs} runs done")).to_be_visible(timeout=2 * PATIENCE_MS)

    page.get_by_role("link", name="Its leaderboard").click()
    page.get_by_text(re.compile("^Runs of ")).first.click()
    page.get_by_role("link", name=re.compile("block 0 on ")).first.click()
    expect(page).to_have_url(re.compile(r"/run\?run=[0-9a-f]+$"))
    expect(page.get_by_role("heading", name=re.compile("^mine.digits@scripted"))).to_be_visible()
    assert [line.action for line in list_audit(living.farm.database)] == ["study submit", "model add"]


def choose(page: Page, label: str, value: str) -> None:
    """Choose a value of a list by its name, from the keyboard."""
    page.get_by_role("combobox", name=label).click()
    page.keyboard.type(value)
    page.get_by_role("option", name=value, exact=True).click()
    page.keyboard.press("Escape")
