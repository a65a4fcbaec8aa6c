"""What every command that queues a study shares: options, the forecast, storing, waking, waiting, and what is said."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from orchestrator.attending.lifecycle import MOST_PRIORITY
from orchestrator.cli import console
from orchestrator.text.numbers_text import counted

if TYPE_CHECKING:
    from agent.wire.spec import Inputs
    from orchestrator.farm import Farm
    from orchestrator.queries.forecast import Forecast
    from orchestrator.studies import Submission

EXIT_FAILED = 1

ModelArgument = Annotated[str, typer.Argument(help="The model's name; see `pifarm model list`.")]
VariantOption = Annotated[list[str] | None, typer.Option("--variant", help="Only this variant; may be repeated.")]
DeviceOption = Annotated[list[str] | None, typer.Option("--device", help="Only this device; may be repeated.")]
WhereOption = Annotated[
    list[str] | None, typer.Option("--where", help="Only devices with this label, e.g. cooling=fan.")
]
SettingOption = Annotated[
    list[str] | None, typer.Option("--set", help="Override a protocol's figure, e.g. window.min_s=30.")
]
ThreadsOption = Annotated[str, typer.Option("--threads", help="Thread counts to measure, e.g. 1,4.")]
RuntimeOption = Annotated[list[str] | None, typer.Option("--runtime", help="Only this runtime; may be repeated.")]
ShapeOption = Annotated[list[str] | None, typer.Option("--shape", help="An input's shape, e.g. images=1,3,640,640.")]
PriorityOption = Annotated[
    int, typer.Option("--priority", min=-MOST_PRIORITY, max=MOST_PRIORITY, help="Greater comes first.")
]
PriorityArgument = Annotated[
    int, typer.Argument(min=-MOST_PRIORITY, max=MOST_PRIORITY, help="Greater comes first; 0 is usual.")
]
AmbientOption = Annotated[
    float | None,
    typer.Option("--ambient", help="How warm the room is, C, where no thermometer beside the board says it."),
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Order of the blocks; drawn if not given.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what it would take; store nothing.")]
WaitOption = Annotated[
    bool, typer.Option("--wait", help="Run until the study has ended; starts the farm if none runs.")
]


def queue_study(
    farm: "Farm",
    submission: "Submission",
    *,
    dry_run: bool,
    wait: bool,
    as_json: bool,
    then: str,
    show: Callable[[int], None] | None = None,
    document: Callable[[int], Mapping[str, object]] | None = None,
) -> None:
    """Say what a submission will take, store it unless `dry_run`, wake its devices, and wait where asked.

    `then` is the command that shows the result, with ``{study}`` for its number; `show` prints it after a wait, and
    `document` adds keys to the JSON. Ends with `EXIT_FAILED` where the study was waited for and not all its runs were
    done.
    """
    from orchestrator import studies
    from orchestrator.cli.watch import watch_study
    from orchestrator.doorbell import ring
    from orchestrator.queries.forecast import forecast_study
    from orchestrator.queries.studies import get_study

    forecast = forecast_study(farm.database, submission, studies.outline(farm.database, submission))
    if dry_run:
        _print_dry_run(forecast, as_json=as_json)
        return
    if not as_json:
        _print_forecast(forecast, console.err)
    study_id = studies.submit(farm.database, submission)
    console.note(farm, "study submit", f"study {study_id}: {submission.model}")
    ring(farm)
    is_clean = watch_study(farm, study_id) if wait else True
    study = get_study(farm.database, study_id)
    if as_json:
        more = {} if document is None else document(study_id)
        console.print_json({**console.as_json(study), "forecast": forecast, **more})
    elif wait and show is not None:
        show(study_id)
    elif wait:
        console.tell(f"next: {then.format(study=study_id)}")
    else:
        console.say(f"study {study_id}: {counted(study.total, 'run')} on {', '.join(study.devices)}")
        console.tell(
            f"next: pifarm up (if it does not run yet), pifarm study watch {study_id}, {then.format(study=study_id)}"
        )
    if not is_clean:
        raise typer.Exit(EXIT_FAILED)


def inputs(seed: int | None, shapes: Sequence[str]) -> "Inputs":
    """The inputs that `--seed` and `--shape` ask for; raises `SpecError`."""
    from agent.wire.codec import WireError
    from agent.wire.spec import Inputs
    from orchestrator.errors import SpecError

    sizes = {
        name: console.parse_integers("--shape", text) for name, text in console.parse_pairs("--shape", shapes).items()
    }
    try:
        return Inputs(seed=0 if seed is None else seed, shapes=sizes)
    except WireError as error:
        raise SpecError(f"submit: {error}") from error


def _print_dry_run(forecast: "Forecast", *, as_json: bool) -> None:
    if as_json:
        console.print_json({"study": None, "forecast": forecast})
    else:
        _print_forecast(forecast, console.out)


def _print_forecast(forecast: "Forecast", where: Console) -> None:
    from orchestrator.text.forecast_text import COLUMNS, board_rows, lines

    where.print(console.make_table("forecast", COLUMNS, board_rows(forecast.boards), COLUMNS[1:]))
    for line in lines(forecast):
        where.print(console.shown(line), soft_wrap=True)
