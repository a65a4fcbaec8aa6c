"""Signing in by an identity provider: what the settings must say of it, and the file that `st.login` reads.

The file is made from the settings at every start and is its owner's alone. One thing in it stays from start to start:
the secret that signs the cookies of visitors, so that a restart signs nobody out. Without the file all are signed out.
"""

import http.client
import importlib.util
import json
import os
import secrets
import tomllib
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from dashboard.loopback import is_loopback
from orchestrator.config import Settings
from orchestrator.errors import SpecError

ANSWER_S = 10.0
_CALLBACK = "/oauth2callback"  # Streamlit's own path
_LARGEST_DOCUMENT_BYTES = 1024 * 1024
# What signing in uses of a provider's description: https://openid.net/specs/openid-connect-discovery-1_0.html
_NEEDED = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")


def url_of(settings: Settings) -> str:
    """Where visitors find the dashboard, without a slash at its end."""
    address = settings.dashboard_address
    host = f"[{address}]" if ":" in address else address
    return settings.dashboard_url.rstrip("/") or f"http://{host}:{settings.dashboard_port}"


def redirect_url_of(settings: Settings) -> str:
    """Where the provider sends visitors back to; whoever runs the provider has to allow it there."""
    return url_of(settings) + _CALLBACK


def require_provider(settings: Settings) -> None:
    """Refuse settings that nobody could sign in by; `SpecError` names the setting and what it should be."""
    if not (settings.dashboard_operators or settings.dashboard_viewers):
        raise SpecError("dashboard_access: with oidc, dashboard_operators or dashboard_viewers must say who may enter")
    if any(importlib.util.find_spec(package) is None for package in ("authlib", "httpx")):
        raise SpecError("dashboard_access: oidc needs Authlib and httpx; install them: pip install 'pifarm[oidc]'")
    for name in ("dashboard_oidc_metadata_url", "dashboard_oidc_client_id", "dashboard_oidc_client_secret"):
        if not getattr(settings, name):
            raise SpecError(f"{name}: oidc needs it, and it is empty; docs/dashboard.md says where to get it")
    if "openid" not in settings.dashboard_oidc_scopes.split():
        raise SpecError(f"dashboard_oidc_scopes: expected openid among them, got {settings.dashboard_oidc_scopes!r}")
    _require_safe_url("dashboard_oidc_metadata_url", settings.dashboard_oidc_metadata_url)
    _require_safe_url("dashboard_url", url_of(settings))


def require_answer(settings: Settings) -> None:
    """Ask the provider for its description, as `st.login` will; `SpecError` where it is not there or is not one."""
    url = settings.dashboard_oidc_metadata_url
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_S) as answer:
            found = json.loads(answer.read(_LARGEST_DOCUMENT_BYTES))
    except (OSError, http.client.HTTPException) as error:
        raise SpecError(f"dashboard_oidc_metadata_url: {url} does not answer: {error}") from error
    except ValueError as error:
        raise SpecError(f"dashboard_oidc_metadata_url: expected JSON at {url}: {error}") from error
    missing = [name for name in _NEEDED if not (isinstance(found, dict) and found.get(name))]
    if missing:
        raise SpecError(f"dashboard_oidc_metadata_url: what {url} answers is without {', '.join(missing)}")


def write_secrets(settings: Settings) -> Path:
    """Make the file that Streamlit reads, 0600; returns where it is."""
    values = {
        "redirect_uri": redirect_url_of(settings),
        "cookie_secret": _kept_secret(settings.secrets_file) or secrets.token_hex(32),
        "client_id": settings.dashboard_oidc_client_id,
        "client_secret": settings.dashboard_oidc_client_secret,
        "server_metadata_url": settings.dashboard_oidc_metadata_url,
    }
    lines = ["# Made by pifarm from its settings at every start.", "[auth]"]
    lines += [f"{name} = {_quoted(value)}" for name, value in values.items()]
    lines += ["[auth.client_kwargs]", f"scope = {_quoted(settings.dashboard_oidc_scopes)}"]
    _write_private(settings.secrets_file, "\n".join(lines) + "\n")
    return settings.secrets_file


def _require_safe_url(name: str, url: str) -> None:
    try:
        scheme, host = urlsplit(url).scheme, urlsplit(url).hostname
    except ValueError:
        scheme, host = "", None
    if not host or not (scheme == "https" or (scheme == "http" and is_loopback(host))):
        raise SpecError(f"{name}: expected https://..., or http:// on this machine, got {url!r}")


def _kept_secret(file: Path) -> str:
    try:
        kept = tomllib.loads(file.read_text(encoding="utf-8")).get("auth", {}).get("cookie_secret", "")
    except (OSError, ValueError, AttributeError):
        return ""
    return str(kept)


def _quoted(text: str) -> str:
    """A basic string of TOML: JSON's, but for the one control character that JSON leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _write_private(file: Path, text: str) -> None:
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    draft.replace(file)
