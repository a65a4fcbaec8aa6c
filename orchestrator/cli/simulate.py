"""`pifarm simulate`: simulated Pis on this machine. Real agent, real inference, simulated hardware."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import console
from orchestrator.errors import SpecError

if TYPE_CHECKING:
    from orchestrator.simulator.farm import BoardNotice


def simulate(
    kinds: Annotated[
        list[str] | None, typer.Argument(help="Board kinds, e.g. pi5-active-cooler; one board each.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where the boards live; by default in the state home.")
    ] = None,
    port: Annotated[int, typer.Option("--port", help="SSH port of the first board, the next ones follow; 0: any.")] = 0,
) -> None:
    """Serve simulated boards over SSH on loopback until Ctrl-C; prints how to add each one."""
    try:
        from orchestrator.simulator.boards import BOARD_KINDS
        from orchestrator.simulator.farm import run_simulator
    except ImportError as error:
        raise SpecError("simulate: asyncssh is missing; install it with: pip install 'pifarm[sim]'") from error
    from orchestrator.transport.keys import FarmKey

    if not kinds:
        console.say("kinds of boards: " + ", ".join(BOARD_KINDS))
        return
    settings = console.the_farm().settings
    run_simulator(
        folder or settings.home / "simulated",
        kinds,
        [FarmKey.in_folder(settings.keys_dir).public_line],
        port_base=port,
        on_ready=_tell_how_to_add,
    )


def _tell_how_to_add(notices: list["BoardNotice"]) -> None:
    for notice in notices:
        console.tell(
            f"pifarm device add {notice.name} --ssh {notice.address} --fingerprint {notice.host_key.fingerprint}"
        )
