"""`pifarm submit`: a study of one model's variants on the farm's devices, and what it will take."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from orchestrator.cli import console

if TYPE_CHECKING:
    from agent.wire.spec import Inputs, Protocol
    from orchestrator.queries.forecast import Forecast

EXIT_FAILED = 1


def submit(
    model: Annotated[str, typer.Argument(help="The model's name; see `pifarm model list`.")],
    variant: Annotated[list[str] | None, typer.Option("--variant", help="Only this variant; may be repeated.")] = None,
    device: Annotated[list[str] | None, typer.Option("--device", help="Only this device; may be repeated.")] = None,
    where: Annotated[
        list[str] | None, typer.Option("--where", help="Only devices with this label, e.g. cooling=fan.")
    ] = None,
    protocol: Annotated[str, typer.Option("--protocol", help="quick, standard, sustained or demo.")] = "standard",
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="Override a protocol's figure, e.g. window.min_s=30.")
    ] = None,
    blocks: Annotated[int | None, typer.Option("--blocks", help="Randomised passes over all variants.")] = None,
    until_ci: Annotated[
        str | None,
        typer.Option(
            "--until-ci",
            help="Add blocks on each device until the 95 % interval of every pair's ratio (of the median, with one "
            "variant) is within this, e.g. 1%. Starts with 8 blocks if --blocks says nothing else. Such intervals "
            "really cover about 93 %.",
        ),
    ] = None,
    max_blocks: Annotated[
        int | None, typer.Option("--max-blocks", help="Where --until-ci ends at the latest; 40 if not given.")
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option("--rate", help="Inferences due in a second, whether the one before has ended or not."),
    ] = None,
    deadline_ms: Annotated[
        float | None, typer.Option("--deadline-ms", help="With --rate: when one is late; a period if not given.")
    ] = None,
    threads: Annotated[str, typer.Option("--threads", help="Thread counts to measure, e.g. 1,4.")] = "4",
    runtime: Annotated[list[str] | None, typer.Option("--runtime", help="Only this runtime; may be repeated.")] = None,
    shape: Annotated[
        list[str] | None, typer.Option("--shape", help="An input's shape, e.g. images=1,3,640,640.")
    ] = None,
    priority: Annotated[int, typer.Option("--priority", min=-1000, max=1000, help="Greater comes first.")] = 0,
    seed: Annotated[int | None, typer.Option("--seed", help="Order of the blocks; drawn if not given.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would take; store nothing.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Run until the study has ended; starts the farm if none runs.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output, nothing else.")
    ] = False,
) -> None:
    """Queue a study: variants x devices x blocks of one protocol. Says first what it will take."""
    from orchestrator import protocols, studies
    from orchestrator.analysis.stopping import START_BLOCKS
    from orchestrator.bundle import build_bundle
    from orchestrator.cli.watch import ring, watch_study
    from orchestrator.queries.forecast import forecast_study
    from orchestrator.queries.studies import get_study

    farm, preset = console.the_farm(), protocols.preset(protocol)
    width = None if until_ci is None else console.parse_share("--until-ci", until_ci)
    usual_blocks = preset.blocks if width is None else max(START_BLOCKS, preset.blocks)
    submission = studies.Submission(
        model=model,
        protocol=_procedure(preset.protocol, setting or [], rate, deadline_ms),
        blocks=usual_blocks if blocks is None else blocks,
        bundle_hash=build_bundle(farm.settings.bundles_dir).hash,
        variants=tuple(variant or ()),
        devices=tuple(device or ()),
        where=console.parse_pairs("--where", where or []),
        threads=console.parse_integers("--threads", threads),
        runtimes=tuple(runtime or ()),
        inputs=_inputs(seed, shape or []),
        priority=priority,
        seed=seed,
        until_ci=width,
        max_blocks=max_blocks,
    )
    forecast = forecast_study(farm.database, submission, studies.outline(farm.database, submission))
    if dry_run:
        _print_dry_run(forecast, as_json=as_json)
        return
    if not as_json:
        _print_forecast(forecast, console.err)
    study_id = studies.submit(farm.database, submission)
    ring(farm)
    is_clean = watch_study(farm, study_id) if wait else True
    study = get_study(farm.database, study_id)
    if as_json:
        console.print_json({**console.as_json(study), "forecast": forecast})
    elif not wait:
        console.say(f"study {study_id}: {study.total} runs on {', '.join(study.devices)}")
        console.tell(
            f"next: pifarm up (if it does not run yet), pifarm study watch {study_id}, pifarm leaderboard {study_id}"
        )
    if not is_clean:
        raise typer.Exit(EXIT_FAILED)


def _procedure(
    protocol: "Protocol", settings: Sequence[str], rate: float | None, deadline_ms: float | None
) -> "Protocol":
    from orchestrator import protocols
    from orchestrator.errors import SpecError

    changed = protocols.with_overrides(protocol, settings)
    if rate is not None:
        return protocols.paced(changed, rate, None if deadline_ms is None else deadline_ms / 1000)
    if deadline_ms is not None:
        raise SpecError("--deadline-ms: means nothing without --rate, e.g. --rate 2")
    return changed


def _inputs(seed: int | None, shapes: Sequence[str]) -> "Inputs":
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
    from orchestrator.cli.forecast import COLUMNS, board_rows, lines

    where.print(console.make_table("forecast", COLUMNS, board_rows(forecast.boards), COLUMNS[1:]))
    for line in lines(forecast):
        where.print(console.shown(line), soft_wrap=True)
