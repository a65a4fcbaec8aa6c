"""The dashboard on a farm of 100,000 runs and 100 million samples: its leaderboard, the page of a soak of an hour.

Queries are timed as the page asks them, without what it remembers; pages in a real Chromium, from the address until its
first words can be read, and until what a reader came for is drawn: the table, the latency over the temperature. The
visitor has opened each page three times before: Chromium keeps a script's compiled form from its third use on.
"""

import argparse
import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import BrowserContext

from benchmarks import large_farm
from benchmarks.command import run_command, tell
from benchmarks.figure import Estimate, Figure, Target, median_of
from benchmarks.served_pages import PATIENCE_MS, bare_streamlit, chromium, served_dashboard
from orchestrator.config import load_settings
from orchestrator.db.migrate import open_migrated
from orchestrator.db.session import Database
from orchestrator.queries.briefs import Among, list_briefs, list_places
from orchestrator.queries.leaderboard import leaderboard
from orchestrator.queries.runs import get_run, run_series

RANKED = "[data-testid='stDataFrame'] canvas"
FIGURES = "[data-testid='stMetric']"
DRAWN = "[data-testid='stVegaLiteChart'] :is(svg, canvas)"
VISITS_BEFORE = 3
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
        pair = _two_variants(database)
        address, bare = (
            kept.enter_context(serve(settings.environment())).address for serve in (served_dashboard, bare_streamlit)
        )
        return figures + _pages(address, bare, soak, pair, options.times)


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


def _two_variants(database: Database) -> list[tuple[str, str]]:
    """The page Compare's own parameters for two variants of the place that was measured last."""
    place = list_places(database)[0]
    among = Among(model=place.model, board_type=place.board_type, regime=place.regime, is_ranked=True)
    variants = list(dict.fromkeys(brief.variant for brief in list_briefs(database, among)))[:2]
    scope = [("model", place.model), ("board", place.board_type), ("regime", place.regime)]
    return [*scope, *(("variants", variant) for variant in variants)]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """A page to open: its words come `first`, and it is `whole` once what a reader came for is drawn."""

    name: str
    path: str
    first: tuple[str, str]
    whole: tuple[str, str]
    beside: str
    target: Target | None = None


def _pages(address: str, bare: str, soak: str, pair: Sequence[tuple[str, str]], times: int) -> list[Figure]:
    """Pages of the farm, each beside a bare page of Streamlit's with a table or a chart, in turn."""
    asked = (
        _Page(
            name="Leaderboard",
            path="",
            first=("its answer", "text=/is fastest|told apart|was measured/"),
            whole=("its table", RANKED),
            beside="",
            target=Target(at_most=1.5),
        ),
        _Page(
            name="Run of a soak",
            path=f"run?run={soak}",
            first=("its figures", FIGURES),
            whole=("its curves", DRAWN),
            beside="?chart",
            target=Target(at_most=1.0),
        ),
        _Page(
            name="Compare of two variants",
            path=f"compare?{urlencode(pair)}",
            first=("its answer", "text=/faster|slower|equivalent|cannot tell/"),
            whole=("its ratios", DRAWN),
            beside="?chart",
        ),
    )
    figures = []
    with chromium() as visitor:
        for page in asked:
            ours, theirs = [], []
            for _ in range(VISITS_BEFORE + times):
                ours.append(_open_s(visitor, f"{address}/{page.path}", page.first[1], page.whole[1]))
                theirs.append(_open_s(visitor, f"{bare}/{page.beside}", page.whole[1], page.whole[1]))
            first_s, whole_s = (median_of(seconds) for seconds in zip(*ours[VISITS_BEFORE:], strict=True))
            _, bare_s = (median_of(seconds) for seconds in zip(*theirs[VISITS_BEFORE:], strict=True))
            figures.append(Figure(what=f"{page.name} until {page.first[0]} can be read", unit="s", ours=first_s))
            targets = (page.target,) if page.target else ()
            what = f"{page.name} until {page.whole[0]} can be seen"
            figures.append(Figure(what=what, unit="s", ours=whole_s, reference=bare_s, targets=targets))
    return figures


def _open_s(visitor: BrowserContext, address: str, first: str, whole: str) -> tuple[float, float]:
    """Seconds from the address to the `first` words and to the `whole`."""
    page = visitor.new_page()
    began_s = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.locator(first).first.wait_for(timeout=PATIENCE_MS)
    first_s = time.perf_counter() - began_s
    page.locator(whole).first.wait_for(timeout=PATIENCE_MS)
    whole_s = time.perf_counter() - began_s
    page.close()
    return first_s, whole_s


if __name__ == "__main__":
    main()
