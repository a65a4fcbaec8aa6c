"""Takes the pictures of the dashboard that README and docs/dashboard.md show: ``python -m docs.screenshots``.

After ``make demo``: the real dashboard, in a Chromium that is installed, on the farm of `PIFARM_HOME`. Look at them
before they are committed.
"""

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from playwright.sync_api import Page, sync_playwright

from dashboard.launch import dashboard_command
from orchestrator.config import load_settings
from orchestrator.demo.detection import MODEL_NAME
from orchestrator.farm import open_farm
from orchestrator.queries.rows import RunView
from orchestrator.queries.runs import list_runs

FOLDER: Final = Path(__file__).parent / "images"
WIDTH, HEIGHT = 1760, 1100  # wide enough for the leaderboard's metrics
FLAGS: Final = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
BASELINE: Final = "onnx"
PATIENCE_S: Final = 60.0
DRAWN: Final = "[data-testid='stVegaLiteChart'] canvas, [data-testid='stVegaLiteChart'] svg"
TABLE: Final = "[data-testid='stDataFrame'] canvas"
BUSY: Final = "[data-testid='stStatusWidget']"


def main() -> None:
    """Write a picture of each page that has something to show after a demo."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("no Chromium is installed: apt install chromium")
    with _dashboard() as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for name, (path, until) in _pages(_newest_run()).items():
            _take(page, f"{address}/{path}", until, name)
        browser.close()


def _pages(run: RunView) -> dict[str, tuple[str, str]]:
    """Names of pictures, the page of each, and what has to be drawn on it."""
    here = urlencode({"model": run.model, "board": run.board_type})
    return {
        "leaderboard": (f"?study={run.study}", DRAWN),
        "run": (f"run?run={run.run}", DRAWN),
        "compare": (f"compare?{here}", DRAWN),
        "study": (f"studies?study={run.study}", TABLE),
        "farm": (f"farm?show={run.device}", TABLE),
    }


def _take(page: Page, address: str, until: str, name: str) -> None:
    """A picture of a page once what it is for is drawn and nothing of it is on its way any more."""
    page.goto(address)
    page.locator(until).first.wait_for(timeout=PATIENCE_S * 1000)
    page.locator(BUSY).wait_for(state="detached", timeout=PATIENCE_S * 1000)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=FOLDER / f"{name}.png")
    sys.stdout.write(f"docs/images/{name}.png\n")


def _newest_run() -> RunView:
    runs = list_runs(open_farm(load_settings()).database)
    timed = (run for run in runs if run.model == MODEL_NAME and run.median_ms is not None)
    return next(run for run in timed if run.variant.startswith(f"{BASELINE}@"))


@contextlib.contextmanager
def _dashboard() -> Iterator[str]:
    """The address of a dashboard that serves inside the `with` block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(dashboard_command("127.0.0.1", port), env=load_settings().environment()) as server:
        ends_at_s = time.monotonic() + PATIENCE_S
        while not _answers(port) and time.monotonic() < ends_at_s:
            time.sleep(0.1)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    main()
