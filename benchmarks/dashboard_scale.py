"""The dashboard on a farm of 100,000 runs and 100 million samples: its leaderboard, the page of a soak of an hour.

Queries are timed as the page asks them, without what it remembers; pages in a real Chromium, from the address until
what a reader came for is drawn: the table, the latency over the temperature. Each page is opened once before.
"""

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, sync_playwright

from benchmarks import large_farm
from benchmarks.command import CannotMeasureError, run_command, tell
from benchmarks.figure import Estimate, Figure, Target, median_of
from dashboard.launch import dashboard_command
from orchestrator.config import load_settings
from orchestrator.db.migrate import open_migrated
from orchestrator.db.session import Database
from orchestrator.health import health_of_dashboard
from orchestrator.queries.briefs import Among, list_briefs, list_places
from orchestrator.queries.leaderboard import leaderboard
from orchestrator.queries.runs import get_run, run_series

PATIENCE_MS = 60_000.0
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
RANKED = "[data-testid='stDataFrame'] canvas"
DRAWN = "[data-testid='stVegaLiteChart'] :is(svg, canvas)"
OPTIONS: dict[str, int | float | str] = {"runs": 100_000, "samples": 100_000_000, "times": 7, "home": ""}


def main() -> None:
    """Fill a database, unless `--home` names one that was filled before, and time what is asked of it."""
    run_command("dashboard_scale", __doc__ or "", _measure, OPTIONS)


def _measure(options: argparse.Namespace) -> list[Figure]:
    with contextlib.ExitStack() as kept:
        home = Path(options.home or kept.enter_context(tempfile.TemporaryDirectory(prefix="pifarm-scale-")))
        os.environ["PIFARM_HOME"] = str(home)
        settings = load_settings()
        database = open_migrated(settings.database_url)
        kept.callback(database.engine.dispose)
        soak = _filled(database, options)
        size = sum(file.stat().st_size for file in home.glob("pifarm.db*"))
        figures = [Figure(what="database", unit="MB", ours=Estimate(center=size / 1e6))]
        figures += _queries(database, soak, options.times)
        address = kept.enter_context(_dashboard(settings.environment()))
        return figures + _pages(address, soak, options.times)


def _filled(database: Database, options: argparse.Namespace) -> str:
    soaks = list_briefs(database, Among(regime="sustained"), limit=1)
    if soaks:
        return soaks[0].run
    began_s = time.monotonic()
    run = large_farm.fill(database, runs=options.runs, samples=options.samples)
    tell(f"filled in {time.monotonic() - began_s:.0f} s")
    return run


def _queries(database: Database, soak: str, times: int) -> list[Figure]:
    place = list_places(database)[0]
    asked: dict[str, tuple[Callable[[], object], Target | None]] = {
        "where runs are": (lambda: list_places(database), None),
        "leaderboard of a model on a type of board": (
            lambda: leaderboard(database, model=place.model, board_type=place.board_type),
            Target(at_most=100.0),
        ),
        "newest 500 runs": (lambda: list_briefs(database, Among(), 500), None),
        "a soak of an hour": (lambda: (get_run(database, soak), run_series(database, soak)), None),
    }
    found = []
    for what, (work, target) in asked.items():
        wall_ms, processor_ms = _times_ms(work, times)
        found.append(Figure(what=what, unit="ms", ours=median_of(wall_ms), targets=(target,) if target else ()))
        found.append(Figure(what=f"{what}, processor time", unit="ms", ours=median_of(processor_ms)))
    return found


def _times_ms(work: Callable[[], object], times: int) -> tuple[list[float], list[float]]:
    """What passes meanwhile, and what this process computes: others who are busy add to the former alone."""
    work()
    wall_ms, processor_ms = [], []
    for _ in range(times):
        began, began_processor = time.perf_counter(), time.process_time()
        work()
        wall_ms.append((time.perf_counter() - began) * 1e3)
        processor_ms.append((time.process_time() - began_processor) * 1e3)
    return wall_ms, processor_ms


def _pages(address: str, soak: str, times: int) -> list[Figure]:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise CannotMeasureError("no Chromium is installed: apt install chromium")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=FLAGS)
        try:
            first = [_open_s(browser, address, RANKED) for _ in range(times + 1)][1:]
            run = [_open_s(browser, f"{address}/run?run={soak}", DRAWN) for _ in range(times + 1)][1:]
        except Error as error:
            raise CannotMeasureError(f"a page did not come: {error}") from error
        finally:
            browser.close()
    return [
        Figure(
            what="Leaderboard until its table is there", unit="s", ours=median_of(first), targets=(Target(at_most=1.5),)
        ),
        Figure(
            what="Run of a soak until its curves are drawn",
            unit="s",
            ours=median_of(run),
            targets=(Target(at_most=1.0),),
        ),
    ]


def _open_s(browser: Browser, address: str, until: str) -> float:
    """Seconds from the address to what a reader came for, by a visitor who has been here: files are remembered."""
    page: Page = browser.contexts[0].new_page() if browser.contexts else browser.new_context().new_page()
    began = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.locator(until).first.wait_for(timeout=PATIENCE_MS)
    took_s = time.perf_counter() - began
    page.close()
    return took_s


@contextlib.contextmanager
def _dashboard(environment: dict[str, str]) -> Iterator[str]:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(dashboard_command(port=port), env=environment, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + PATIENCE_MS / 1e3
        while not health_of_dashboard(port).is_well:
            if process.poll() is not None or time.monotonic() > until:
                raise CannotMeasureError("the dashboard did not start")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
