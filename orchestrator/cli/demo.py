"""`pifarm demo`: the whole farm on this machine, in one command.

A real model in four variants, measured by real inference on this host and on two simulated boards over real SSH. The
study stays in the state home: `pifarm leaderboard` and `pifarm up` show it afterwards.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import console
from orchestrator.errors import InternalError
from orchestrator.farm import Farm

HOST = "this-host"
BOARDS = {"pi5-active-cooler": "fan", "pi4-heatsink": "heatsink"}
STARTUP_S = 30.0


def demo(
    blocks: Annotated[int, typer.Option("--blocks", help="Randomised passes over all variants.")] = 3,
) -> None:
    """Measure the demo model on this host and on two simulated Pis, and rank its variants. About three minutes."""
    from orchestrator import demo as demo_model
    from orchestrator import protocols, studies
    from orchestrator.bundle import build_bundle
    from orchestrator.cli.leaderboard import print_leaderboard
    from orchestrator.cli.watch import watch_study
    from orchestrator.queries.leaderboard import leaderboard
    from orchestrator.report import write_report

    farm = console.the_farm()
    console.tell(
        f"this host and two simulated boards: real inference, simulated hardware; state in {farm.settings.home}"
    )
    _add_demo_model(farm)
    with _simulated_boards(farm) as boards:
        devices = _add_devices(farm, boards)
        study = studies.submit(
            farm.database,
            studies.Submission(
                model=demo_model.MODEL_NAME,
                protocol=protocols.preset("demo").protocol,
                blocks=blocks,
                bundle_hash=build_bundle(farm.settings.bundles_dir).hash,
                devices=devices,
            ),
        )
        is_clean = watch_study(farm, study)
    print_leaderboard(leaderboard(farm.database, study=study))
    report = Path(f"pifarm-demo-{study}.html").absolute()
    write_report(farm.database, study, report)
    console.say(f"report: {report}")
    address = f"http://{farm.settings.dashboard_address}:{farm.settings.dashboard_port}"
    console.say(f"dashboard: run `pifarm up` and open {address}; again in the terminal: pifarm leaderboard {study}")
    if not is_clean:
        raise typer.Exit(1)


def _add_demo_model(farm: Farm) -> None:
    from orchestrator import demo as demo_model
    from orchestrator.catalog import NewBuild, add_model

    builds = [
        NewBuild(
            path=variant.path,
            label=variant.label,
            metrics={"accuracy": variant.accuracy},
            is_baseline=variant.is_baseline,
        )
        for variant in demo_model.demo_variants()
    ]
    add_model(farm, demo_model.MODEL_NAME, builds)


def _add_devices(farm: Farm, boards: list[dict[str, str]]) -> list[str]:
    """Register what is new; a simulated board that is known gets its address of today."""
    from orchestrator import fleet
    from orchestrator.transport.keys import HostKey

    known = fleet.names(farm.database)
    if HOST not in known:
        fleet.add_local(farm, HOST, {}, progress=_tell_step)
    for board in boards:
        _prepare(Path(board["home"]))
        if board["name"] in known:
            fleet.readdress(farm.database, board["name"], board["ssh"])
            continue
        new = fleet.NewBoard(name=board["name"], address=board["ssh"], labels={"cooling": BOARDS[board["kind"]]})
        fleet.add_board(farm, new, HostKey.parse(board["host_key"]), progress=_tell_step)
    return [HOST, *(board["name"] for board in boards)]


def _prepare(home: Path) -> None:
    """Set the governor of a simulated board, as its owner would on a real one before measuring."""
    for governor in home.glob("board/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"):
        governor.write_text("performance\n", encoding="utf-8")


@contextmanager
def _simulated_boards(farm: Farm) -> Iterator[list[dict[str, str]]]:
    """The demo's boards in a process of their own, which ends with this one: its standard input is a pipe from here."""
    folder = farm.settings.home / "simulated"
    notice = folder / "boards.json"
    notice.unlink(missing_ok=True)
    farm.settings.logs_dir.mkdir(mode=0o700, exist_ok=True)
    log_file = farm.settings.logs_dir / "simulator.log"
    command = [sys.executable, "-m", "orchestrator", "simulate", *BOARDS, "--until-input-ends"]
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=farm.settings.environment(),
            start_new_session=True,
        )
    with process:
        deadline = time.monotonic() + STARTUP_S
        while not notice.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise InternalError(f"demo: the simulated boards did not start; see {log_file}")
            time.sleep(0.05)
        yield json.loads(notice.read_text(encoding="utf-8"))


def _tell_step(step: str, detail: str) -> None:
    console.tell(f"  {step}: {detail}")
