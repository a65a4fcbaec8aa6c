"""The state of the farm at a glance: true for parts, servers, queue and devices, and what wants attention."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator import studies
from orchestrator.attending.lifecycle import DeviceState
from orchestrator.boards import fleet
from orchestrator.config import Settings
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow
from orchestrator.farm import Farm
from orchestrator.heartbeat import Heartbeat
from orchestrator.queries.studies import get_study, list_studies
from orchestrator.status import Attention, FarmStatus, look_at
from orchestrator.supervisor.state import PartState, SupervisorState, supervisor_lock, write_state
from tests.small_farm import (
    SmallFarm,
    add_device,
    add_model,
    fail_attempt,
    make_submission,
    plant,
    set_columns,
    start_attempt,
)

WORKER = PartState(name="worker", pid=4711, since_s=5.0)


@pytest.fixture
def farm(database: Database, tmp_path: Path) -> Farm:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return Farm(settings=Settings(home=home), database=database, farm_id="farm-1")


@pytest.fixture
def planted(database: Database) -> SmallFarm:
    return plant(database, labels=("fp32", "int8"), blocks=2)


@pytest.fixture
def supervised(farm: Farm) -> Iterator[Farm]:
    """A farm whose supervisor is this process."""
    with supervisor_lock(farm.settings, "up"):
        yield farm


def say(farm: Farm, *parts: PartState) -> None:
    write_state(farm.settings, SupervisorState(pid=os.getpid(), since_s=5.0, is_ready=True, parts=parts))


def about(now: FarmStatus, name: str) -> list[str]:
    return [each.message for each in now.attention if each.about == name]


def test_a_farm_that_is_up_says_since_when_and_with_which_parts(supervised: Farm) -> None:
    say(supervised, WORKER)
    now = look_at(supervised)
    assert (now.is_up, now.supervisor_pid, now.since_s, now.parts) == (True, os.getpid(), 5.0, (WORKER,))


def test_a_farm_that_is_down_has_no_parts_whatever_a_crashed_supervisor_left(farm: Farm) -> None:
    say(farm, WORKER)
    now = look_at(farm)
    assert (now.is_up, now.supervisor_pid, now.parts) == (False, None, ())
    assert not now.broker.is_answering
    assert now.attention == (), "nothing waits, nothing is wrong"


def test_runs_that_wait_for_a_farm_that_is_down_want_attention(farm: Farm, planted: SmallFarm) -> None:
    assert about(look_at(farm), "farm") == ["runs wait and nothing works on them; start it: pifarm up"]


def test_the_queue_counts_what_waits_and_what_runs(farm: Farm, planted: SmallFarm) -> None:
    start_attempt(farm.database, planted.device_id)
    (before_s,) = get_study(farm.database, planted.study_id).left_s.values()
    queue = look_at(farm).queue
    (after_s,) = get_study(farm.database, planted.study_id).left_s.values()
    assert (queue.waiting, queue.running) == (3, 1)
    assert queue.eta_s is not None and before_s >= queue.eta_s >= after_s > 0, "it goes down with that of the study"


def test_the_queue_of_a_machine_is_what_all_its_devices_have_left(farm: Farm) -> None:
    add_model(farm.database)
    for name in ("sim-1", "sim-2"):
        add_device(farm.database, name, machine_key="simulator")
        studies.submit(farm.database, make_submission(devices=(name,)))
    lefts = [max(study.left_s.values()) for study in list_studies(farm.database)]
    assert look_at(farm).queue.eta_s == pytest.approx(max(lefts)), "the last one ends when the machine has done all"


def test_an_empty_queue_has_no_end(farm: Farm) -> None:
    queue = look_at(farm).queue
    assert (queue.waiting, queue.running, queue.eta_s) == (0, 0, None)


def test_a_part_that_keeps_dying_wants_attention(supervised: Farm) -> None:
    say(supervised, PartState(name="tick", pid=None, since_s=5.0, restarts=4, keeps_dying=True, last_end="exit code 1"))
    assert about(look_at(supervised), "tick") == ["keeps dying (exit code 1, 4 restarts); see: pifarm logs tick"]


def test_a_broker_that_does_not_answer_while_the_farm_is_up_wants_attention(supervised: Farm) -> None:
    assert "does not answer" in about(look_at(supervised), "broker")[0]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"state": DeviceState.SICK, "state_reason": "host key changed"},
            "sick: host key changed; then: pifarm device",
        ),
        ({"state_reason": "no route to host"}, "not reached, seen never: no route to host"),
    ],
)
def test_a_device_in_trouble_wants_attention(
    farm: Farm, planted: SmallFarm, columns: dict[str, object], message: str
) -> None:
    set_columns(farm.database, DeviceRow, planted.device_id, **columns)
    (said,) = about(look_at(farm), "pi5-kitchen")
    assert said.startswith(message)


def test_a_drained_device_wants_attention_only_while_runs_wait_for_it(farm: Farm, planted: SmallFarm) -> None:
    fleet.drain(farm.database, "pi5-kitchen", "new fan")
    assert "drained, 4 runs waiting for it" in about(look_at(farm), "pi5-kitchen")[0]


def test_runs_that_failed_alike_are_one_line_for_a_day(farm: Farm, planted: SmallFarm) -> None:
    for _ in range(2):
        for _ in range(3):  # device faults, after which a run has failed
            fail_attempt(farm.database, start_attempt(farm.database, planted.device_id))
            set_columns(farm.database, DeviceRow, planted.device_id, state=DeviceState.READY, faults_in_row=0)
    (said,) = about(look_at(farm), f"study {planted.study_id}")
    assert said.startswith("2 runs failed on pi5-kitchen, the last just now: no_space: the disk is full")


def test_servers_of_ones_own_are_shown_without_passwords(database: Database, tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path,
        database_url="postgresql+psycopg://pifarm:s3cret@db/pifarm",
        broker_url="redis://:s3cret@127.0.0.1:1/0",
    )
    now = look_at(Farm(settings=settings, database=database, farm_id="farm-1"))
    assert "s3cret" not in str(now)
    assert now.database.url == "postgresql+psycopg://pifarm:***@db/pifarm"
    assert not now.is_up


def test_services_of_their_own_are_known_by_their_signs_of_life(database: Database, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, broker_url="redis://127.0.0.1:1/0")
    farm = Farm(settings=settings, database=database, farm_id="farm-1")
    heartbeat = Heartbeat.of(settings.heartbeats_dir, "worker")
    with heartbeat.begun():
        heartbeat.beat()
        now = look_at(farm)
        assert [each.name for each in now.heartbeats] == [heartbeat.file.name]
        assert about(now, "worker") == []
        assert about(now, "tick") == ["no sign of life; is its service running, with this state home?"]
        os.utime(heartbeat.file, (0, 0))
        assert about(look_at(farm), "worker")[0].startswith("its last sign of life is from ")


def test_a_disk_that_fills_up_wants_attention(farm: Farm) -> None:
    assert about(look_at(farm), "disk") == []
    assert "are free for" in about(look_at(farm, low_disk_bytes=2**62), "disk")[0]


def test_canaries_that_are_off_want_attention_once_there_are_boards(farm: Farm, database: Database) -> None:
    home = farm.settings.home
    without = dataclasses.replace(farm, settings=Settings(home=home, canary_every_s=0.0))
    with_canaries = dataclasses.replace(farm, settings=Settings(home=home, canary_every_s=3600.0))
    assert about(look_at(without), "canaries") == []
    plant(database)
    assert "canary_every_s is 0" in about(look_at(without), "canaries")[0]
    assert about(look_at(with_canaries), "canaries") == []


def test_what_others_can_read_wants_attention(farm: Farm) -> None:
    farm.settings.home.chmod(0o755)
    assert look_at(farm).attention == (
        Attention(
            about="home",
            message=f"others may look into the state home; run: chmod 700 {farm.settings.home}",
        ),
    )
