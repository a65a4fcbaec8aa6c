"""The demo, as a newcomer runs it: one command, then the leaderboard in the terminal and on the page."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from orchestrator.config import Settings
from tests.dashboard.visitor import Watch, serving, visit

pytestmark = [pytest.mark.integration, pytest.mark.ssh]
VARIANTS = ("onnx", "slim", "int8-static")
QUICK = ("--blocks", "1", "--examples", "6", "--set", "warm_up.min_s=0.1", "--set", "window.min_s=0.3")
MEASURED = {"mAP50": "measured", "mAP50-95": "measured"}
ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What the demo left behind, and what it printed."""

    folder: Path
    settings: Settings
    printed: str = ""
    told: str = ""

    def pifarm(self, *words: str) -> str:
        """What a command prints on standard output."""
        return self.run(*words).stdout

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """A command to its end, which is a good one."""
        command = [sys.executable, "-m", "orchestrator", *words]
        return subprocess.run(
            command, env=self.settings.environment(), cwd=self.folder, capture_output=True, text=True, check=True
        )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    demo = Demo(folder=folder, settings=Settings(home=folder / "home"))
    done = demo.run("demo", *QUICK, *_only(*VARIANTS))
    return replace(demo, printed=done.stdout, told=done.stderr)


def test_it_ranks_what_was_trained_and_what_the_factory_made_on_three_devices(demo: Demo) -> None:
    board = json.loads(demo.pifarm("leaderboard", "--json"))
    ranked = {(row["group"]["board_type"], row["variant"].partition("@")[0]) for row in board["rows"]}
    left_out = {(run["device"], run["variant"].partition("@")[0]) for run in board["excluded"]}
    assert {variant for _, variant in ranked | left_out} == set(VARIANTS)
    assert {board_type for board_type, _ in ranked} == {"host", "pi4", "pi5"}
    assert all(row["simulated"] == (row["group"]["board_type"] != "host") for row in board["rows"])


def test_every_accuracy_was_measured_on_the_board(demo: Demo) -> None:
    board = json.loads(demo.pifarm("leaderboard", "--json"))
    for row in board["rows"]:
        assert {name: row["metrics"][name]["source"] for name in ("mAP50", "mAP50-95")} == MEASURED, row["variant"]


def test_its_table_stands_beside_the_published_one(demo: Demo) -> None:
    command = [sys.executable, "-m", "examples.yolov9"]
    done = subprocess.run(
        command, env=demo.settings.environment(), cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "| static int8 |" in done.stdout
    assert "(measured)" in done.stdout


def test_it_says_what_is_simulated_and_where_to_look_next(demo: Demo) -> None:
    assert "SIMULATED" in demo.printed
    (report,) = demo.folder.glob("pifarm-demo-*.html")
    assert report.name in demo.printed
    assert "http://127.0.0.1:8501" in demo.printed


def test_its_progress_is_told_where_no_terminal_shows_it(demo: Demo) -> None:
    assert re.search(r"^study 1: \d+ of 9 runs ended", demo.told, re.MULTILINE)


def test_a_second_demo_knows_its_boards_again(demo: Demo) -> None:
    again = demo.pifarm("demo", *QUICK, *_only("onnx"))
    assert "SIMULATED" in again
    assert len(json.loads(demo.pifarm("device", "list", "--json"))) == 3


@pytest.mark.browser
def test_its_winner_is_found_on_the_page(demo: Demo, browser: Browser, watch: Watch) -> None:
    board = json.loads(demo.pifarm("leaderboard", "1", "--json"))
    winner = next(row["variant"] for row in board["rows"] if row["group"]["board_type"] == "host" and row["rank"] == 1)
    with (
        serving(demo.settings.environment(), demo.folder) as address,
        visit(browser, watch, width=1280, scheme="light") as page,
    ):
        page.goto(f"{address}/?study=1")
        expect(page.get_by_text(re.compile(re.escape(winner))).first).to_be_visible()


def _only(*labels: str) -> list[str]:
    return [word for label in labels for word in ("--variant", label)]
