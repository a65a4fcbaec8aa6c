"""What a browser benchmark needs: a dashboard of its own on a free port, and a real Chromium to open its pages in.

Lifecycle: both are up inside their `with` block.
"""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import psutil
from playwright.sync_api import Browser, Error, sync_playwright

from benchmarks.command import CannotMeasureError
from dashboard.launch import dashboard_command
from orchestrator.health import health_of_dashboard

PATIENCE_MS = 60_000.0
POLL_S = 0.2
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedDashboard:
    """Where a dashboard answers, and the process that serves it."""

    address: str
    process: psutil.Process


@contextlib.contextmanager
def served_dashboard(environment: Mapping[str, str]) -> Iterator[ServedDashboard]:
    """The dashboard of the farm that the environment names; raises `CannotMeasureError` if it does not start."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(dashboard_command(port=port), env=environment, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + PATIENCE_MS / 1e3
        while not health_of_dashboard(port).is_well:
            if process.poll() is not None or time.monotonic() > until:
                raise CannotMeasureError("the dashboard did not start")
            time.sleep(POLL_S)
        yield ServedDashboard(address=f"http://127.0.0.1:{port}", process=psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A real Chromium without a window; raises `CannotMeasureError` without one, and where a page does not come."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        raise CannotMeasureError("no Chromium is installed: apt install chromium")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        except Error as error:
            raise CannotMeasureError(f"a page did not come: {error}") from error
        finally:
            browser.close()
