"""`pifarm profile`: where the time of a model goes on a board, operator by operator."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import console
from orchestrator.cli.farm import JsonOption
from orchestrator.cli.queueing import (
    DeviceOption,
    ModelArgument,
    RuntimeOption,
    ShapeOption,
    VariantOption,
    WhereOption,
)

if TYPE_CHECKING:
    from orchestrator.queries.profile import RunProfile

MostOption = Annotated[int, typer.Option("--operators", min=1, help="Show so many operators, those with most time.")]


def profile(
    model: ModelArgument,
    variant: VariantOption = None,
    device: DeviceOption = None,
    where: WhereOption = None,
    runtime: RuntimeOption = None,
    threads: Annotated[str, typer.Option("--threads", help="Threads, e.g. 4.")] = "4",
    shape: ShapeOption = None,
    wait: Annotated[
        bool,
        typer.Option("--wait/--no-wait", help="Wait for the profiles, show them; starts the farm if none runs."),
    ] = True,
    most: MostOption = 15,
    as_json: JsonOption = False,
) -> None:
    """Profile variants on their boards by the runtime's own profiler: time, share and speed of each operator.

    In runs of their own that are never ranked; with two variants or more, what moved from the first to each other one.
    """
    from orchestrator import protocols
    from orchestrator.attending.lifecycle import StudyKind
    from orchestrator.boards.bundle import build_bundle
    from orchestrator.cli.queueing import inputs, queue_study
    from orchestrator.queries.profile import profiled_runs
    from orchestrator.studies import Submission

    farm = console.the_farm()
    submission = Submission(
        model=model,
        protocol=protocols.PROFILE,
        blocks=1,
        bundle_hash=build_bundle(farm.settings.bundles_dir).hash,
        variants=tuple(variant or ()),
        devices=tuple(device or ()),
        where=console.parse_pairs("--where", where or []),
        threads=console.parse_integers("--threads", threads),
        runtimes=tuple(runtime or ()),
        inputs=inputs(None, shape or []),
        kind=StudyKind.PROFILE,
    )
    queue_study(
        farm,
        submission,
        dry_run=False,
        wait=wait,
        as_json=as_json,
        then="pifarm run profile RUN",
        show=lambda study: print_profiles(profiled_runs(farm, study), most),
        document=lambda study: {"profiles": profiled_runs(farm, study)} if wait else {},
    )


def show_profile(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A profiled run's id, or a beginning of it.")],
    other: Annotated[str | None, typer.Option("--against", metavar="RUN", help="Another one: what moved.")] = None,
    most: MostOption = 15,
    as_json: JsonOption = False,
) -> None:
    """The profile of a run, and what moved against another one."""
    from orchestrator.queries.profile import read_profile

    farm = console.the_farm()
    found = [read_profile(farm, each) for each in (run, other) if each is not None]
    if as_json:
        console.print_json(found)
    else:
        print_profiles(found, most)


def print_profiles(found: "list[RunProfile]", most: int) -> None:
    """Each profile, then what moved from the first to the others on the same device."""
    from orchestrator.analysis.profile import movers
    from orchestrator.text import profile_text

    for each in found:
        view = each.profile
        console.say(profile_text.headline(each))
        rows = profile_text.operator_rows(view.operators, most)
        console.print_table("", profile_text.COLUMNS, rows, profile_text.COLUMNS[2:])
        kinds = profile_text.kind_rows(view.kinds)
        console.print_table("by kind", profile_text.KIND_COLUMNS, kinds, profile_text.KIND_COLUMNS[1:])
    first = found[:1]
    for before in first:
        for after in found[1:]:
            if after.run.device == before.run.device:
                title = f"what moved from {before.run.variant} to {after.run.variant} on {after.run.device}, by kind"
                moved = profile_text.mover_rows(movers(before.profile.kinds, after.profile.kinds), most)
                console.print_table(title, profile_text.MOVER_COLUMNS, moved, profile_text.MOVER_COLUMNS[1:])
