"""How the dashboard is started: the command, with every setting that safety rests on spelled out.

Command-line flags win over configuration files and over STREAMLIT_* variables, so a stray one of those cannot open the
port to others, send usage statistics or show a traceback. Looks are in .streamlit/config.toml beside the app.
"""

import sys
from pathlib import Path
from urllib.parse import urlsplit

from dashboard import sign_in
from dashboard.loopback import LOCAL_NAMES, is_loopback
from orchestrator.access import Access
from orchestrator.config import Settings
from orchestrator.errors import SpecError

APP = Path(__file__).parent / "app.py"
THEME = Path(__file__).parent / "theme.toml"

_ALWAYS = {
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "server.enableCORS": "true",
    "server.enableXsrfProtection": "true",
    "server.enableStaticServing": "false",
    "server.enableAgentApi": "false",
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",
    "client.toolbarMode": "viewer",
    "global.developmentMode": "false",
    # Live parts run every few seconds in each open tab. To collect all garbage after each of them took most of a core
    # with 28 tabs; Python's own collector sees to it.
    "runner.postScriptGC": "false",
    # Where it listens on every address, its welcome would ask a server on the internet for this machine's address.
    "logger.hideWelcomeMessage": "true",
    "theme.base": str(THEME),
}
_SMALLEST_UPLOAD_MB = 1
_UPLOAD_UNIT_BYTES = 1024 * 1024  # Streamlit's megabyte
_HOW_TO_LET_PEOPLE_IN = (
    'set dashboard_access to "password" (pifarm dashboard password makes one) or "oidc", or to "read-only" if '
    "everybody there may read; docs/security.md"
)


def command_of(settings: Settings) -> list[str]:
    """The command that serves the dashboard as the settings want it; raises `SpecError` where that would be unsafe.

    With oidc it asks the provider for its description, and writes the file by which Streamlit knows it.
    """
    require_safe(settings)
    may_upload = settings.dashboard_access is not Access.READ_ONLY
    command = dashboard_command(
        settings.dashboard_address,
        settings.dashboard_port,
        upload_mb=-(-settings.upload_max_bytes // _UPLOAD_UNIT_BYTES) if may_upload else _SMALLEST_UPLOAD_MB,
    )
    if is_loopback(settings.dashboard_address):
        command += [f"--server.allowedHosts={name}" for name in _names_of(settings)]
    if settings.dashboard_access is Access.OIDC:
        sign_in.require_answer(settings)
        command.append(f"--secrets.files={sign_in.write_secrets(settings)}")
    return command


def dashboard_command(address: str = "127.0.0.1", port: int = 8501, upload_mb: int = _SMALLEST_UPLOAD_MB) -> list[str]:
    """The command that serves the dashboard until it is ended; on loopback it answers to local names only."""
    flags = {
        **_ALWAYS,
        "server.address": address,
        "server.port": str(port),
        "server.maxUploadSize": str(upload_mb),
    }
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(APP)]
    command += [f"--{name}={value}" for name, value in flags.items()]
    if is_loopback(address):
        command += [f"--server.allowedHosts={name}" for name in LOCAL_NAMES]
    return command


def require_safe(settings: Settings) -> None:
    """Refuse to serve people whom nobody knows, and to ask for what nobody could give; `SpecError` says the remedy."""
    access, address = settings.dashboard_access, settings.dashboard_address
    reached_by = [*([] if is_loopback(address) else [address]), *_names_of(settings)]
    if access is Access.OPEN and reached_by:
        raise SpecError(
            f"dashboard: others reach it by {', '.join(reached_by)}, and nobody would have to sign in; "
            f"{_HOW_TO_LET_PEOPLE_IN}"
        )
    has_password = settings.dashboard_operator_password_hash or settings.dashboard_viewer_password_hash
    if access is Access.PASSWORD and not has_password:
        raise SpecError("dashboard_access: there is no password yet; make one: pifarm dashboard password")
    if access is Access.OIDC:
        sign_in.require_provider(settings)
        _require_own_name(settings)


def _names_of(settings: Settings) -> list[str]:
    return [name.strip() for name in settings.dashboard_hosts.split(",") if name.strip()]


def _require_own_name(settings: Settings) -> None:
    host = urlsplit(sign_in.url_of(settings)).hostname
    if is_loopback(settings.dashboard_address) and host not in {*LOCAL_NAMES, *_names_of(settings)}:
        raise SpecError(
            f"dashboard_url: this dashboard does not answer to the name {host}; put it into dashboard_hosts"
        )
