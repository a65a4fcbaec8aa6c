"""`pifarm demo`: the whole farm on this machine, in one command.

A really trained detector, a slimmer redesign of it and what the factory makes of it, measured by real inference on this
host and on two simulated boards over real SSH. All stays in the state home: `pifarm leaderboard` and `pifarm up` show
it afterwards.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.wire.spec import Inputs
from orchestrator.cli import console
from orchestrator.farm import Farm

if TYPE_CHECKING:
    from orchestrator.simulator.farm import BoardNotice

HOST = "this-host"
TIDY_UP_S = 10.0
BOARDS = {"pi5-active-cooler": "fan", "pi4-heatsink": "heatsink"}
FEW_SCENES = 200
SEED = 0
INPUTS = Inputs(shapes={"images": (1, 3, 128, 128)})  # TorchScript does not say it


def demo(
    blocks: Annotated[int, typer.Option("--blocks", help="Randomised passes over all variants.")] = 3,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="Override a protocol's figure, e.g. window.min_s=1.")
    ] = None,
    variant: Annotated[
        list[str] | None, typer.Option("--variant", help="Only this one, e.g. onnx or int8-static; may be repeated.")
    ] = None,
    examples: Annotated[
        int | None, typer.Option("--examples", min=1, help=f"Scenes to answer, {FEW_SCENES} if not given.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="The variants for PyTorch, too, and every scene; needs pifarm[torch].")
    ] = False,
) -> None:
    """Measure a detector's variants on this host and on two simulated Pis, and rank them. About five minutes."""
    from orchestrator.cli.leaderboard import print_leaderboard
    from orchestrator.cli.watch import watch_study
    from orchestrator.demo.detection.preparing import WITH_TORCH, WITHOUT_TORCH, add_detector, add_scenes
    from orchestrator.demo.detection.scenes import VALIDATION_SCENES
    from orchestrator.queries.leaderboard import leaderboard
    from orchestrator.report import write_report
    from orchestrator.simulator.process import simulator_process
    from orchestrator.transport.keys import FarmKey

    farm = console.the_farm()
    console.tell(
        f"this host and two simulated boards: real inference, simulated hardware; state in {farm.settings.home}"
    )
    variants = variant or [*WITHOUT_TORCH, *(WITH_TORCH if full else ())]
    add_detector(farm, variants, console.tell)
    add_scenes(farm)
    public_line = FarmKey.in_folder(farm.settings.keys_dir).public_line
    with simulator_process(farm.settings.home / "simulated", list(BOARDS), [public_line]) as boards:
        devices = _add_devices(farm, boards)
        timed = _submit_timing(farm, variants, devices, blocks, setting or [])
        count = examples or (VALIDATION_SCENES if full else FEW_SCENES)
        answering = _submit_accuracy(farm, variants, devices, count)
        were_clean = [watch_study(farm, study) for study in (timed, answering)]
        _let_boards_tidy_up(farm)
    print_leaderboard(leaderboard(farm.database, study=timed))
    report = Path(f"pifarm-demo-{timed}.html").absolute()
    write_report(farm.database, timed, report)
    console.say(f"report: {report}")
    address = f"http://{farm.settings.dashboard_address}:{farm.settings.dashboard_port}"
    console.say(f"dashboard: run `pifarm up` and open {address}; again in the terminal: pifarm leaderboard {timed}")
    if not all(were_clean):
        raise typer.Exit(1)


def _submit_timing(
    farm: Farm, variants: Sequence[str], devices: Sequence[str], blocks: int, overrides: Sequence[str]
) -> int:
    from orchestrator import protocols, studies
    from orchestrator.boards.bundle import build_bundle
    from orchestrator.demo.detection import MODEL_NAME

    return studies.submit(
        farm.database,
        studies.Submission(
            model=MODEL_NAME,
            protocol=protocols.with_overrides(protocols.preset("demo").protocol, overrides),
            blocks=blocks,
            bundle_hash=build_bundle(farm.settings.bundles_dir).hash,
            variants=variants,
            devices=devices,
            inputs=INPUTS,
        ),
    )


def _submit_accuracy(farm: Farm, variants: Sequence[str], devices: Sequence[str], examples: int) -> int:
    """In runs of its own, after those that are timed: every device answers the same scenes."""
    from orchestrator import protocols, studies
    from orchestrator.attending.lifecycle import StudyKind
    from orchestrator.boards.bundle import build_bundle
    from orchestrator.demo.detection import MODEL_NAME
    from orchestrator.demo.detection.preparing import DATASET
    from orchestrator.evaluation_plan import plan_evaluation

    planned = plan_evaluation(farm, MODEL_NAME, DATASET, examples, SEED)
    return studies.submit(
        farm.database,
        studies.Submission(
            model=MODEL_NAME,
            protocol=protocols.answering(len(planned.examples)),
            blocks=1,
            bundle_hash=build_bundle(farm.settings.bundles_dir).hash,
            variants=variants,
            devices=devices,
            kind=StudyKind.ACCURACY,
            evaluation=planned,
        ),
    )


def _add_devices(farm: Farm, boards: Sequence["BoardNotice"]) -> list[str]:
    """Register what is new; a simulated board that is known gets its address of today."""
    from orchestrator.boards import fleet

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
    from orchestrator.attending import attempts

    ends_at_s = time.monotonic() + TIDY_UP_S
    while attempts.any_to_forget(farm.database) and time.monotonic() < ends_at_s:
        time.sleep(0.1)


def _prepare(home: Path) -> None:
    """Set the governor of a simulated board, as its owner would on a real one before measuring."""
    for governor in home.glob("board/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"):
        governor.write_text("performance\n", encoding="utf-8")


def _tell_step(step: str, detail: str) -> None:
    console.tell(f"  {step}: {detail}" if detail else f"  {step}")
