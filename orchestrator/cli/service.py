"""`pifarm device drain | quarantine | resume`: taking a board out of service, and back."""

from typing import Annotated

import typer

from orchestrator.cli import console
from orchestrator.cli.device import NameArgument


def drain(
    name: NameArgument,
    reason: Annotated[str, typer.Option("--reason", help="Shown beside its state.")] = "drained",
) -> None:
    """Give the device no further work; it keeps its queue, and ends the run it is at."""
    from orchestrator.boards import fleet

    farm = console.the_farm()
    fleet.drain(farm.database, name, reason)
    console.note(farm, "device drain", f"{name}: {reason}")
    console.say(f"{name}: drained; pifarm device resume {name} brings it back")


def quarantine(
    name: NameArgument, reason: Annotated[str, typer.Option("--reason", help="Why; shown beside its state.")]
) -> None:
    """Take the device for sick: no further work, and the status asks for somebody to look at it. Its queue stays."""
    from orchestrator.boards import fleet

    farm = console.the_farm()
    fleet.quarantine(farm.database, name, reason)
    console.note(farm, "device quarantine", f"{name}: {reason}")
    console.say(f"{name}: sick, {reason}; pifarm device resume {name} brings it back")


def resume(
    name: NameArgument, comment: Annotated[str, typer.Option("--comment", help="Kept in the diary.")] = ""
) -> None:
    """Give a drained or sick device work again."""
    from orchestrator.boards import fleet
    from orchestrator.doorbell import ring

    farm = console.the_farm()
    fleet.resume(farm.database, name, comment)
    console.note(farm, "device resume", f"{name}: {comment}" if comment else name)
    ring(farm)
    console.say(f"{name}: ready")
