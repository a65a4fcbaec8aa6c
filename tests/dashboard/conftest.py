"""A farm of its own for each test of the dashboard, and pages to look at."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from playwright.sync_api import Browser, Page
from streamlit import config
from streamlit.testing.v1 import AppTest

from dashboard.launch import APP
from orchestrator.config import load_settings
from orchestrator.db.migrate import open_migrated
from orchestrator.db.session import Database
from tests import factories
from tests.dashboard.visitor import Watch, serving, visit
from tests.soaks import soak

TIMEOUT_S = 60.0
OpenPage = Callable[..., AppTest]


@contextlib.contextmanager
def farm_at(home: Path) -> Iterator[Database]:
    """The empty database of a state home that the dashboard reads meanwhile."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PIFARM_HOME", str(home))
        config.set_option("server.address", "127.0.0.1")  # as the command does
        opened = open_migrated(load_settings().database_url)
        yield opened
        opened.engine.dispose()
        st.cache_data.clear()
        st.cache_resource.clear()


def start_app() -> AppTest:
    """The app as somebody meets it who comes to its first page."""
    return AppTest.from_file(str(APP), default_timeout=TIMEOUT_S).run()


def enter_app() -> OpenPage:
    """Enters the app, and opens a page of it by the name of its file, with query parameters.

    Call it before the farm is filled: then the page that everybody meets first is quick.
    """
    app = start_app()

    def open_it(name: str = "leaderboard", /, **query: str) -> AppTest:
        st.cache_data.clear()
        app.switch_page(f"views/{name}.py")
        app.query_params.update(query)
        app.run()
        assert not app.exception, app.exception
        return app

    return open_it


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A farm of the test's own."""
    with farm_at(tmp_path) as opened:
        yield opened


@pytest.fixture
def open_page(database: Database) -> OpenPage:
    """Opens pages of the test's own farm."""
    return enter_app()


def open_section(app: AppTest, key: str | None, value: object = True) -> None:
    """A click on an expander, or on the tab `value`, that is filled once it is open."""
    app.session_state[str(key)] = value
    app.run()


def text_of(app: AppTest) -> str:
    """All prose of a page, in order, one piece a line, without Markdown's escapes."""
    kinds = ("title", "subheader", "caption", "markdown", "info", "warning", "error", "code")
    pieces = [getattr(element, "value", "") for kind in kinds for element in app.get(kind)]
    return "\n".join(str(piece) for piece in pieces).replace("\\", "")


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A farm with a finished study of a real and a simulated board and with soaks, in a state home of its own."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PIFARM_HOME", str(tmp_path_factory.mktemp("farm")))
        opened = open_migrated(load_settings().database_url)
        factories.fill(opened)
        soak(opened, {"int8": 100.0}, {"int8": 200.0})
        yield opened
        opened.engine.dispose()


@pytest.fixture(scope="module")
def address(farm: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the dashboard of `farm` answers."""
    with serving(load_settings().environment(), tmp_path_factory.mktemp("elsewhere")) as answering:
        yield answering


@pytest.fixture
def page(browser: Browser, watch: Watch) -> Iterator[Page]:
    """A new visitor with a laptop."""
    with visit(browser, watch, width=1280, scheme="light") as opened:
        yield opened
