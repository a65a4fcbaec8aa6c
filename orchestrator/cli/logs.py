"""`pifarm logs`: what the farm's own processes have written, all of them in order of time or one alone."""

import time
from typing import Annotated

import typer

from orchestrator.cli import console
from orchestrator.errors import NotFoundError

LINES = 50
LOOK_S = 0.5


def logs(
    part: Annotated[
        str, typer.Argument(help="worker, tick, dashboard, broker or supervisor.", show_default=True)
    ] = "worker",
    lines: Annotated[int, typer.Option("--lines", min=1, max=100_000, help="How many lines of the past.")] = LINES,
    follow: Annotated[bool, typer.Option("--follow", help="Stay and print what comes.")] = False,
) -> None:
    """The last lines of a part's log, older pieces included."""
    from orchestrator.config import load_settings
    from orchestrator.supervisor.follow import Follower, last_lines
    from orchestrator.supervisor.rotation import LOGS, part_log

    if part not in LOGS:
        raise NotFoundError(f"logs: {part!r} is unknown; there are {', '.join(LOGS)}")
    log = part_log(load_settings(), part)
    if not log.pieces():
        raise NotFoundError(f"logs: {log.path} does not exist; `pifarm up` writes it, a service logs to its journal")
    follower = Follower(path=log.path)
    for line in last_lines(log, lines):
        console.say(line)
    while follow:
        for line in follower.new_lines():
            console.say(line)
        time.sleep(LOOK_S)
