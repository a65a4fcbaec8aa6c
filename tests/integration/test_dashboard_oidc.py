"""Signing in to the dashboard by an identity provider, in a real Chromium. All of it is on loopback."""

import contextlib
import json
import os
import re
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from orchestrator.attending.lifecycle import DeviceState
from orchestrator.config import Settings, load_settings
from orchestrator.db.migrate import open_migrated
from orchestrator.db.session import Database
from orchestrator.queries.audit import list_audit
from orchestrator.queries.farm import get_device
from tests import factories
from tests.dashboard.visitor import Watch, find_free_port, is_ready, visit
from tests.integration.living_farm import PATIENCE_S, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.browser]
# Of the provider's own form, which is answered with nothing.
STYLESHEET = "https://cdn.jsdelivr.net/npm/@picocss/pico@2/css/pico.min.css"
PEOPLE = [{"sub": name, "email": f"{name}@example.org", "email_verified": True} for name in ("ann", "bob", "eve")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """A farm whose dashboard asks a provider who somebody is: Ann operates, Bob looks, Eve is unknown."""

    database: Database
    settings: Settings
    address: str
    process: "subprocess.Popen[bytes]"


@dataclass(kw_only=True)
class Forger:
    """Stands between a page and its server, and sends once, with the page's next message, the click of a button."""

    key: str
    button: str = field(default="", init=False)
    has_clicked: bool = field(default=False, init=False)
    runs_since: int = field(default=0, init=False)

    def stand_between(self, socket: WebSocketRoute) -> None:
        """Pass on all messages, reading those of the server and adding to one of the page's."""
        server = socket.connect_to_server()
        server.on_message(lambda message: socket.send(self._read(message)))
        socket.on_message(lambda message: server.send(self._forge(message)))

    def _read(self, message: str | bytes) -> str | bytes:
        if isinstance(message, bytes):
            said = ForwardMsg.FromString(message)
            if said.delta.new_element.button.id.endswith(f"-{self.key}"):
                self.button = said.delta.new_element.button.id
            self.runs_since += self.has_clicked and said.HasField("script_finished")
        return message

    def _forge(self, message: str | bytes) -> str | bytes:
        if not isinstance(message, bytes) or not self.button or self.has_clicked:
            return message
        sent = BackMsg.FromString(message)
        if not sent.HasField("rerun_script"):
            return message
        sent.rerun_script.ClearField("fragment_id")
        sent.rerun_script.widget_states.widgets.add(id=self.button, trigger_value=True)
        self.has_clicked = True
        forged: bytes = sent.SerializeToString()
        return forged


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """Where a real OpenID provider answers, which knows three people."""
    port = find_free_port()
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-registration", "true"]
    command += [word for person in PEOPLE for word in ("--user-claims", json.dumps(person))]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: is_answering(f"http://127.0.0.1:{port}/jwks"), "the provider answers")
        yield f"http://127.0.0.1:{port}"
        process.terminate()
        process.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def guarded(provider: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A farm with one device, served by `pifarm dashboard` by nothing but its settings file."""
    home, port = tmp_path_factory.mktemp("farm"), find_free_port()
    address = f"http://127.0.0.1:{port}"
    client = register(provider, f"{address}/oauth2callback")
    lines = {
        "dashboard_port": port,
        "dashboard_access": "oidc",
        "dashboard_oidc_metadata_url": f"{provider}/.well-known/openid-configuration",
        "dashboard_oidc_client_id": client["client_id"],
        "dashboard_oidc_client_secret": client["client_secret"],
        "dashboard_operators": "ann@example.org",
        "dashboard_viewers": "bob@example.org",
    }
    (home / "pifarm.toml").write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items()))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PIFARM_HOME", str(home))
        settings = load_settings()
        database = open_migrated(settings.database_url)
        factories.add_device(database)
        with subprocess.Popen([sys.executable, "-m", "orchestrator", "dashboard"], env=os.environ) as process:
            wait_until(lambda: is_ready(process, port), "the dashboard answers")
            yield Guarded(database=database, settings=settings, address=address, process=process)
            process.terminate()
            process.wait(PATIENCE_S)
        database.engine.dispose()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Somebody whom nobody knows yet; ends without an error on the console and without a request of ours elsewhere."""
    watch = Watch()
    with visit(browser, watch, width=1280, scheme="light") as opened:
        opened.route(STYLESHEET, lambda route: route.fulfill(body="", content_type="text/css"))
        yield opened
    assert watch.errors == []
    assert set(watch.strays) <= {STYLESHEET}


def test_an_operator_signs_in_acts_under_their_own_name_and_signs_out(page: Page, guarded: Guarded) -> None:
    sign_in(page, guarded, "ann")
    expect(page.get_by_text("Signed in: ann@example.org, operator")).to_be_visible()

    page.goto(f"{guarded.address}/farm?show=pi5-1")
    page.get_by_label("Comment").fill("new fan")
    page.get_by_label("Comment").press("Enter")
    page.get_by_role("button", name="Drain").click()
    expect(page.get_by_test_id("stToast")).to_contain_text("pi5-1: drained")
    assert get_device(guarded.database, "pi5-1").state is DeviceState.DRAINED
    assert [(line.who, line.role, line.action, line.outcome) for line in list_audit(guarded.database)] == [
        ("dashboard:ann@example.org", "operator", "device drain", "done")
    ]

    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="End session").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.goto(f"{guarded.address}/farm")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


