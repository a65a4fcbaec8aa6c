"""A scenario says what a simulated board goes through, and refuses what cannot be."""

from pathlib import Path

import pytest

from agent.wire.codec import WireError
from orchestrator.errors import SpecError
from orchestrator.simulator.board import BoardBody
from orchestrator.simulator.boards import board_kind
from orchestrator.simulator.conditions import Conditions
from orchestrator.simulator.farm import prepare
from orchestrator.simulator.scenario import OwnCourse, Scenario, Step, read_scenario

WRITTEN = """{"seed": 7, "room_c": 20, "steps": [
    {"at_s": 100, "over_s": 200, "conditions": {"room_c": 30}},
    {"at_s": 400, "conditions": {"is_under_voltage": true}},
    {"at_s": 500}
]}"""


@pytest.mark.parametrize(
    ("since_s", "room_c", "is_low"),
    [(0, 20, False), (99, 20, False), (200, 25, False), (300, 30, False), (450, 30, True), (900, 30, False)],
)
def test_a_room_drifts_and_the_supply_sags_when_the_file_says_so(
    tmp_path: Path, since_s: float, room_c: float, is_low: bool
) -> None:
    file = tmp_path / "scenario.json"
    file.write_text(WRITTEN)
    now = read_scenario(file).at(since_s)
    assert now.room_c == pytest.approx(room_c)
    assert now.is_under_voltage == is_low


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"sed": 7}', "sed"),
        ('{"time_scale": 0.5}', r"time_scale: expected 1\.\.100"),
        ('{"room_c": 900}', "room_c"),
        ('{"steps": [{"at_s": 9}, {"at_s": 3}]}', "in order of at_s"),
        ('{"steps": [{"at_s": -1}]}', "at_s: expected 0 or more"),
        ("no JSON", "--scenario"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "scenario.json"
    file.write_text(text)
    with pytest.raises(SpecError, match=said):
        read_scenario(file)


def test_an_impossible_step_cannot_exist() -> None:
    with pytest.raises(WireError, match="over_s"):
        Step(at_s=0, over_s=-1)


def test_a_seed_picks_other_specimens_and_the_same_one_the_same(tmp_path: Path) -> None:
    kind = board_kind("pi4-bare")
    first, again, other = (BoardBody(tmp_path, "one", kind, Scenario(seed=seed)) for seed in (1, 1, 2))
    assert first.kind == again.kind != other.kind


def test_a_board_lives_by_its_scenario(tmp_path: Path) -> None:
    scenario = Scenario(steps=(Step(at_s=0, conditions=Conditions(is_under_voltage=True)),))
    body = BoardBody(tmp_path / "home", "pi4", board_kind("pi4-bare"), scenario)
    body.power_on()
    assert body.die.bits == 0x50005
    body.power_off()


def test_one_board_of_several_goes_through_what_the_others_do_not(tmp_path: Path) -> None:
    file = tmp_path / "scenario.json"
    file.write_text(
        '{"room_c": 22, "steps": [{"at_s": 9, "conditions": {"busy_cores": 1}}],'
        ' "boards": {"pi4-2": {"room_c": 30, "steps": [{"at_s": 5, "conditions": {"is_fan_stopped": true}}]}}}'
    )
    scenario = read_scenario(file)
    other, own = scenario.of("pi4").at(10), scenario.of("pi4-2").at(10)
    assert (other.room_c, other.busy_cores, other.is_fan_stopped) == (22, 1, False)
    assert (own.room_c, own.busy_cores, own.is_fan_stopped) == (30, 0, True)


def test_a_course_for_a_board_that_is_not_there_is_refused(tmp_path: Path) -> None:
    scenario = Scenario(boards={"pi6": OwnCourse()})
    with pytest.raises(SpecError, match="expected some of pi4-bare, pi4-bare-2, got pi6"):
        prepare(tmp_path, ["pi4-bare", "pi4-bare"], [], scenario=scenario)
