"""An identity provider's settings: what is refused at the start, and what Streamlit is told."""

import stat
import tomllib
from pathlib import Path

import pytest

from dashboard.launch import require_safe
from dashboard.sign_in import redirect_url_of, require_answer, write_secrets
from orchestrator.access import Access
from orchestrator.config import Settings
from orchestrator.errors import SpecError

METADATA_URL = "https://id.example.org/.well-known/openid-configuration"


def settings_with(home: Path, **changed: str) -> Settings:
    """Complete settings, but for what is given."""
    complete = {
        "dashboard_oidc_metadata_url": METADATA_URL,
        "dashboard_oidc_client_id": "pifarm",
        "dashboard_oidc_client_secret": 'a "quoted"\\secret\x7f é',
        "dashboard_operators": "ann@example.org",
    }
    return Settings.model_validate({"home": home, "dashboard_access": Access.OIDC, **complete, **changed})


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"dashboard_operators": ""}, "must say who may enter"),
        ({"dashboard_oidc_metadata_url": ""}, "dashboard_oidc_metadata_url: oidc needs it"),
        ({"dashboard_oidc_client_id": ""}, "dashboard_oidc_client_id: oidc needs it"),
        ({"dashboard_oidc_client_secret": ""}, "dashboard_oidc_client_secret: oidc needs it"),
        ({"dashboard_oidc_metadata_url": "http://id.example.org/"}, r"metadata_url: expected https://"),
        ({"dashboard_oidc_metadata_url": "https://[id"}, r"metadata_url: expected https://"),
        ({"dashboard_oidc_scopes": "email"}, "dashboard_oidc_scopes: expected openid"),
        ({"dashboard_url": "http://farm.example.org", "dashboard_hosts": "farm.example.org"}, "url: expected https://"),
        ({"dashboard_url": "https://farm.example.org"}, "put it into dashboard_hosts"),
        ({"dashboard_address": "192.0.2.1"}, "dashboard_url: expected https://"),
    ],
)
def test_settings_that_nobody_could_sign_in_by_are_refused_by_name(
    tmp_path: Path, changed: dict[str, str], complaint: str
) -> None:
    with pytest.raises(SpecError, match=complaint):
        require_safe(settings_with(tmp_path, **changed))


def test_complete_settings_are_accepted_here_and_behind_a_proxy(tmp_path: Path) -> None:
    require_safe(settings_with(tmp_path))
    require_safe(settings_with(tmp_path, dashboard_url="https://farm.example.org/", dashboard_hosts="farm.example.org"))


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://127.0.0.1:1/", "does not answer"),
        ("data:text/html,a%20page", "expected JSON"),
        ("data:application/json,{}", "is without issuer, authorization_endpoint, token_endpoint, jwks_uri"),
        ("data:application/json,[]", "is without issuer"),
    ],
)
def test_a_provider_that_is_none_is_told_from_one(tmp_path: Path, url: str, complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        require_answer(settings_with(tmp_path, dashboard_oidc_metadata_url=url))


def test_streamlit_is_told_the_settings_in_a_private_file(tmp_path: Path) -> None:
    settings = settings_with(tmp_path)

    file = write_secrets(settings)

    told = tomllib.loads(file.read_text(encoding="utf-8"))["auth"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert told["client_secret"] == settings.dashboard_oidc_client_secret
    assert told["redirect_uri"] == redirect_url_of(settings) == "http://127.0.0.1:8501/oauth2callback"
    assert told["client_kwargs"] == {"scope": "openid email profile"}


def test_the_secret_of_the_cookies_outlasts_a_restart_and_no_other_setting_does(tmp_path: Path) -> None:
    first = tomllib.loads(write_secrets(settings_with(tmp_path)).read_text(encoding="utf-8"))["auth"]
    again = write_secrets(settings_with(tmp_path, dashboard_oidc_client_id="another"))

    second = tomllib.loads(again.read_text(encoding="utf-8"))["auth"]
    assert second["cookie_secret"] == first["cookie_secret"]
    assert second["client_id"] == "another"
    assert len(bytes.fromhex(second["cookie_secret"])) == 32