@pytest.mark.parametrize(("name", "role", "counts"), [("bob", "viewer", False), ("ann", "operator", True)])
def test_a_click_that_a_browser_makes_up_counts_for_an_operator_and_not_for_a_viewer(
    page: Page, guarded: Guarded, name: str, role: str, counts: bool
) -> None:
    before = len(list_audit(guarded.database))
    sign_in(page, guarded, name)
    expect(page.get_by_text(f"Signed in: {name}@example.org, {role}")).to_be_visible()

    forger = Forger(key="quarantine")
    page.route_web_socket(re.compile("/_stcore/stream"), forger.stand_between)
    page.goto(f"{guarded.address}/farm?show=pi5-1")
    expect(page.get_by_role("button", name="Quarantine")).to_be_enabled(enabled=counts)

    # Of two runs that end, the second began after the click. To ask the page for its title lets messages pass.
    wait_until(lambda: bool(page.title()) and forger.runs_since >= 2, "the server took the click")
    lines = list_audit(guarded.database)
    assert [line.action for line in lines[: len(lines) - before]] == (["device quarantine"] if counts else [])
    assert get_device(guarded.database, "pi5-1").state is not DeviceState.SICK


def test_somebody_whom_the_settings_do_not_name_sees_nothing(page: Page, guarded: Guarded) -> None:
    sign_in(page, guarded, "eve")

    expect(page.get_by_text("nobody has given you a role here")).to_be_visible()
    expect(page.get_by_text("measured")).to_have_count(0)


def test_by_another_name_of_the_machine_the_way_to_the_right_one_is_shown(page: Page, guarded: Guarded) -> None:
    with contextlib.closing(page.context.new_page()) as other:  # not watched: another name is a stray
        other.goto(guarded.address.replace("127.0.0.1", "localhost"))
        expect(other.get_by_role("link", name="To the dashboard")).to_have_attribute("href", guarded.address)


def test_what_streamlit_is_told_is_for_the_farms_user_alone(guarded: Guarded) -> None:
    assert stat.S_IMODE(guarded.settings.secrets_file.stat().st_mode) == 0o600


def sign_in(page: Page, guarded: Guarded, name: str) -> None:
    """Over the provider's form and back."""
    page.goto(guarded.address)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name=name, exact=True).click()
    expect(page).to_have_url(f"{guarded.address}/")


def register(provider: str, redirect_url: str) -> dict[str, str]:
    """Make the dashboard known to a provider, which gives it a name and a secret."""
    body = json.dumps({"redirect_uris": [redirect_url]}).encode()
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{provider}/oauth2/clients", body, headers)) as answer:
        given: dict[str, str] = json.load(answer)
    return given


def is_answering(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1.0):
            return True
    except OSError:
        return False
