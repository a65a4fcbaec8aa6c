"""`pifarm import`: results of others, to be shown beside the farm's own."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import console


def import_results(
    path: Annotated[Path, typer.Argument(help="A CSV file: model, variant, a latency in ms, metrics.")],
    source: Annotated[str, typer.Option("--source", help="Who published this and where; shown with every row.")],
    board_type: Annotated[
        str, typer.Option("--board-type", help="What it was measured on, e.g. pi4; unknown if not given.")
    ] = "unknown",
    regime: Annotated[str, typer.Option("--regime", help="burst or sustained, where that is known.")] = "unknown",
    latency: Annotated[
        str | None, typer.Option("--latency", help="The column with the latency, if several end in _ms.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Import published results: marked as such on the leaderboard, in groups of their own, never ranked with measured
    ones. Importing a source again replaces what it gave before.
    """
    from orchestrator.published import import_published, read_published

    results = read_published(path, latency)
    farm = console.the_farm()
    count = import_published(farm.database, results, source=source, board_type=board_type, regime=regime)
    console.note(farm, "import", f"{source}: {count} results")
    if as_json:
        console.print_json({"imported": count, "source": source, "results": results})
        return
    console.say(f"{count} published results of {', '.join(sorted({each.model for each in results}))} from {source}")
    console.tell("next: pifarm leaderboard")
