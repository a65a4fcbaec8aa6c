"""`pifarm submit`: a study of one model's variants on the farm's devices."""

from typing import Annotated

import typer

from orchestrator.cli import console

EXIT_FAILED = 1


def submit(
    model: Annotated[str, typer.Argument(help="The model's name; see `pifarm model list`.")],
    variant: Annotated[list[str] | None, typer.Option("--variant", help="Only this variant; may be repeated.")] = None,
    device: Annotated[list[str] | None, typer.Option("--device", help="Only this device; may be repeated.")] = None,
    where: Annotated[
        list[str] | None, typer.Option("--where", help="Only devices with this label, e.g. cooling=fan.")
    ] = None,
    protocol: Annotated[str, typer.Option("--protocol", help="quick, standard or demo.")] = "standard",
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="Override a protocol's figure, e.g. window.min_s=30.")
    ] = None,
    blocks: Annotated[int | None, typer.Option("--blocks", help="Randomised passes over all variants.")] = None,
    threads: Annotated[str, typer.Option("--threads", help="Thread counts to measure, e.g. 1,4.")] = "4",
    runtime: Annotated[list[str] | None, typer.Option("--runtime", help="Only this runtime; may be repeated.")] = None,
    shape: Annotated[
        list[str] | None, typer.Option("--shape", help="An input's shape, e.g. images=1,3,640,640.")
    ] = None,
    priority: Annotated[int, typer.Option("--priority", min=-1000, max=1000, help="Greater comes first.")] = 0,
    seed: Annotated[int | None, typer.Option("--seed", help="Order of the blocks; drawn if not given.")] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Run until the study has ended; starts the farm if none runs.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output, nothing else.")
    ] = False,
) -> None:
    """Queue a study: variants x devices x blocks of one protocol."""
    from agent.wire.codec import WireError
    from agent.wire.spec import Inputs
    from orchestrator import protocols, studies
    from orchestrator.bundle import build_bundle
    from orchestrator.cli.watch import ring, watch_study
    from orchestrator.errors import SpecError
    from orchestrator.queries.studies import get_study

    farm = console.the_farm()
    preset = protocols.preset(protocol)
    try:
        shapes = {
            name: console.parse_integers("--shape", text)
            for name, text in console.parse_pairs("--shape", shape or []).items()
        }
        inputs = Inputs(seed=0 if seed is None else seed, shapes=shapes)
    except WireError as error:
        raise SpecError(f"submit: {error}") from error
    study_id = studies.submit(
        farm.database,
        studies.Submission(
            model=model,
            protocol=protocols.with_overrides(preset.protocol, setting or []),
            blocks=preset.blocks if blocks is None else blocks,
            bundle_hash=build_bundle(farm.settings.bundles_dir).hash,
            variants=tuple(variant or ()),
            devices=tuple(device or ()),
            where=console.parse_pairs("--where", where or []),
            threads=console.parse_integers("--threads", threads),
            runtimes=tuple(runtime or ()),
            inputs=inputs,
            priority=priority,
            seed=seed,
        ),
    )
    ring(farm)
    if wait:
        is_clean = watch_study(farm, study_id)
    study = get_study(farm.database, study_id)
    if as_json:
        console.print_json(study)
    elif not wait:
        console.say(f"study {study_id}: {study.total} runs on {', '.join(study.devices)}")
        console.tell(
            f"next: pifarm up (if it does not run yet), pifarm study watch {study_id}, pifarm leaderboard {study_id}"
        )
    if wait and not is_clean:
        raise typer.Exit(EXIT_FAILED)
