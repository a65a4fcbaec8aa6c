"""Settings: where they come from, which one counts, and what a wrong one is answered with."""

from pathlib import Path

import pytest

from orchestrator.config import load_settings
from orchestrator.errors import SpecError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state home that is named but not made yet."""
    path = tmp_path / "state"
    monkeypatch.setenv("PIFARM_HOME", str(path))
    return path


def write_toml(home: Path, text: str) -> None:
    """The settings file of a state home."""
    home.mkdir()
    (home / "pifarm.toml").write_text(text, encoding="utf-8")


def test_without_settings_everything_is_in_the_state_home_and_only_this_machine_is_served(home: Path) -> None:
    settings = load_settings()
    assert settings.home == home
    assert settings.database_url == f"sqlite:///{home / 'pifarm.db'}"
    assert settings.has_own_broker
    assert settings.dashboard_address == "127.0.0.1"


def test_the_state_home_is_made_for_its_owner_alone(home: Path) -> None:
    load_settings()
    assert home.stat().st_mode & 0o777 == 0o700


def test_the_settings_file_counts_over_the_defaults(home: Path) -> None:
    write_toml(home, 'dashboard_port = 9000\nbroker_url = "redis://broker:6379/0"\n')
    settings = load_settings()
    assert settings.dashboard_port == 9000
    assert not settings.has_own_broker


def test_the_environment_counts_over_the_settings_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_toml(home, "dashboard_port = 9000\nworker_threads = 3\n")
    monkeypatch.setenv("PIFARM_DASHBOARD_PORT", "9001")
    settings = load_settings()
    assert (settings.dashboard_port, settings.worker_threads) == (9001, 3)


def test_a_database_named_by_url_is_kept_as_it_is(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIFARM_DATABASE_URL", "postgresql+psycopg://farm@db/pifarm")
    assert load_settings().database_url == "postgresql+psycopg://farm@db/pifarm"


def test_a_home_below_the_users_folder_may_be_written_with_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PIFARM_HOME", "~/farm")
    write_toml(tmp_path / "farm", "dashboard_port = 9000\n")
    settings = load_settings()
    assert settings.home == tmp_path / "farm"
    assert settings.dashboard_port == 9000


def test_a_relative_home_means_the_same_folder_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIFARM_HOME", "state")
    assert load_settings().home == tmp_path / "state"


def test_a_child_process_gets_the_same_settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_toml(home, "dashboard_port = 9000\n")
    settings = load_settings()
    environment = settings.environment()
    (home / "pifarm.toml").unlink()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("PIFARM_DASHBOARD_PORT", "70000", "dashboard_port: .*65535, got '70000'"),
        ("PIFARM_DASHBOARD_PORT", "high", "dashboard_port: .*integer.*, got 'high'"),
        ("PIFARM_WORKER_THREADS", "0", "worker_threads: .*1, got '0'"),
    ],
)
def test_a_bad_value_is_refused_by_name(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SpecError, match=complaint):
        load_settings()


def test_an_unknown_name_in_the_settings_file_is_refused(home: Path) -> None:
    write_toml(home, "dashbord_port = 9000\n")
    with pytest.raises(SpecError, match="dashbord_port"):
        load_settings()


def test_a_settings_file_that_is_no_toml_is_refused_by_its_name(home: Path) -> None:
    write_toml(home, "dashboard_port == 9000\n")
    with pytest.raises(SpecError, match=r"pifarm\.toml"):
        load_settings()


def test_a_home_that_cannot_be_made_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("PIFARM_HOME", str(tmp_path / "file" / "state"))
    with pytest.raises(SpecError, match=r"cannot make .*file/state .*set PIFARM_HOME"):
        load_settings()
