"""`pifarm demo`: the whole farm on this machine, in one command.

A real model in four variants, measured by real inference on this host and on two simulated boards over real SSH. The
study stays in the state home: `pifarm leaderboard` and `pifarm up` show it afterwards.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import console
from orchestrator.farm import Farm

if TYPE_CHECKING:
    from orchestrator.simulator.farm import BoardNotice

HOST = "this-host"
TIDY_UP_S = 10.0
BOARDS = {"pi5-active-cooler": "fan", "pi4-heatsink": "heatsink"}


def demo(
    blocks: Annotated[int, typer.Option("--blocks", help="Randomised passes over all variants.")] = 3,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="Override a protocol's figure, e.g. window.min_s=1.")
    ] = None,
) -> None:
    """Measure the demo model on this host and on two simulated Pis, and rank its variants. About three minutes."""
    from orchestrator import demo as demo_model
    from orchestrator import protocols, studies
    from orchestrator.bundle import build_bundle
    from orchestrator.cli.leaderboard import print_leaderboard
    from orchestrator.cli.watch import watch_study
    from orchestrator.queries.leaderboard import leaderboard
    from orchestrator.report import write_report
    from orchestrator.simulator.process import simulator_process
    from orchestrator.transport.keys import FarmKey

    farm = console.the_farm()
    console.tell(
        f"this host and two simulated boards: real inference, simulated hardware; state in {farm.settings.home}"
    )
    _add_demo_model(farm)
    public_line = FarmKey.in_folder(farm.settings.keys_dir).public_line
    with simulator_process(farm.settings.home / "simulated", list(BOARDS), [public_line]) as boards:
        devices = _add_devices(farm, boards)
        study = studies.submit(
            farm.database,
            studies.Submission(
                model=demo_model.MODEL_NAME,
                protocol=protocols.with_overrides(protocols.preset("demo").protocol, setting or []),
                blocks=blocks,
                bundle_hash=build_bundle(farm.settings.bundles_dir).hash,
                devices=devices,
            ),
        )
        is_clean = watch_study(farm, study)
        _let_boards_tidy_up(farm)
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


def _add_devices(farm: Farm, boards: Sequence["BoardNotice"]) -> list[str]:
    """Register what is new; a simulated board that is known gets its address of today."""
    from orchestrator import fleet

    known = fleet.names(farm.database)
    if HOST not in known:
        fleet.add_local(farm, HOST, {}, progress=_tell_step)
    for board in boards:
        _prepare(board.home)
        if board.name in known:
            fleet.readdress(farm.database, board.name, str(board.address))
            continue
        new = fleet.NewBoard(name=board.name, address=str(board.address), labels={"cooling": BOARDS[board.kind]})
        fleet.add_board(farm, new, board.host_key, progress=_tell_step)
    return [HOST, *(board.name for board in boards)]


def _let_boards_tidy_up(farm: Farm) -> None:
    """Keep the simulated boards until the worker has said its last word to them."""
    from orchestrator import attempts

    ends_at_s = time.monotonic() + TIDY_UP_S
    while attempts.any_to_forget(farm.database) and time.monotonic() < ends_at_s:
        time.sleep(0.1)


def _prepare(home: Path) -> None:
    """Set the governor of a simulated board, as its owner would on a real one before measuring."""
    for governor in home.glob("board/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"):
        governor.write_text("performance\n", encoding="utf-8")


def _tell_step(step: str, detail: str) -> None:
    console.tell(f"  {step}: {detail}" if detail else f"  {step}")
