"""`pifarm run list | show | diff` and `recompute`: single measurements."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import console
from orchestrator.cli.accuracy import print_parts
from orchestrator.cli.farm import JsonOption
from orchestrator.queries.rows import RunView

if TYPE_CHECKING:
    from orchestrator.analysis.thermal.sweep import Sweep
    from orchestrator.queries.account import RunAccount

app = typer.Typer(help="Runs: single measurements.", no_args_is_help=True)


def run_rows(runs: Sequence[RunView]) -> tuple[list[str], list[list[str]], list[str]]:
    """Columns, rows and right-aligned columns of a table of runs."""
    from orchestrator.text.numbers_text import ms

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
    """A run in full: timeline, figures, telemetry, verdict with reasons and advice, attempts, environment."""
    from orchestrator.queries.account import account_for

    account = account_for(console.the_farm().database, run)
    if as_json:
        console.print_json(account_document(account))
    else:
        _print_account(account)


def account_document(account: "RunAccount") -> dict[str, object]:
    """The run's own keys first, then what its raw data says."""
    facts = {field.name: getattr(account, field.name) for field in dataclasses.fields(account) if field.name != "run"}
    own = {field.name: getattr(account.run, field.name) for field in dataclasses.fields(account.run)}
    return {**own, "account": facts}


def _print_account(account: "RunAccount") -> None:
    from orchestrator.queries.account import shown_attempt
    from orchestrator.text import progress_text, run_text

    view = account.run
    console.print_table("", *run_rows([view]))
    for line in run_text.verdict(view):
        console.say(line)
    attempt = shown_attempt(view)
    if attempt is None:
        console.say("it has not been started yet")
        return
    columns = ["phase", "began at", "took", ""]
    console.print_table(
        f"timeline of attempt {attempt.number}, since the claim",
        columns,
        run_text.timeline(account, attempt),
        columns[1:3],
    )
    if account.scores is not None:
        print_parts(account.scores)
    if account.progress is not None:
        console.say(f"under way: {progress_text.standing(account.progress)}")
        if room := run_text.room(view):
            console.say(room)
    elif account.scores is None:
        console.print_table("figures", ["figure", "value"], run_text.figures(view), ["value"])
    if account.scores is None:
        console.say(f"course: {run_text.course(account)}")
    if account.pace is not None:
        console.say(f"pace: {run_text.pace(account.pace)}")
    if account.soak is not None:
        title = "the soak" if account.progress is None else "the soak so far"
        console.print_table(title, ["figure", "value"], run_text.soak(account.soak))
    if account.sweep is not None:
        _print_sweep(account.sweep)
    if account.telemetry is not None:
        console.print_table("the board in the window", ["sensor", "readings"], run_text.telemetry(account.telemetry))
    for each in view.attempts:
        counted = ", counts" if each.counted else ""
        console.say(f"attempt {each.number}: {each.state.value}{counted} {each.code} {each.message}".rstrip())
    console.print_table("environment", ["fact", "value"], run_text.environment(attempt))
    if attempt.absent:
        console.say(f"absent on this board, so not checked: {', '.join(attempt.absent)}")


def _print_sweep(sweep: "Sweep") -> None:
    from orchestrator.analysis.thermal.sweep import ROW_C
    from orchestrator.text import sweep_text

    console.print_table("the sweep", ["figure", "value"], sweep_text.figures(sweep))
    rows = [sweep_text.row(each, ROW_C) for each in sweep.rows]
    console.print_table("latency by the temperature of the die", sweep_text.COLUMNS, rows, sweep_text.COLUMNS[1:])
    if sweep.levels:
        held = [sweep_text.level(each) for each in sweep.levels]
        console.print_table("levels", sweep_text.LEVEL_COLUMNS, held, sweep_text.LEVEL_COLUMNS[:-1])


@app.command("diff")
def diff(
    one: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or a beginning of it.")],
    other: Annotated[str, typer.Argument(metavar="RUN", help="Another one.")],
    as_json: JsonOption = False,
) -> None:
    """Every fact that differs between two runs: what keeps them apart first, what is mere detail last."""
    from orchestrator.queries.difference import Weight, run_difference
    from orchestrator.text import run_text

    found = run_difference(console.the_farm().database, one, other)
    if as_json:
        console.print_json(found)
        return
    console.say(run_text.comparability(found))
    columns = ["area", "fact", found.one.run, found.other.run, "why"]
    for weight in Weight:
        rows = [run_text.difference_row(each) for each in found.differences if each.weight is weight]
        if rows:
            console.print_table(weight.value, columns, rows)
    if not found.differences:
        console.say("nothing differs")


def recompute() -> None:
    """Make every derived figure again from the raw data, by this version of the analysis."""
    from orchestrator.attending.results import recompute_all
    from orchestrator.attending.scoring import rescore_all

    farm = console.the_farm()
    timed, scored = recompute_all(farm.database), rescore_all(farm)
    console.note(farm, "recompute", f"{timed + scored} runs")
    console.say(f"{timed + scored} runs recomputed" + (f", {scored} of them scored again" if scored else ""))
