"""`pifarm thermal soak | sweep | pace | predict`: studies of heat, and what they foretell."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import console, queueing
from orchestrator.cli.asked import Asked, takes_study
from orchestrator.cli.farm import JsonOption
from orchestrator.cli.study import print_searches
from orchestrator.cli.sweep import sweep
from orchestrator.errors import SpecError

if TYPE_CHECKING:
    from orchestrator.analysis.rate_search import Search
    from orchestrator.queries.prediction import CheckView, PredictionView

LONG_STEPS = 3.0

app = typer.Typer(help="Studies of heat: soaks, and what they foretell.", no_args_is_help=True)
app.command("sweep")(sweep)


@app.command("soak")
@takes_study
def soak(
    asked: Asked,
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=1, max=60, help="Continuous inference; 20 if not given.")
    ] = None,
    repeats: Annotated[
        int | None, typer.Option("--repeats", help="Randomised passes over all variants; 3 if not given.")
    ] = None,
) -> None:
    """Queue soaks: recorded idle, continuous inference, recorded cooling, in random order."""
    from orchestrator import protocols

    farm, preset = console.the_farm(), protocols.preset("sustained")
    length = [] if minutes is None else [f"window.min_s={60 * minutes:g}"]
    submission = asked.submission(
        farm,
        protocol=protocols.with_overrides(preset.protocol, [*length, *(asked.setting or [])]),
        blocks=preset.blocks if repeats is None else repeats,
    )
    then = "pifarm leaderboard {study} --regime sustained"
    asked.queue(farm, submission, then)


@app.command("pace")
@takes_study
def pace(
    asked: Asked,
    deadline_ms: Annotated[
        float | None, typer.Option("--deadline-ms", help="When an inference is late; a period if not given.")
    ] = None,
    step_min: Annotated[
        float, typer.Option("--step-min", min=0.05, max=60, help="Minutes of a step; the last one is three times that.")
    ] = 10.0,
    within: Annotated[str, typer.Option("--within", help="How near the held and the next rate get, e.g. 5%.")] = "5%",
    start: Annotated[
        float | None, typer.Option("--start", help="The first rate; by default what earlier runs foretell.")
    ] = None,
    max_steps: Annotated[int, typer.Option("--max-steps", help="Where a search ends at the latest.")] = 12,
) -> None:
    """Find the highest rate that each board holds without throttling: paced steps, the last one long."""
    from orchestrator import protocols
    from orchestrator.attending.lifecycle import StudyKind
    from orchestrator.queries.first_rates import first_rates
    from orchestrator.queries.pace import read_searches

    farm, search = console.the_farm(), _search(within, start, deadline_ms, step_min, max_steps)
    submission = asked.submission(
        farm,
        protocol=protocols.with_overrides(protocols.for_search(search), asked.setting or []),
        blocks=1,
        kind=StudyKind.PACE,
        search=search,
    )
    asked.queue(
        farm,
        replace(submission, starts=first_rates(farm.database, submission)),
        then="pifarm study show {study}",
        show=lambda study: print_searches(read_searches(farm.database, study)),
        document=lambda study: {"searches": read_searches(farm.database, study)},
    )


@app.command("predict")
def predict(
    run: Annotated[str, typer.Argument(help="A soak's run id, or a beginning of it.")],
    ambient: Annotated[float | None, typer.Option("--ambient", help="The room, C; 25 if not given.")] = None,
    rate: Annotated[float | None, typer.Option("--rate", help="Say in which rooms the board holds this rate.")] = None,
    check: Annotated[
        str | None, typer.Option("--check", help="Set the forecasts beside this held-out soak of the same board.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a soak foretells: when its board throttles, how slow it gets, which rate and room it bears.

    With --check exit code 1 where a figure lies outside its 95 % interval; 3 where nothing can be foretold or compared.
    """
    from orchestrator.queries.prediction import check_prediction
    from orchestrator.queries.prediction import predict as predict_run

    database = console.the_farm().database
    if check is not None:
        _check(check_prediction(database, run, check), as_json=as_json)
        return
    if rate is not None and rate <= 0:
        raise SpecError(f"--rate: expected more than 0, got {rate:g}")
    found = predict_run(database, run, ambient, rate)
    if as_json:
        console.print_json(found)
    else:
        _print_prediction(found)


def _search(within: str, start: float | None, deadline_ms: float | None, step_min: float, max_steps: int) -> "Search":
    from agent.wire.codec import WireError
    from orchestrator.analysis.rate_search import Search

    step_s = 60 * step_min
    try:
        return Search(
            within=console.parse_share("--within", within),
            start_per_s=start,
            deadline_s=None if deadline_ms is None else deadline_ms / 1000,
            step_s=step_s,
            long_s=LONG_STEPS * step_s,
            most_steps=max_steps,
        )
    except WireError as error:
        raise SpecError(f"pace: {error}") from error


def _print_prediction(found: "PredictionView") -> None:
    from orchestrator.text.numbers_text import celsius
    from orchestrator.text.pace_text import doubts, forecasts_of, prediction_rows

    simulated = " (simulated)" if found.simulated else ""
    console.say(f"{found.variant} on {found.device}{simulated}, run {found.run}, load {found.load}")
    console.say(
        f"in a room of {celsius(found.room_c)}, from a die of {celsius(found.start_c)}; "
        f"fitted at {celsius(found.fitted_room_c)}"
    )
    console.print_table("forecasts, each with its 95 % interval", ["figure", "forecast"], prediction_rows(found))
    for line in doubts(forecasts_of(found)):
        console.say(line)


def _check(found: "CheckView", *, as_json: bool) -> None:
    if as_json:
        console.print_json({**console.as_json(found), "is_covered": found.is_covered})
    else:
        from orchestrator.text.pace_text import check_row, doubts

        if not found.is_same:
            console.say("the two runs differ in board or variant: one does not foretell the other")
        columns = ["figure", "foretold from " + found.run, "measured in " + found.held_out, "error", "covered"]
        console.print_table("", columns, [check_row(each) for each in found.figures])
        for line in doubts(each.forecast for each in found.figures):
            console.say(line)
    if not found.is_covered:
        raise typer.Exit(queueing.EXIT_FAILED)
