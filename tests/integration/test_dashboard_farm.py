"""A board's way over the page Farm: added by its fingerprint, looked at closely, taken out of service and back."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.launch import command_of
from orchestrator.attending.lifecycle import DeviceState
from orchestrator.config import Settings
from orchestrator.farm import Farm, open_farm
from orchestrator.queries.audit import list_audit
from orchestrator.queries.farm import get_device
from orchestrator.simulator.farm import SimulatedBoard, simulated_boards
from orchestrator.transport.keys import FarmKey
from tests.dashboard.visitor import PATIENCE_MS, Watch, find_free_port, is_ready, visit
from tests.integration.living_farm import PATIENCE_S, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.ssh, pytest.mark.browser]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyFarm:
    """A farm without a device, its dashboard, and a board that lets it in over SSH."""

    farm: Farm
    board: SimulatedBoard
    address: str


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[EmptyFarm]:
    """No worker runs: the page speaks to the board by itself."""
    farm = open_farm(Settings(home=tmp_path / "home", dashboard_port=find_free_port()))
    key, port = FarmKey.in_folder(farm.settings.keys_dir), farm.settings.dashboard_port
    with (
        simulated_boards(tmp_path / "boards", ["pi5-active-cooler"], [key.public_line]) as (board,),
        subprocess.Popen(command_of(farm.settings), env=farm.settings.environment()) as process,
    ):
        wait_until(lambda: is_ready(process, port), "the dashboard answers")
        yield EmptyFarm(farm=farm, board=board, address=f"http://127.0.0.1:{port}")
        process.terminate()
        process.wait(PATIENCE_S)
    farm.database.engine.dispose()


@pytest.fixture
def page(empty: EmptyFarm, browser: Browser, watch: Watch) -> Iterator[Page]:
    """The page Farm, before anything is there."""
    with visit(browser, watch, width=1280, scheme="light") as opened:
        opened.goto(f"{empty.address}/farm")
        yield opened


def test_a_board_is_added_examined_and_taken_out_of_service_and_back(page: Page, empty: EmptyFarm) -> None:
    add(page, empty)
    examine(page)
    take_out_and_back(page, empty)

    lines = reversed(list_audit(empty.farm.database))
    assert [(line.action, line.outcome) for line in lines] == [
        ("device look", "done"),
        ("device add", "done"),
        ("device doctor", "done"),
        ("device drain", "failed"),
        ("device drain", "done"),
        ("device resume", "done"),
        ("device quarantine", "done"),
        ("device resume", "done"),
    ]


def add(page: Page, empty: EmptyFarm) -> None:
    """Only once the fingerprint that the board shows was compared."""
    fill(page, "Name", "shelf-1")
    fill(page, "Address", str(empty.board.address))
    page.get_by_role("button", name="Show its host key").click()
    expect(page.get_by_text(empty.board.host_key.fingerprint)).to_be_visible()
    expect(page.get_by_role("button", name="Add the device")).to_be_disabled()
    page.get_by_text("They are the same").click()
    page.get_by_role("button", name="Add the device").click()
    page.get_by_role("button", name="Look after shelf-1").click(timeout=2 * PATIENCE_MS)
    assert get_device(empty.farm.database, "shelf-1").fingerprint == empty.board.host_key.fingerprint


def examine(page: Page) -> None:
    """The doctor speaks to the board, and what it finds stays on the page."""
    page.get_by_role("tab", name="Doctor").click()
    page.get_by_role("button", name="Look closer now").click()
    expect(page.get_by_text("Looked closer, 20")).to_be_visible(timeout=2 * PATIENCE_MS)


def take_out_and_back(page: Page, empty: EmptyFarm) -> None:
    """Each time with a comment, without which nothing happens."""
    page.get_by_role("tab", name="Service").click()
    page.get_by_role("button", name="Drain").click()
    expect(page.get_by_text("comment: say why")).to_be_visible()
    for button, comment, said, state in (
        ("Drain", "new fan, see https://elsewhere.example or www.elsewhere.example", "drained", DeviceState.DRAINED),
        ("Resume", "it turns", "ready", DeviceState.READY),
        ("Quarantine", "it rattles", "quarantined", DeviceState.SICK),
        ("Resume", "it was the shelf", "ready", DeviceState.READY),
    ):
        fill(page, "Comment", comment)
        page.get_by_role("button", name=button).click()
        expect(page.get_by_test_id("stToast").filter(has_text=f"shelf-1: {said}").last).to_be_visible()
        assert get_device(empty.farm.database, "shelf-1").state is state
        expect(page.locator("a[href*=elsewhere]")).to_have_count(0)
    page.get_by_role("tab", name="Doctor").click()
    expect(page.get_by_text("Looked closer, 20")).to_be_visible()


def fill(page: Page, label: str, value: str) -> None:
    page.get_by_role("textbox", name=label).fill(value)
    page.keyboard.press("Enter")
