"""`pifarm audit`: who changed what."""

import datetime
from typing import Annotated

import typer

from orchestrator.cli import console
from orchestrator.cli.farm import JsonOption


def audit(
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="So many lines at most.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Who changed what, when, and what came of it, newest first; also what the dashboard refused."""
    from orchestrator.queries.audit import list_audit

    lines = list_audit(console.the_farm().database, limit)
    if as_json:
        console.print_json(lines)
    elif lines:
        rows = [
            [
                f"{datetime.datetime.fromtimestamp(line.at_s, tz=datetime.UTC):%Y-%m-%d %H:%M:%S}Z",
                line.who,
                line.action,
                line.target,
                line.outcome + (f": {line.message}" if line.message else ""),
            ]
            for line in lines
        ]
        console.print_table("", ["when", "who", "did", "to", "outcome"], rows)
    else:
        console.tell("nothing was changed yet")
