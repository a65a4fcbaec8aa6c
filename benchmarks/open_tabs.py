"""Whether the dashboard grows while many tabs of it stay open on a farm at work, and what they cost it.

Real Chromium pages, each in front as far as it knows, so that every one asks for what is new as if somebody watched; a
simulated board measures scripted runs meanwhile. Memory is that of the dashboard's process.
"""

import argparse
import contextlib
import itertools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from playwright.sync_api import BrowserContext, Page
from sqlalchemy import update

from benchmarks.command import CannotMeasureError, run_command, tell
from benchmarks.figure import Estimate, Figure, Target
from benchmarks.processes import rss_mb
from benchmarks.running_farm import RunningFarm, running_farm, wait_until
from benchmarks.served_pages import PATIENCE_MS, chromium, served_dashboard
from orchestrator import demo
from orchestrator.attending.picking import SCRIPTED
from orchestrator.db.model_tables import ArtifactRow
from orchestrator.queries.briefs import Among, list_briefs
from orchestrator.queries.studies import get_study
from orchestrator.simulator.process import simulator_process

BOARD, KIND = "watched", "pi5-active-cooler"
RUN_TAKES_AT_LEAST_S = 4.0
SCRIPTED_STUDY = (
    *("submit", demo.MODEL_NAME, "--device", BOARD, "--runtime", SCRIPTED, "--protocol", "demo", "--threads", "1"),
    *("--set", "gate.max_c=none", "--set", "gate.live_bits_clear=false"),
    *("--set", f"window.min_s={RUN_TAKES_AT_LEAST_S:g}"),
)
VIEWS = ("", "studies", "studies?study={study}", "farm", "health", "run?run={run}", "compare", "thermal")
TITLE = "[data-testid='stHeading']"
CONNECTED = "[data-test-connection-state='CONNECTED']"
BROKEN = "[data-testid='stException']"
MOST_GROWTH = 1.5
LOOK_EVERY_S = 15.0
OPTIONS: dict[str, int | float | str] = {"minutes": 60.0, "settle": 5.0, "tabs": 50}


def measure(options: argparse.Namespace) -> list[Figure]:
    """A farm at work, its dashboard, and tabs that stay open; `--settle` minutes after the last came memory counts."""
    if not 0 < options.settle < options.minutes:
        raise CannotMeasureError("--settle: expected more than 0 and less than --minutes")
    with (
        tempfile.TemporaryDirectory(prefix="pifarm-tabs-") as name,
        running_farm(Path(name) / "farm") as farm,
        _at_work(farm, Path(name) / "boards", options.minutes) as (study, run),
        served_dashboard(farm.environment) as served,
        chromium() as visitor,
    ):
        views = [f"{served.address}/{view.format(study=study, run=run)}" for view in VIEWS]
        pages = _open(visitor, views, options.tabs)
        before = _done(farm, study)
        figures = _watch(served.process, pages, options)
        runs = _done(farm, study) - before
        alive = sum(map(_is_alive, pages))
    return [
        *figures,
        Figure(
            what=f"tabs of {options.tabs} that are connected and whole at the end",
            unit="tabs",
            ours=Estimate(center=alive),
            targets=(Target(at_least=options.tabs),),
        ),
        Figure(what="runs that ended meanwhile", unit="runs", ours=Estimate(center=runs)),
    ]


@contextlib.contextmanager
def _at_work(farm: RunningFarm, folder: Path, minutes: float) -> Iterator[tuple[int, str]]:
    """A board that measures for longer than that: its study, and the first run that ended."""
    with simulator_process(folder, [KIND], [farm.key.public_line]) as (notice,):
        farm.add_board(BOARD, notice.address, notice.host_key)
        farm.run("device", "doctor", BOARD, "--fix", "--yes")
        _let_scripts_run(farm)
        blocks = int(2 * minutes * 60 / RUN_TAKES_AT_LEAST_S / len(demo.demo_variants())) + 1
        study: int = farm.pifarm(*SCRIPTED_STUDY, "--blocks", str(blocks))["study"]
        usable = Among(study=study, is_ranked=True)
        wait_until(lambda: bool(list_briefs(farm.farm.database, usable)), "a first run ends with a usable result")
        try:
            yield study, list_briefs(farm.farm.database, usable)[0].run
        finally:
            farm.run("study", "cancel", str(study))


def _done(farm: RunningFarm, study: int) -> int:
    return get_study(farm.farm.database, study).counts.get("done", 0)


def _let_scripts_run(farm: RunningFarm) -> None:
    """The demo's models may be measured by the scripted runtime, which computes nothing."""
    with farm.farm.database.write() as session:
        session.execute(update(ArtifactRow).values(facts={"runtimes": [SCRIPTED]}))


def _open(visitor: BrowserContext, views: list[str], tabs: int) -> list[Page]:
    pages = []
    for number, view in enumerate(itertools.islice(itertools.cycle(views), tabs), start=1):
        page = visitor.new_page()
        page.goto(view, wait_until="commit")
        page.locator(TITLE).first.wait_for(timeout=PATIENCE_MS)
        pages.append(page)
        tell(f"open_tabs: {number} of {tabs} tabs are open")
    return pages


def _watch(process: psutil.Process, pages: list[Page], options: argparse.Namespace) -> list[Figure]:
    """Memory after settling and at the end, and the processor time between."""
    _rest(process, pages, options.settle * 60)
    settled_mb, began_cpu_s, began_s = rss_mb(process), _served_s(process), time.monotonic()
    _rest(process, pages, (options.minutes - options.settle) * 60)
    ended_mb, lasted_s = rss_mb(process), time.monotonic() - began_s
    share = 100 * (_served_s(process) - began_cpu_s) / lasted_s
    return [
        Figure(
            what=f"memory after {options.minutes:g} minutes (reference: after {options.settle:g})",
            unit="MB RSS",
            ours=Estimate(center=ended_mb),
            reference=Estimate(center=settled_mb),
        ),
        Figure(
            what="growth of memory",
            unit="ratio",
            ours=Estimate(center=ended_mb / settled_mb),
            targets=(Target(at_most=MOST_GROWTH),),
        ),
        Figure(what="processor of the dashboard", unit="% of a core", ours=Estimate(center=share)),
    ]


def _served_s(process: psutil.Process) -> float:
    """Processor time with that of threads that have ended: the dashboard begins a thread for each answer."""
    times = process.cpu_times()
    return float(times.user + times.system)


def _rest(process: psutil.Process, pages: list[Page], seconds: float) -> None:
    """Let the tabs do what they do; the driver has to be awake for it."""
    ends_s = time.monotonic() + seconds
    while (left_s := ends_s - time.monotonic()) > 0:
        pages[0].wait_for_timeout(1e3 * min(left_s, LOOK_EVERY_S))
        tell(f"open_tabs: {rss_mb(process):.0f} MB, {max(0.0, left_s):.0f} s left")


def _is_alive(page: Page) -> bool:
    return page.locator(CONNECTED).count() > 0 and page.locator(BROKEN).count() == 0


if __name__ == "__main__":
    run_command("open_tabs", __doc__ or "", measure, OPTIONS)
