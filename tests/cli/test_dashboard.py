"""`pifarm dashboard password`, and what refuses to start."""

import tomllib

import pytest
import typer

from orchestrator import passwords
from tests.cli.conftest import Pifarm


def test_a_password_becomes_a_line_for_the_settings_and_nothing_else(
    pifarm: Pifarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: "the viewers' own")

    ended = pifarm("dashboard", "password", "--role", "viewer")

    (name, stored), *more = tomllib.loads(ended.out).items()
    assert (name, more) == ("dashboard_viewer_password_hash", [])
    assert passwords.matches("the viewers' own", stored)
    assert 'dashboard_access = "password"' in ended.err


@pytest.mark.parametrize("command", [["up"], ["dashboard"]])
def test_a_dashboard_for_others_without_a_sign_in_does_not_start(
    pifarm: Pifarm, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("PIFARM_DASHBOARD_ADDRESS", "0.0.0.0")

    ended = pifarm(*command)

    assert ended.exit_code == 2
    assert "nobody would have to sign in" in ended.err
