"""Emulated boards join a farm as any Pi does, measure, and are shown as what they are."""

import contextlib
import sqlite3
from importlib import metadata

import pytest

from orchestrator import demo
from tests.arm64.conftest import ONLINE, PUSHED, Ended, Pifarm
from tests.arm64.emulated_board import EmulatedBoard

pytestmark = pytest.mark.arm64
WRONG = "SHA256:" + "A" * 43
QUICK_INFERENCES = 20
GOVERNOR = "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"


def test_a_wrong_fingerprint_is_refused_and_nothing_is_stored(pifarm: Pifarm, online_board: EmulatedBoard) -> None:
    refused = pifarm("device", "add", "stranger", "--ssh", online_board.address, "--fingerprint", WRONG)
    assert refused.exit_code == 2
    assert online_board.fingerprint in refused.err
    assert "stranger" not in [device["name"] for device in pifarm.ask("device", "list")]


def test_a_board_is_set_up_by_the_wheels_of_its_own_index(pifarm: Pifarm, online: Ended) -> None:
    assert online.exit_code == 0, online.err
    assert "from the board's package index" in online.err
    device = pifarm.ask("device", "show", ONLINE)
    assert device["runtimes"] == {"onnxruntime": metadata.version("onnxruntime")}
    assert device["unsupported"] == {}


def test_a_board_without_a_network_is_set_up_by_pushed_wheels(
    pifarm: Pifarm, offline_board: EmulatedBoard, pushed: Ended
) -> None:
    assert pushed.exit_code == 0, pushed.err
    assert "aarch64.whl" in pushed.err
    routes = offline_board.ssh(pifarm.key, "cat /proc/net/route").splitlines()[1:]
    assert all(route.split()[1] != "00000000" for route in routes), "the board has a way out"
    device = pifarm.ask("device", "show", PUSHED)
    assert device["runtimes"] == {"onnxruntime": metadata.version("onnxruntime")}


def test_an_emulated_board_is_shown_as_what_it_is(pifarm: Pifarm, online: Ended) -> None:
    assert online.exit_code == 0
    device = pifarm.ask("device", "show", ONLINE)
    assert (device["board"], device["board_type"]) == ("Raspberry Pi 5 Model B Rev 1.0", "pi5")
    assert device["facts"]["architecture"] == "aarch64"
    assert device["facts"]["os"] == "Debian GNU/Linux 12 (bookworm)"
    assert device["facts"]["emulated"] is True and device["simulated"] is True
    assert "Raspberry Pi 5 Model B Rev 1.0 (simulated)" in pifarm("device", "list").out


def test_the_documented_command_for_the_governor_cures_what_the_doctor_finds(
    pifarm: Pifarm, online_board: EmulatedBoard, online: Ended
) -> None:
    assert online.exit_code == 0
    online_board.ssh(pifarm.key, GOVERNOR.replace("performance", "ondemand"))
    assert "governor" in [finding["code"] for finding in pifarm.ask("device", "doctor", ONLINE)["findings"]]
    online_board.ssh(pifarm.key, GOVERNOR)
    assert "governor" not in [finding["code"] for finding in pifarm.ask("device", "doctor", ONLINE)["findings"]]


def test_every_variant_of_a_study_is_measured_and_stored(pifarm: Pifarm, study: int) -> None:
    query = "SELECT state, samples, runtime_version, median_ns FROM runs WHERE study_id = ?"
    with contextlib.closing(sqlite3.connect(pifarm.home / "pifarm.db")) as connection:
        runs = connection.execute(query, (study,)).fetchall()
    assert len(runs) == len(demo.demo_variants())
    for state, samples, runtime_version, median_ns in runs:
        assert (state, runtime_version) == ("done", metadata.version("onnxruntime"))
        assert samples >= QUICK_INFERENCES and median_ns > 0


def test_a_run_tells_what_it_was_measured_on(pifarm: Pifarm, study: int) -> None:
    for run in pifarm.ask("run", "list", "--study", str(study)):
        (attempt,) = pifarm.ask("run", "show", run["run"])["attempts"]
        assert attempt["environment"]["architecture"] == "aarch64"
        assert attempt["environment"]["emulated"] is True
        assert attempt["sources"]["temperature_c"] == "thermal zone cpu-thermal"


def test_nobody_takes_an_emulated_figure_for_one_of_a_pi(pifarm: Pifarm, study: int) -> None:
    rows = pifarm.ask("leaderboard", str(study))["rows"]
    assert len(rows) == len(demo.demo_variants())
    assert {row["group"]["board_type"] for row in rows} == {"pi5"}
    assert all(row["simulated"] and row["group"]["source"] == "simulated" for row in rows)
    assert "SIMULATED" in pifarm("leaderboard", str(study)).out


def test_a_runtime_that_kills_its_process_is_unsupported_not_slow(
    pifarm: Pifarm, offline_board: EmulatedBoard, pushed: Ended
) -> None:
    assert pushed.exit_code == 0
    (module,) = offline_board.farm_folder.glob("envs/onnxruntime/lib/python*/site-packages/onnxruntime/__init__.py")
    whole = module.read_text()
    try:
        module.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n")
        probed = pifarm("device", "probe", PUSHED)
        assert "SIGILL" in pifarm.ask("device", "show", PUSHED)["unsupported"]["onnxruntime"], probed.err
    finally:
        module.write_text(whole)
    assert pifarm("device", "probe", PUSHED).exit_code == 0
    assert pifarm.ask("device", "show", PUSHED)["unsupported"] == {}
