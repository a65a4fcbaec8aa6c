"""Signing in, and what each role sees and may do; the server asks, whatever the page shows."""

import pytest
from streamlit import config
from streamlit.testing.v1 import AppTest

from dashboard import access, actions
from dashboard.launch import command_of, require_safe
from dashboard.tries import FREE_TRIES, Tries
from orchestrator import passwords
from orchestrator.access import Role, Visitor
from orchestrator.attending.lifecycle import DeviceState
from orchestrator.config import Settings, load_settings
from orchestrator.db.session import Database
from orchestrator.errors import ForbiddenError, SpecError
from orchestrator.queries.audit import list_audit
from orchestrator.queries.farm import get_device
from tests import factories
from tests.dashboard.conftest import start_app, text_of

OPERATOR_PASSWORD, VIEWER_PASSWORD = "the operators' own", "the viewers' own"


@pytest.fixture(scope="module")
def hashes() -> dict[str, str]:
    """Settings that hold both passwords."""
    return {
        "PIFARM_DASHBOARD_ACCESS": "password",
        "PIFARM_DASHBOARD_OPERATOR_PASSWORD_HASH": passwords.hash_password(OPERATOR_PASSWORD),
        "PIFARM_DASHBOARD_VIEWER_PASSWORD_HASH": passwords.hash_password(VIEWER_PASSWORD),
    }


@pytest.fixture
def guarded(database: Database, hashes: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """A farm with a device, behind passwords, as somebody meets it."""
    for name, value in hashes.items():
        monkeypatch.setenv(name, value)
    factories.add_device(database)
    return start_app()


def sign_in(app: AppTest, password: str) -> None:
    app.text_input[0].set_value(password)
    app.button[0].click().run()


def test_nobody_sees_anything_before_signing_in(guarded: AppTest) -> None:
    assert [field.label for field in guarded.text_input] == ["Password"]
    assert "measured" not in text_of(guarded)


def test_a_wrong_password_is_told_from_a_right_one(guarded: AppTest) -> None:
    sign_in(guarded, "not the password")
    assert "not the password" in text_of(guarded)

    sign_in(guarded, VIEWER_PASSWORD)
    assert "Signed in: viewer" in text_of(guarded)


def test_signing_out_asks_again(guarded: AppTest) -> None:
    sign_in(guarded, OPERATOR_PASSWORD)
    guarded.button(key="sign-out").click().run()

    assert [field.label for field in guarded.text_input] == ["Password"]


def test_a_viewer_cannot_act_even_by_calling_the_action(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.add_device(database)
    monkeypatch.setenv("PIFARM_DASHBOARD_ACCESS", "read-only")

    with pytest.raises(ForbiddenError, match="takes an operator"):
        actions.drain_device("pi5-1", "because I can")

    assert get_device(database, "pi5-1").state is DeviceState.READY
    assert [line.outcome for line in list_audit(database)] == ["refused"]


def test_a_value_that_a_browser_could_send_is_no_sign_in(guarded: AppTest) -> None:
    guarded.session_state["signed in"] = "operator"

    assert [field.label for field in guarded.run().text_input] == ["Password"]


def test_an_open_dashboard_that_others_reach_is_for_reading(database: Database) -> None:
    config.set_option("server.address", "0.0.0.0")

    assert access.visitor() == Visitor(name="dashboard", role=Role.VIEWER)


def test_an_operator_is_told_to_say_why(database: Database) -> None:
    factories.add_device(database)

    with pytest.raises(SpecError, match="comment: say why"):
        actions.drain_device("pi5-1", " ")


def test_tries_are_slowed_down_and_a_success_forgives_none() -> None:
    now = [0.0]
    tries = Tries(clock=lambda: now[0])
    for _ in range(FREE_TRIES):
        assert tries.attempt(lambda: None) is None

    with pytest.raises(ForbiddenError, match="try again in 1 s"):
        tries.attempt(lambda: "right")
    now[0] = 1.0
    assert tries.attempt(lambda: "right") == "right"
    assert tries.attempt(lambda: None) is None
    with pytest.raises(ForbiddenError, match="try again in 2 s"):
        tries.attempt(lambda: "right")
    now[0] += 901.0
    assert tries.attempt(lambda: None) is None


def test_an_address_that_others_reach_wants_a_sign_in(hashes: dict[str, str]) -> None:
    with pytest.raises(SpecError, match=r"nobody would have to sign in.*pifarm dashboard password"):
        command_of(settings_of({"PIFARM_DASHBOARD_ADDRESS": "0.0.0.0"}))

    guarded = settings_of({"PIFARM_DASHBOARD_ADDRESS": "0.0.0.0", **hashes})
    assert "--server.address=0.0.0.0" in command_of(guarded)


def test_behind_a_proxy_it_answers_to_the_name_of_the_proxy_and_wants_a_sign_in(hashes: dict[str, str]) -> None:
    named = {"PIFARM_DASHBOARD_HOSTS": "farm.example.org, farm"}
    with pytest.raises(SpecError, match=r"others reach it by farm\.example\.org, farm"):
        command_of(settings_of(named))

    names = [flag.partition("allowedHosts=")[2] for flag in command_of(settings_of({**named, **hashes}))]
    assert {"farm.example.org", "farm", "localhost"} <= set(names)


@pytest.mark.parametrize(
    ("values", "remedy"),
    [
        ({"PIFARM_DASHBOARD_ACCESS": "password"}, "pifarm dashboard password"),
        ({"PIFARM_DASHBOARD_ACCESS": "oidc"}, "must say who may enter"),
        ({"PIFARM_DASHBOARD_OPERATOR_PASSWORD_HASH": "hunter2 in clear"}, "make it by: pifarm dashboard password"),
    ],
)
def test_a_way_in_that_nobody_could_take_is_refused_with_the_remedy(values: dict[str, str], remedy: str) -> None:
    with pytest.raises(SpecError, match=remedy) as caught:
        require_safe(settings_of(values))

    assert "hunter2" not in str(caught.value)


def test_a_dashboard_for_reading_takes_no_uploads() -> None:
    command = command_of(settings_of({"PIFARM_DASHBOARD_ACCESS": "read-only"}))

    assert "--server.maxUploadSize=1" in command


def settings_of(values: dict[str, str]) -> Settings:
    """Settings as these variables make them."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in values.items():
            environment.setenv(name, value)
        return load_settings()
