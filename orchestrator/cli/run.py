"""`pifarm run list | show` and `recompute`: single measurements."""

from collections.abc import Sequence
from typing import Annotated

import typer

from orchestrator.cli import console
from orchestrator.cli.farm import JsonOption
from orchestrator.queries.rows import RunView

app = typer.Typer(help="Runs: single measurements.", no_args_is_help=True)


def run_rows(runs: Sequence[RunView]) -> tuple[list[str], list[list[str]], list[str]]:
    """Columns, rows and right-aligned columns of a table of runs."""
    from orchestrator.numbers_text import ms

    columns = ["run", "device", "variant", "block", "state", "verdict", "median", "reasons"]
    rows = [
        [
            run.run,
            run.device + (" (simulated)" if run.simulated else ""),
            run.variant,
            str(run.block),
            run.state.value,
            "" if run.verdict is None else run.verdict.value,
            ms(run.median_ms),
            _why(run),
        ]
        for run in runs
    ]
    return columns, rows, ["block", "median"]


def _why(run: RunView) -> str:
    if run.code:
        return f"{run.code}: {run.message}"
    codes = (str(reason["code"]) for reason in run.reasons if reason["severity"] != "note")
    return ", ".join(dict.fromkeys(codes))


@app.command("list")
def list_all(
    study: Annotated[int | None, typer.Option("--study", max=console.LARGEST_ID, help="Only this study's.")] = None,
    device: Annotated[str | None, typer.Option("--device", help="Only this device's.")] = None,
    as_json: JsonOption = False,
) -> None:
    """The newest runs."""
    from orchestrator.queries.runs import list_runs

    runs = list_runs(console.the_farm().database, study=study, device=device)
    if as_json:
        console.print_json(runs)
    else:
        console.print_table("", *run_rows(runs))


@app.command("show")
def show(
    run: Annotated[str, typer.Argument(help="The run's id, or a beginning of it.")],
    as_json: JsonOption = False,
) -> None:
    """A run in full: figures, verdict with reasons, attempts, environment."""
    from orchestrator.numbers_text import ms
    from orchestrator.queries.runs import get_run

    view = get_run(console.the_farm().database, run)
    if as_json:
        console.print_json(view)
        return
    console.print_table("", *run_rows([view]))
    figures = {
        "median": view.median_ms,
        "p90": view.p90_ms,
        "first inference": view.first_ms,
        "load": view.load_ms,
    }
    console.print_table(
        "figures", ["figure", "value"], [[name, ms(value)] for name, value in figures.items()], ["value"]
    )
    for reason in view.reasons:
        console.say(f"{reason['severity']}: {reason['text']}")
    for attempt in view.attempts:
        counted = ", counts" if attempt.counted else ""
        console.say(
            f"attempt {attempt.number}: {attempt.state.value}{counted} {attempt.code} {attempt.message}".rstrip()
        )
        facts = {
            **attempt.environment,
            **{f"source of {name}": source for name, source in attempt.sources.items()},
        }
        console.print_table(
            "environment", ["fact", "value"], [[name, str(value)] for name, value in sorted(facts.items())]
        )
        if attempt.absent:
            console.say(f"absent on this board: {', '.join(attempt.absent)}")


def recompute() -> None:
    """Make every derived figure again from the raw data, by this version of the analysis."""
    from orchestrator.results import recompute_all

    console.say(f"{recompute_all(console.the_farm().database)} runs recomputed")
