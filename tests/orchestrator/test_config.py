"""Settings: where they come from, which one counts, and what a wrong one is answered with."""

import os
import stat
from pathlib import Path

import pytest

from orchestrator.config import complaints, keep_private, load_settings
from orchestrator.errors import SpecError, masked


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state home that is named but not made yet."""
    path = tmp_path / "state"
    monkeypatch.setenv("PIFARM_HOME", str(path))
    return path


def write_toml(home: Path, text: str) -> None:
    """The settings file of a state home."""
    home.mkdir(exist_ok=True)
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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql+psycopg://farm:s3cret@db:5432/pifarm", "postgresql+psycopg://farm:***@db:5432/pifarm"),
        ("redis://:s3cret@broker:6379/0", "redis://:***@broker:6379/0"),
        ("cannot reach redis://a:p@ss:w@rd@broker/0 now", "cannot reach redis://a:***@broker/0 now"),
        (
            "redis://broker:6379/0 is gone, ask admin@example.org",
            "redis://broker:6379/0 is gone, ask admin@example.org",
        ),
        (
            "redis+socket:///home/farm/broker.sock?virtual_host=0",
            "redis+socket:///home/farm/broker.sock?virtual_host=0",
        ),
        ("sqlite:////home/farm/pifarm.db", "sqlite:////home/farm/pifarm.db"),
    ],
)
def test_a_password_in_a_url_is_masked_and_nothing_else(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_a_settings_file_that_others_can_read_is_complained_of_where_it_holds_a_password(home: Path) -> None:
    write_toml(home, 'broker_url = "redis://broker:6379/0"\n')
    home.chmod(0o700)
    settings = load_settings()
    settings.file.chmod(0o644)
    assert complaints(settings) == []
    write_toml(home, 'broker_url = "redis://:s3cret@broker:6379/0"\n')
    assert complaints(load_settings()) == [
        f"others may read the password in the settings file; run: chmod 600 {settings.file}"
    ]
    write_toml(home, 'dashboard_oidc_client_secret = "s3cret"\n')
    assert len(complaints(load_settings())) == 1
    settings.file.chmod(0o600)
    assert complaints(load_settings()) == []


def test_a_home_that_others_can_look_into_is_complained_of(home: Path) -> None:
    home.mkdir(exist_ok=True)
    home.chmod(0o755)
    assert complaints(load_settings()) == [f"others may look into the state home; run: chmod 700 {home}"]


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("worker_threads = 3\n", True),
        ('database_url = "postgresql+psycopg://db/pifarm"\n', False),
        ('broker_url = "redis://broker:6379/0"\n', False),
        ("no_such_setting = 1\n", False),
        ("worker_threads = 0\n", False),
        ("no toml", False),
    ],
)
def test_another_settings_file_stays_with_the_farm_or_leads_away(home: Path, text: str, stays: bool) -> None:
    settings = load_settings()
    other = home / "other.toml"
    other.write_text(text, encoding="utf-8")
    assert settings.would_stay_with(other) is stays


def test_what_is_made_in_private_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        keep_private()
        (tmp_path / "file").touch()
        (tmp_path / "folder").mkdir()
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("file", "folder")]
    assert modes == [0o600, 0o700]
