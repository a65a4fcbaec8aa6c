"""The contract of the command line: names of commands, options and JSON keys, and what goes where. They stay."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import typer.main

from orchestrator import studies
from orchestrator.attending.lifecycle import Verdict
from orchestrator.cli import app, main
from orchestrator.db.session import Database
from orchestrator.demo import demo_variants
from tests import factories
from tests.cli.conftest import Pifarm, read_json

CONTRACT = {
    "up": [],
    "demo": [],
    "status": ["--json"],
    "key": [],
    "device add": ["--ssh", "--fingerprint", "--label", "--take-over", "--local"],
    "device list": ["--json"],
    "device show": ["--json"],
    "device probe": [],
    "device doctor": ["--fix", "--restore", "--yes", "--json"],
    "device drain": [],
    "device quarantine": ["--reason"],
    "device resume": ["--comment"],
    "device remove": ["--json"],
    "model add": ["--variant", "--metric", "--baseline", "--task"],
    "model task": [],
    "dataset add": ["--kind"],
    "dataset list": ["--json"],
    "dataset show": ["--json"],
    "model list": ["--json"],
    "model show": ["--json"],
    "accuracy": [
        *("--dataset", "--variant", "--device", "--where", "--runtime", "--threads", "--examples", "--seed"),
        *("--priority", "--wait", "--no-wait", "--json"),
    ],
    "submit": [
        "--variant",
        "--device",
        "--where",
        "--protocol",
        "--blocks",
        "--until-ci",
        "--max-blocks",
        "--rate",
        "--deadline-ms",
        "--threads",
        "--runtime",
        "--priority",
        "--dry-run",
        "--wait",
        "--json",
    ],
    "study list": ["--all", "--json"],
    "study show": ["--json"],
    "study watch": [],
    "study extend": ["--blocks"],
    "study priority": [],
    "study cancel": [],
    "study retry": ["--abandon"],
    "run show": ["--json"],
    "run diff": ["--json"],
    "leaderboard": ["--regime", "--device", "--csv", "--json"],
    "canary show": ["--json"],
    "canary run": ["--all", "--wait"],
    "canary reset": [],
    "compare": [
        *("--study", "--device", "--regime", "--margin", "--fail-if-slower", "--markdown", "--json"),
    ],
    "thermal soak": ["--variant", "--device", "--where", "--minutes", "--repeats", "--dry-run", "--wait", "--json"],
    "thermal pace": [
        *("--variant", "--device", "--where", "--deadline-ms", "--step-min", "--within", "--start", "--max-steps"),
        *("--dry-run", "--wait", "--json"),
    ],
    "thermal sweep": [
        *("--variant", "--device", "--where", "--low", "--high", "--rate", "--levels", "--hold", "--limit", "--blocks"),
        *("--dry-run", "--wait", "--json"),
    ],
    "thermal predict": ["--ambient", "--rate", "--check", "--json"],
    "export": [],
    "report": ["--output", "--figures", "--format"],
    "recompute": [],
    "audit": ["--limit", "--json"],
    "dashboard password": ["--role"],
    "simulate": [],
}
ROW_KEYS = [
    "group",
    "rank",
    "tied_with",
    "provisional",
    "model",
    "variant",
    "format",
    "runtime",
    "runtime_version",
    "threads",
    "devices",
    "board",
    "simulated",
    "regime",
    "protocol",
    "runs",
    "samples",
    "median_ms",
    "ci_low_ms",
    "ci_high_ms",
    "p90_ms",
    "p99_ms",
    "first_ms",
    "load_ms",
    "throughput_per_s",
    "speedup",
    "speedup_ci",
    "metrics",
    "size_bytes",
    "peak_rss_bytes",
    "energy_j",
    "verdicts",
    "pareto",
]
LATER_KEYS = [
    *("run_cv", "marks", "device_median_ms", "p90_ci_low_ms", "p90_ci_high_ms", "board_cv", "detectable"),
    *("throttles_after_s", "throttles_known_until_s", "sustained_ratio", "other_regime", "flips"),
    *("energy_ci_low_j", "energy_ci_high_j"),
]
GROUP_KEYS = {"model", "board_type", "regime", "protocol", "input_shape", "source"}


def list_commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, set[str]]]:
    """Each command by its words, with the names of its options."""
    if hasattr(command, "commands"):
        for name, inner in command.commands.items():
            yield from list_commands(inner, (*path, name))
    else:
        yield " ".join(path), {name for each in command.params for name in (*each.opts, *each.secondary_opts)}


COMMANDS = dict(list_commands(typer.main.get_command(app)))


@pytest.mark.parametrize("command", CONTRACT)
def test_a_command_of_the_contract_is_there_with_its_options(command: str) -> None:
    assert command in COMMANDS
    assert set(CONTRACT[command]) <= COMMANDS[command]


@pytest.mark.parametrize("command", ["", "device", "submit", "study retry"])
def test_help_is_printed_and_is_no_error(pifarm: Pifarm, command: str) -> None:
    ended = pifarm(*command.split(), "--help")
    assert (ended.exit_code, ended.err) == (0, "")
    assert f"Usage: pifarm {command}".rstrip() in " ".join(ended.out.split())


@pytest.mark.parametrize("command", [name for name in COMMANDS if name.endswith((" list", " show", "status"))])
def test_every_command_that_reads_can_be_read_by_a_program(command: str) -> None:
    assert "--json" in COMMANDS[command]


def test_the_keys_of_the_leaderboard_stay(pifarm: Pifarm, measured: factories.Example) -> None:
    board = read_json(pifarm, "leaderboard")
    assert list(board) == ["rows", "excluded"]
    assert len(board["rows"]) == 4
    for row in board["rows"]:
        assert list(row) == ROW_KEYS + LATER_KEYS
        assert set(row["group"]) == GROUP_KEYS
        assert row["group"]["source"] == ("simulated" if row["simulated"] else "measured")
        assert set(row["verdicts"]) == {"valid", "suspect", "invalid"}
        assert row["metrics"]["mAP50"]["source"] == "declared"
        assert isinstance(row["tied_with"], list)


def test_simulated_and_real_boards_never_rank_in_one_group(pifarm: Pifarm, measured: factories.Example) -> None:
    rows = read_json(pifarm, "leaderboard", str(measured.study))["rows"]
    assert sorted((row["group"]["source"], row["rank"]) for row in rows) == [
        ("measured", 1),
        ("measured", 2),
        ("simulated", 1),
        ("simulated", 2),
    ]


def test_the_leaderboard_of_an_empty_farm_is_empty(pifarm: Pifarm) -> None:
    assert read_json(pifarm, "leaderboard") == {"rows": [], "excluded": []}


def test_what_was_left_out_says_why(pifarm: Pifarm, measured: factories.Example, database: Database) -> None:
    run = factories.run_ids(database, measured.study)[0]
    factories.change_run(database, run, verdict=Verdict.INVALID)
    (left_out,) = read_json(pifarm, "leaderboard")["excluded"]
    assert left_out["run"] == run
    assert {"run", "study", "model", "variant", "device", "code", "reason"} <= set(left_out)


def test_the_leaderboard_as_csv_has_the_same_columns(pifarm: Pifarm, measured: factories.Example) -> None:
    ended = pifarm("leaderboard", "--csv")
    assert (ended.exit_code, ended.err) == (0, "")
    header, *rows = csv.reader(io.StringIO(ended.out))
    assert header == ROW_KEYS + LATER_KEYS
    assert [len(row) for row in rows] == [len(header)] * 4


def test_every_reading_command_prints_one_document(pifarm: Pifarm, measured: factories.Example) -> None:
    study = str(measured.study)
    run = read_json(pifarm, "run", "list")[0]["run"]
    assert read_json(pifarm, "run", "show", run)["run"] == run
    assert read_json(pifarm, "run", "list", "--study", study)
    assert {"is_up", "home", "devices", "studies"} <= set(read_json(pifarm, "status"))
    assert {device["name"] for device in read_json(pifarm, "device", "list")} == set(measured.devices)
    assert read_json(pifarm, "device", "show", measured.devices[0])["name"] == measured.devices[0]
    assert [model["model"] for model in read_json(pifarm, "model", "list")] == [factories.MODEL]
    assert read_json(pifarm, "model", "show", factories.MODEL)["model"] == factories.MODEL
    assert [each["study"] for each in read_json(pifarm, "study", "list")] == [measured.study]
    assert set(read_json(pifarm, "study", "show", study)) == {"study", "runs"}


@pytest.mark.integration
def test_what_fails_through_no_fault_of_the_user_ends_with_1(pifarm: Pifarm) -> None:
    (pifarm.home / "artifacts").write_text("in the way", encoding="utf-8")
    ended = pifarm("model", "add", "digits", str(demo_variants()[0].path))
    assert (ended.exit_code, ended.out) == (1, "")
    assert ended.err.startswith("error: artifact store")


def test_watching_a_study_that_has_failed_runs_ends_with_1(pifarm: Pifarm, database: Database) -> None:
    pifarm("submit", "yolov9-c", "--protocol", "quick")
    studies.cancel(database, 1)
    ended = pifarm("study", "watch", "1")
    assert ended.exit_code == 1
    assert "2 of 2 runs did not end well; see pifarm study show 1" in ended.err


@pytest.mark.integration
def test_the_installed_command_and_the_module_are_the_same(home: Path) -> None:
    program, module = [str(Path(sys.executable).with_name("pifarm"))], [sys.executable, "-m", "orchestrator"]
    done = subprocess.run([*program, "device", "list", "--json"], capture_output=True, check=True, env=os.environ)
    assert json.loads(done.stdout)[0]["name"] == "pi5-kitchen"
    failed = subprocess.run([*module, "study", "show", "9"], capture_output=True, check=False, env=os.environ)
    assert (failed.returncode, failed.stdout) == (2, b"")
    (installed,) = entry_points(group="console_scripts", name="pifarm")
    assert installed.load() is main


def test_a_farm_on_a_read_only_disk_can_still_be_asked_for_help(
    pifarm: Pifarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIFARM_HOME", "/proc/nowhere")
    ended = pifarm("submit", "--help")
    assert ended.exit_code == 0 and "--protocol" in ended.out
