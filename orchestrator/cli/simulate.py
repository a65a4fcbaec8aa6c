"""`pifarm simulate`: simulated Pis on this machine. Real agent, real inference, simulated hardware."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.wire.codec import WireError
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
    bind: Annotated[
        str, typer.Option("--bind", help="Address to listen at. 0.0.0.0: whoever reaches this machine may knock.")
    ] = "127.0.0.1",
    authorized_keys: Annotated[
        Path | None,
        typer.Option("--authorized-keys", help="File with the keys to let in; by default this farm's key alone."),
    ] = None,
    ambient: Annotated[
        float | None, typer.Option("--ambient", help="Their room, C; by default it swings slowly around 25 C.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Other specimens of the same kinds; by default by their names alone.")
    ] = None,
    time_scale: Annotated[
        float | None,
        typer.Option("--time-scale", help="Their clock runs so many times faster; only scripted inference runs then."),
    ] = None,
    scenario: Annotated[
        Path | None, typer.Option("--scenario", help="JSON: what is done to them when; the options above win.")
    ] = None,
) -> None:
    """Serve simulated boards over SSH, on loopback unless told otherwise, until Ctrl-C; prints how to add each one."""
    try:
        from orchestrator.simulator.boards import BOARD_KINDS
        from orchestrator.simulator.farm import run_simulator
        from orchestrator.simulator.scenario import Scenario, read_scenario
    except ImportError as error:
        raise SpecError("simulate: asyncssh is missing; install it with: pip install 'pifarm[sim]'") from error
    from orchestrator.config import load_settings
    from orchestrator.transport.keys import FarmKey

    if not kinds:
        console.say("kinds of boards: " + ", ".join(BOARD_KINDS))
        return
    settings = load_settings()
    given = {"room_c": ambient, "seed": seed, "time_scale": time_scale}
    wanted = {name: value for name, value in given.items() if value is not None}
    try:
        plan = replace(Scenario() if scenario is None else read_scenario(scenario), **wanted)  # type: ignore[arg-type]  # by name
    except WireError as error:
        raise SpecError(f"simulate: {error}") from error
    run_simulator(
        folder or settings.simulated_dir,
        kinds,
        [FarmKey.in_folder(settings.keys_dir).public_line] if authorized_keys is None else _read_keys(authorized_keys),
        port_base=port,
        bind=bind,
        scenario=plan,
        on_ready=_tell_how_to_add,
    )


def _read_keys(file: Path) -> list[str]:
    """The keys of a file in the form of authorized_keys, without options; raises `SpecError`."""
    from orchestrator.transport.keys import HostKey

    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise SpecError(f"--authorized-keys: cannot read {file}: {error}") from error
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys:
        raise SpecError(f"--authorized-keys: expected a key in {file}, found none; `pifarm key` prints the farm's")
    for key in keys:
        HostKey.parse(key)
    return keys


def _tell_how_to_add(notices: list["BoardNotice"]) -> None:
    for notice in notices:
        console.tell(
            f"pifarm device add {notice.name} --ssh {notice.address} --fingerprint {notice.host_key.fingerprint}"
        )
