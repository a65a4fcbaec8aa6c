"""What a browser benchmark needs: a dashboard of its own on a free port, and a real Chromium to open its pages in.

Lifecycle: both are up inside their `with` block.
"""

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from playwright.sync_api import BrowserContext, Error, sync_playwright

from benchmarks.command import CannotMeasureError
from dashboard.launch import APP, dashboard_command
from orchestrator.health import health_of_dashboard

PATIENCE_MS = 60_000.0
POLL_S = 0.2
BARE_PAGE = """import streamlit as st

if "chart" in st.query_params:
    st.vega_lite_chart({"data": {"values": [{"x": 1, "y": 2}]}, "mark": "line", "encoding": {"x": {"field": "x"}}})
else:
    st.dataframe({"figure": [1, 2]})
"""
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedDashboard:
    """Where a dashboard answers, and the process that serves it."""

    address: str
    process: psutil.Process


@contextlib.contextmanager
def served_dashboard(environment: Mapping[str, str]) -> Iterator[ServedDashboard]:
    """The dashboard of the farm that the environment names; raises `CannotMeasureError` if it does not start."""
    port = _free_port()
    with _served(dashboard_command(port=port), environment, port) as served:
        yield served


@contextlib.contextmanager
def bare_streamlit(environment: Mapping[str, str]) -> Iterator[ServedDashboard]:
    """Streamlit's smallest page of a table, or with `?chart` of a chart: no page of pifarm's can be quicker."""
    with tempfile.TemporaryDirectory(prefix="pifarm-bare-") as folder:
        app, port = Path(folder) / "bare.py", _free_port()
        app.write_text(BARE_PAGE, encoding="utf-8")
        command = [str(app) if each == str(APP) else each for each in dashboard_command(port=port)]
        with _served(command, environment, port) as served:
            yield served


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _served(command: Sequence[str], environment: Mapping[str, str], port: int) -> Iterator[ServedDashboard]:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
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
def chromium() -> Iterator[BrowserContext]:
    """A real Chromium without a window, of one visitor whose profile keeps files and compiled scripts.

    Raises `CannotMeasureError` without one, and where a page does not come.
    """
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        raise CannotMeasureError("no Chromium is installed: apt install chromium")
    with tempfile.TemporaryDirectory(prefix="pifarm-profile-") as profile, sync_playwright() as play:
        visitor = play.chromium.launch_persistent_context(profile, executable_path=path, args=FLAGS)
        try:
            yield visitor
        except Error as error:
            raise CannotMeasureError(f"a page did not come: {error}") from error
        finally:
            visitor.close()
