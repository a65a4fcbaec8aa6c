"""Settings: the only reader of the environment and of the farm's settings file.

In order of precedence: `PIFARM_*` variables, `pifarm.toml` in the state home, defaults. The state home itself comes
from `PIFARM_HOME`, by default the platform's user data folder.
"""

import os
import tomllib
from pathlib import Path
from typing import Self

import platformdirs
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from orchestrator import passwords
from orchestrator.access import Access
from orchestrator.errors import SpecError, masked

MAX_SOCKET_PATH = 100
SETTINGS_FILE = "pifarm.toml"
_OTHERS = 0o077


class Settings(BaseSettings):
    """Where the farm keeps its state, and how it talks to its database and broker."""

    model_config = SettingsConfigDict(env_prefix="PIFARM_", extra="forbid", frozen=True)

    home: Path = Field(description="The state home; only as a variable, it is where the settings file lies.")
    database_url: str = Field(default="", repr=False, description="The database; left out: SQLite in the state home.")
    broker_url: str = Field(default="", repr=False, description="A Redis or Valkey; left out: the embedded one.")
    dashboard_address: str = Field(default="127.0.0.1", description="Where the dashboard listens.")
    dashboard_port: int = Field(default=8501, ge=0, le=65535, description="The dashboard's port.")
    dashboard_hosts: str = Field(
        default="", description="Names by which a proxy on this machine lets others reach it, separated by commas."
    )
    dashboard_access: Access = Field(
        default=Access.OPEN,
        description="Who may do what: open (everybody operates; on loopback alone), read-only, password or oidc.",
    )
    dashboard_operator_password_hash: str = Field(
        default="", repr=False, description="With password: the operators', made by `pifarm dashboard password`."
    )
    dashboard_viewer_password_hash: str = Field(
        default="", repr=False, description="With password: the viewers', made with `--role viewer`."
    )
    dashboard_url: str = Field(
        default="",
        description="With oidc: where browsers find the dashboard, with https behind a proxy; left out: here.",
    )
    dashboard_oidc_metadata_url: str = Field(
        default="", description="With oidc: the provider's `.../.well-known/openid-configuration`."
    )
    dashboard_oidc_client_id: str = Field(default="", description="With oidc: what the provider calls the dashboard.")
    dashboard_oidc_client_secret: str = Field(
        default="", repr=False, description="With oidc: the secret that the provider gave for it."
    )
    dashboard_oidc_scopes: str = Field(
        default="openid email profile", description="With oidc: what is asked for; some want `groups` for that claim."
    )
    dashboard_claim: str = Field(default="email", description="With oidc: the claim that roles go by.")
    dashboard_operators: str = Field(
        default="", description="With oidc: values of the claim that make operators, separated by commas."
    )
    dashboard_viewers: str = Field(
        default="", description="With oidc: values of the claim that make viewers; `*`: whoever signs in."
    )
    upload_max_bytes: int = Field(
        default=500_000_000, ge=1_000_000, description="What an upload to the dashboard may have in all."
    )
    artifact_quota_bytes: int = Field(
        default=8 * 1024**3, ge=0, description="What model files may take of a board's disk."
    )
    memory_share: float = Field(
        default=0.8, gt=0.0, le=1.0, description="What a measuring process may take of a board's memory, as a share."
    )
    canary_every_s: float = Field(
        default=3600.0, ge=0.0, description="How old a device's last canary may be when a block begins; 0: no canaries."
    )
    worker_threads: int = Field(default=8, ge=1, le=256, description="Devices that a worker looks after at once.")
    log_max_bytes: int = Field(
        default=10_000_000, ge=10_000, description="Size at which a log file is put aside and begun anew."
    )
    log_backups: int = Field(default=3, ge=0, le=100, description="Older pieces kept of each log file.")

    @field_validator("dashboard_operator_password_hash", "dashboard_viewer_password_hash")
    @classmethod
    def _must_be_a_hash(cls, text: str) -> str:
        if text and not passwords.is_hash(text):
            raise SpecError("settings: a dashboard_..._password_hash is none; make it by: pifarm dashboard password")
        return text

    @model_validator(mode="after")
    def _fill_from_home(self) -> Self:
        home = self.home.expanduser().absolute()
        object.__setattr__(self, "home", home)
        if not self.database_url:
            object.__setattr__(self, "database_url", f"sqlite:///{home / 'pifarm.db'}")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the settings file of the state home."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, _home() / SETTINGS_FILE)

    @property
    def artifacts_dir(self) -> Path:
        """The artifact store."""
        return self.home / "artifacts"

    @property
    def bundles_dir(self) -> Path:
        """Agent bundles that studies are pinned to."""
        return self.home / "bundles"

    @property
    def keys_dir(self) -> Path:
        """The farm's key pair."""
        return self.home / "keys"

    @property
    def local_dir(self) -> Path:
        """The farm folder of the local device."""
        return self.home / "local"

    @property
    def wheels_dir(self) -> Path:
        """Wheelhouses for boards without internet."""
        return self.home / "wheels"

    @property
    def simulated_dir(self) -> Path:
        """Simulated boards, and the file that tells where they listen."""
        return self.home / "simulated"

    @property
    def heartbeats_dir(self) -> Path:
        """Signs of life of the farm's own processes."""
        return self.home / "heartbeats"

    @property
    def logs_dir(self) -> Path:
        """Log files of the farm's own processes."""
        return self.home / "logs"

    @property
    def secrets_file(self) -> Path:
        """What Streamlit is told of the identity provider; made from these settings."""
        return self.home / "secrets.toml"

    @property
    def file(self) -> Path:
        """The settings file, there or not."""
        return self.home / SETTINGS_FILE

    @property
    def has_own_broker(self) -> bool:
        """Whether the embedded broker serves this farm, because no other was named."""
        return not self.broker_url

    def would_stay_with(self, file: Path) -> bool:
        """Whether, with another settings file in the state home, this farm would work, on the same database."""
        try:
            given = tomllib.loads(file.read_text(encoding="utf-8"))
            other = Settings(**{**given, "home": self.home})
        except (SpecError, ValidationError, ValueError, TypeError):
            return False
        return (other.database_url, other.broker_url) == (self.database_url, self.broker_url)

    def environment(self) -> dict[str, str]:
        """The environment for a process of this farm: this process's own, with the settings made explicit."""
        chosen = {f"PIFARM_{name.upper()}": str(value) for name, value in self.model_dump().items() if value != ""}
        return {**os.environ, **chosen}


