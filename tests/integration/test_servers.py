"""A farm on a PostgreSQL and a Redis of its own: they go away and come back, and nobody learns their passwords."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from orchestrator import broker
from orchestrator.attending.lifecycle import AttemptState
from orchestrator.config import Settings
from orchestrator.farm import open_farm
from tests.integration.living_farm import (
    BROKER_PASSWORD,
    DATABASE_PASSWORD,
    LONG,
    Inference,
    LivingFarm,
    Pair,
    Servers,
    living_farm,
    running_servers,
    wait_until,
)

pytestmark = [pytest.mark.integration, pytest.mark.ssh, pytest.mark.postgres]
SCRIPTED = Inference.SCRIPTED
BAD_INPUT = 2


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivingFarm]:
    with living_farm(tmp_path_factory.mktemp("farm"), ["pi5-active-cooler"], services=Pair.SERVERS) as running:
        yield running


@pytest.fixture(scope="module")
def servers(farm: LivingFarm) -> Servers:
    assert farm.servers is not None
    return farm.servers


def pifarm(settings: Settings, *words: str) -> "subprocess.CompletedProcess[str]":
    """A command, with all that it prints."""
    command = [sys.executable, "-m", "orchestrator", *words]
    return subprocess.run(
        command, env=settings.environment(), capture_output=True, text=True, check=False, timeout=60.0
    )


def test_a_killed_redis_costs_no_result_and_makes_none_twice(farm: LivingFarm, servers: Servers) -> None:
    study = farm.submit("onnx", overrides=LONG, inference=SCRIPTED)
    farm.wait_until_quiet(study)
    servers.redis.kill()
    wait_until(lambda: not broker.is_answering(farm.farm.settings), "the broker is gone")
    submitted_meanwhile = farm.submit("int8", inference=SCRIPTED)
    servers.redis.start()
    for each in (study, submitted_meanwhile):
        assert farm.wait_for_end(each) == {"done": 1}
        assert farm.attempts_of(each) == [AttemptState.ENDED]
        assert farm.results_of(each) == 1


def test_a_restarted_postgres_costs_no_result_and_makes_none_twice(farm: LivingFarm, servers: Servers) -> None:
    study = farm.submit("onnx", "int8", inference=SCRIPTED)
    farm.wait_until_quiet(study)
    servers.postgres.stop()
    servers.postgres.start()
    assert farm.wait_for_end(study) == {"done": 2}
    assert farm.attempts_of(study) == [AttemptState.ENDED, AttemptState.ENDED]
    assert farm.results_of(study) == 2


def test_a_postgres_that_is_away_for_a_while_is_waited_for(farm: LivingFarm, servers: Servers) -> None:
    study = farm.submit("onnx", inference=SCRIPTED)
    farm.wait_until_quiet(study)
    servers.postgres.stop()
    refused = pifarm(farm.farm.settings, "study", "list")
    servers.postgres.start()
    assert refused.returncode == BAD_INPUT
    assert "check PIFARM_DATABASE_URL" in refused.stderr
    assert farm.wait_for_end(study) == {"done": 1}
    assert farm.attempts_of(study) == [AttemptState.ENDED]


def test_no_password_is_in_a_log_an_output_or_an_argument_list(farm: LivingFarm) -> None:
    settings = farm.farm.settings
    outputs = [pifarm(settings, "status"), pifarm(settings, "status", "--json"), pifarm(settings, "study", "list")]
    assert json.loads(outputs[1].stdout)["is_up"]
    said = [part for done in outputs for part in (done.stdout, done.stderr)]
    logs = [file.read_text() for file in settings.logs_dir.iterdir()]
    supervisor = psutil.Process(farm.supervisor.pid)
    arguments = [word for process in (supervisor, *supervisor.children(recursive=True)) for word in process.cmdline()]
    assert len(logs) >= 2
    assert "worker" in arguments
    for password in (DATABASE_PASSWORD, BROKER_PASSWORD):
        assert not [text for text in (*said, *logs, *arguments) if password in text]


@pytest.fixture
def down(tmp_path: Path) -> Iterator[Servers]:
    """Servers that have worked before, both stopped."""
    with running_servers() as servers:
        open_farm(servers.settings(tmp_path)).database.engine.dispose()
        servers.redis.kill()
        servers.postgres.stop()
        yield servers
        servers.postgres.start()


def test_a_farm_does_not_start_without_its_servers_and_says_which(down: Servers, tmp_path: Path) -> None:
    settings = down.settings(tmp_path)
    without_database = pifarm(settings, "up", "--no-dashboard")
    down.postgres.start()
    without_broker = pifarm(settings, "up", "--no-dashboard")
    down.postgres.stop()
    assert (without_database.returncode, without_broker.returncode) == (BAD_INPUT, BAD_INPUT)
    assert "database: " in without_database.stderr
    assert "check PIFARM_DATABASE_URL" in without_database.stderr
    assert f"broker: redis://:***@127.0.0.1:{down.redis.port}/0 does not answer" in without_broker.stderr
    for done in (without_database, without_broker):
        assert DATABASE_PASSWORD not in done.stdout + done.stderr
        assert BROKER_PASSWORD not in done.stdout + done.stderr


def test_a_wrong_password_is_told_without_it(down: Servers, tmp_path: Path) -> None:
    down.postgres.start()
    wrong = down.postgres.url.replace(DATABASE_PASSWORD, "a-wrong-one")
    refused = pifarm(Settings(home=tmp_path, database_url=wrong, broker_url=down.redis.url), "status")
    down.postgres.stop()
    assert refused.returncode == BAD_INPUT
    assert "password authentication failed" in refused.stderr
    assert "a-wrong-one" not in refused.stdout + refused.stderr
