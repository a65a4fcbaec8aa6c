"""Takes the pictures of the dashboard that README shows: ``python -m docs.screenshots`` after ``make demo``.

The real dashboard, in a Chromium that is installed, on the farm of `PIFARM_HOME`: its leaderboard, and the newest run
of its baseline. Look at them before they are committed.
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
BUSY: Final = "[data-testid='stStatusWidget']"


def main() -> None:
    """Write ``leaderboard.png`` and ``run.png``."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("no Chromium is installed: apt install chromium")
    with _dashboard() as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        run = _newest_run()
        _take(page, f"{address}/?study={run.study}", "leaderboard")
        _take(page, f"{address}/run?run={run.run}", "run")
        browser.close()


def _take(page: Page, address: str, name: str) -> None:
    """A picture of a page once its charts are drawn and nothing of it is on its way any more."""
    page.goto(address)
    page.locator(DRAWN).first.wait_for(timeout=PATIENCE_S * 1000)
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
