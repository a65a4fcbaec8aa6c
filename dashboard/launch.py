"""How the dashboard is started: the command, with every setting that safety rests on spelled out.

Command-line flags win over configuration files and over STREAMLIT_* variables, so a stray one of those cannot open the
port to others, send usage statistics or show a traceback. Looks are in .streamlit/config.toml beside the app.
"""

import ipaddress
import sys
from pathlib import Path

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
    # Where it listens on every address, its welcome would ask a server on the internet for this machine's address.
    "logger.hideWelcomeMessage": "true",
    "theme.base": str(THEME),
}
# Names by which a browser reaches loopback, through a tunnel too; any other in the Host header is DNS rebinding.
_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


def dashboard_command(address: str = "127.0.0.1", port: int = 8501) -> list[str]:
    """The command that serves the dashboard until it is ended; on loopback it answers to local names only."""
    flags = {**_ALWAYS, "server.address": address, "server.port": str(port)}
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(APP)]
    command += [f"--{name}={value}" for name, value in flags.items()]
    if is_loopback(address):
        command += [f"--server.allowedHosts={name}" for name in _LOCAL_NAMES]
    return command


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach a server at this address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
