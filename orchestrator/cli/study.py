"""`pifarm study list | show | watch | extend | priority | cancel | retry`, `export` and `report`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.attending.lifecycle import USERS_KINDS, StudyKind
from orchestrator.cli import console, queueing
from orchestrator.cli.farm import JsonOption
from orchestrator.queries.rows import StudyView
from orchestrator.text.numbers_text import counted, time_left

if TYPE_CHECKING:
    from orchestrator.db.session import Database
    from orchestrator.queries.pace import PaceResult

app = typer.Typer(help="Studies: what was submitted.", no_args_is_help=True)
StudyArgument = Annotated[
    int, typer.Argument(max=console.LARGEST_ID, help="The study's number; see `pifarm study list`.")
]
Rows = tuple[list[str], list[list[str]], list[str]]


def study_rows(studies: Sequence[StudyView]) -> Rows:
    """Columns, rows and right-aligned columns of a table of studies."""
    columns = ["study", "model", "protocol", "state", "blocks", "runs", "devices", "left"]
    rows = [
        [
            str(study.study),
            study.model + (" (canary)" if study.kind is StudyKind.CANARY else ""),
            study.protocol,
            study.state.value,
            f"{study.blocks_done}/{study.blocks_planned}",
            f"{study.counts.get('done', 0)}/{study.total}"
            + (f", {study.counts['failed']} failed" if study.counts.get("failed") else "")
            + (f", {study.answering.answered}/{study.answering.examples} examples" if study.answering else ""),
            ", ".join(study.devices) + (" (simulated)" if study.simulated else ""),
            time_left(study.eta_s).removesuffix(" left"),
        ]
        for study in studies
    ]
    return columns, rows, ["study", "blocks", "runs"]


@app.command("list")
def list_all(
    with_canaries: Annotated[bool, typer.Option("--all", help="The farm's own canaries, too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """The newest studies first."""
    from orchestrator.queries.studies import list_studies

    kinds = tuple(StudyKind) if with_canaries else USERS_KINDS
    studies = list_studies(console.the_farm().database, kinds=kinds)
    if as_json:
        console.print_json(studies)
    elif studies:
        console.print_table("", *study_rows(studies))
    else:
        console.tell("no study yet; submit one: pifarm submit MODEL")


@app.command("show")
def show(study: StudyArgument, as_json: JsonOption = False) -> None:
    """A study and each of its runs."""
    from orchestrator.cli.accuracy import print_scores
    from orchestrator.cli.run import run_rows
    from orchestrator.queries.runs import list_runs
    from orchestrator.queries.scores import study_scores
    from orchestrator.queries.studies import get_study
    from orchestrator.text.study_text import progress_lines

    database = console.the_farm().database
    view, runs = get_study(database, study), list_runs(database, study=study)
    searches = _searches(database, view)
    scores = study_scores(database, study) if view.kind is StudyKind.ACCURACY else ()
    if as_json:
        more = {"searches": searches, "scores": scores}
        console.print_json({"study": view, "runs": runs, **{name: each for name, each in more.items() if each}})
        return
    console.print_table("", *study_rows([view]))
    for line in progress_lines(view):
        console.say(line)
    print_searches(searches)
    print_scores(scores)
    console.print_table("runs", *run_rows(runs))


def print_searches(searches: Sequence["PaceResult"]) -> None:
    """What searches for the highest rate have come to, each with its steps."""
    from orchestrator.text.pace_text import STEP_COLUMNS, search_lines, step_rows

    for each in searches:
        for line in search_lines(each):
            console.say(line)
        console.print_table("steps", STEP_COLUMNS, step_rows(each), STEP_COLUMNS[:-1])


def _searches(database: "Database", study: StudyView) -> Sequence["PaceResult"]:
    from orchestrator.queries.pace import read_searches

    return read_searches(database, study.study) if study.kind is StudyKind.PACE else ()


@app.command("watch")
def watch(study: StudyArgument) -> None:
    """Follow a study until it ends; starts the farm if none runs."""
    from orchestrator.cli.watch import watch_study
    from orchestrator.queries.studies import get_study

    farm = console.the_farm()
    get_study(farm.database, study)
    if not watch_study(farm, study):
        raise typer.Exit(1)


@app.command("extend")
def extend(
    study: StudyArgument,
    blocks: Annotated[int, typer.Option("--blocks", help="How many blocks to add on each of its devices.")],
) -> None:
    """Add randomised blocks to a study: they continue it, as if they had been asked for at once."""
    from orchestrator import studies
    from orchestrator.doorbell import ring

    farm = console.the_farm()
    count = studies.extend(farm.database, study, blocks)
    console.note(farm, "study extend", f"study {study}: {blocks} blocks")
    ring(farm)
    console.say(f"study {study}: {counted(count, 'run')} added")


@app.command("cancel")
def cancel(study: StudyArgument) -> None:
    """Cancel a study in whatever state it is. It holds at once; boards are told on the next contact."""
    from orchestrator import studies
    from orchestrator.doorbell import ring

    farm = console.the_farm()
    count = studies.cancel(farm.database, study)
    console.note(farm, "study cancel", f"study {study}")
    ring(farm)
    console.say(f"study {study}: {counted(count, 'run')} cancelled")


@app.command("priority")
def priority(study: StudyArgument, number: queueing.PriorityArgument) -> None:
    """Move a study before or behind others; blocks that have begun are ended first."""
    from orchestrator import studies

    farm = console.the_farm()
    studies.prioritise(farm.database, study, number)
    console.note(farm, "study priority", f"study {study}: {number}")
    console.say(f"study {study}: priority {number}")


@app.command("retry")
def retry(
    study: StudyArgument,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Give up attempts whose board will not come back.")
    ] = False,
) -> None:
    """Queue a study's failed, cancelled and invalid runs again."""
    from orchestrator import studies
    from orchestrator.doorbell import ring

    farm = console.the_farm()
    abandoned = studies.abandon(farm.database, study) if abandon else 0
    count = studies.retry(farm.database, study)
    console.note(farm, "study retry", f"study {study}" + (", abandoning open attempts" if abandon else ""))
    ring(farm)
    console.say(
        f"study {study}: {counted(count, 'run')} queued again"
        + (f", {counted(abandoned, 'attempt')} abandoned" if abandoned else "")
    )


def export(study: StudyArgument, folder: Annotated[Path, typer.Argument(help="A new or empty folder.")]) -> None:
    """Write a study's tables as CSV and Parquet, how it was measured, and a manifest of units and hashes."""
    from orchestrator.export import export_study

    export_study(console.the_farm().database, study, folder)
    console.say(f"study {study}: exported to {folder}")


def report(
    study: StudyArgument,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="An .html or .pdf file; by default report-STUDY.html here."),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option("--figures", help="Write the figures into this folder instead, or as well with --output."),
    ] = None,
    formats: Annotated[str, typer.Option("--format", help="Of the figures: some of svg,png,pdf.")] = "svg,png,pdf",
) -> None:
    """Write one self-contained page or paper about a study, or its figures as files with their captions."""
    from orchestrator.figures import write_figures
    from orchestrator.report import write_report

    database = console.the_farm().database
    if figures is not None:
        names = write_figures(database, study, figures, formats.split(","))
        console.say(f"study {study}: {len(names)} figures in {figures}")
    if output is not None or figures is None:
        path = output or Path(f"report-{study}.html")
        write_report(database, study, path)
        console.say(f"study {study}: report in {path}")
