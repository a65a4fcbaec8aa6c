"""The page about boards says as much as the code does: its steps, findings, notes and series are complete."""

from dataclasses import fields

from agent.home import BoardNotes
from agent.sensors import SERIES
from agent.wire.answers import BusyProcess, Examined, Timer
from agent.wire.spec import Scalar
from orchestrator.boards.bootstrap import Step
from orchestrator.boards.doctor import examine, look_closer
from tests.docs.pages import read_page

PAGE = read_page("docs/boards.md")


def first_cells(heading: str) -> list[str]:
    return [row[0].strip("`") for row in PAGE.table_below(heading)]


def test_every_step_of_a_bootstrap_is_named_in_order() -> None:
    assert first_cells("## Adding it") == [step.value for step in Step]


def test_every_finding_of_the_doctor_is_named() -> None:
    worst: dict[str, Scalar] = {
        "governor": "ondemand",
        "clock_limit_hz": 1e9,
        "clock_max_hz": 2e9,
        "clock_floor_hz": 6e8,
        "swap_total_bytes": 2**30,
        "swap_free_bytes": 0,
        "zram": True,
        "link": "wifi",
    }
    checkup = examine(worst, absent=(), disk_free_bytes=0, unsupported={"onnxruntime": "killed by SIGILL"})
    disturbed = Examined(
        facts={
            "throttled": 0x50005,
            "low_voltage_alarm": 1.0,
            "input_volts": 4.6,
            "services": "cron",
            "fan_fixed": "hwmon2/pwm1: Permission denied",
        },
        busy=(BusyProcess(name="backup", cores=0.9),),
        timers=(Timer(name="apt-daily.timer", next_in_s=600.0),),
    )
    hot = Examined(facts={"temperature_c": 71.5})
    closer = [*look_closer(disturbed, {}).findings, *look_closer(hot, {}).findings]
    found = {finding.code for finding in (*checkup.findings, *closer)}
    assert set(first_cells("### What the doctor looks at")) == found


def test_every_key_of_board_json_is_named() -> None:
    assert set(first_cells("### board.json")) == {field.name for field in fields(BoardNotes)}


def test_every_series_is_named() -> None:
    assert set(first_cells("## What is read from a board")) == {*SERIES, "rss_bytes"}