def load_settings() -> Settings:
    """The settings of this process; makes the state home. Raises `SpecError` that names the setting or the folder."""
    try:
        settings = Settings(home=_home())
    except (ValidationError, ValueError) as error:
        raise SpecError(masked(f"settings: {_first_problem(error)}")) from error
    try:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SpecError(
            f"home: cannot make {settings.home} ({error.strerror}); set PIFARM_HOME to a folder that you may write"
        ) from error
    return settings


def keep_private() -> None:
    """Let whatever this process creates be its owner's alone: files 0600, folders 0700."""
    os.umask(_OTHERS)


def complaints(settings: Settings) -> list[str]:
    """What others on this machine may read and should not, each with the remedy."""
    found = []
    if settings.home.stat().st_mode & _OTHERS:
        found.append(f"others may look into the state home; run: chmod 700 {settings.home}")
    try:
        is_open = bool(settings.file.stat().st_mode & _OTHERS)
    except FileNotFoundError:
        is_open = False
    text = settings.file.read_text(encoding="utf-8") if is_open else ""
    if masked(text) != text or any(word in text for word in ("password_hash", "client_secret")):
        found.append(f"others may read the password in the settings file; run: chmod 600 {settings.file}")
    return found


def _home() -> Path:
    given = os.environ.get("PIFARM_HOME")
    return Path(given).expanduser() if given else Path(platformdirs.user_data_dir("pifarm"))


def _first_problem(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        return f"{name}: {first['msg']}, got {first.get('input')!r}"
    return f"{SETTINGS_FILE}: {error}"
