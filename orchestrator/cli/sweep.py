"""`pifarm thermal sweep`: latency against the die's temperature, along a ramp up and down."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import console, queueing
from orchestrator.cli.farm import JsonOption

if TYPE_CHECKING:
    from agent.wire.ramp import Ramp


def sweep(
    model: queueing.ModelArgument,
    variant: queueing.VariantOption = None,
    device: queueing.DeviceOption = None,
    where: queueing.WhereOption = None,
    low: Annotated[float, typer.Option("--low", help="Coolest die, C, as far as it can be cooled.")] = 45,
    high: Annotated[float, typer.Option("--high", help="Hottest die, C, as far as the burner can heat it.")] = 80,
    rate: Annotated[float, typer.Option("--rate", help="C a minute, up and down, at most.")] = 3,
    levels: Annotated[
        str | None, typer.Option("--levels", help="Temperatures to hold on the way up, e.g. 45,55,65.")
    ] = None,
    hold: Annotated[float, typer.Option("--hold", help="How long each level is held, s.")] = 60,
    limit: Annotated[
        float, typer.Option("--limit", help="Safety limit, C: at and above it nothing burns, no inference begins.")
    ] = 84,
    blocks: Annotated[int | None, typer.Option("--blocks", help="Randomised passes; 3 if not given.")] = None,
    setting: queueing.SettingOption = None,
    threads: queueing.ThreadsOption = "4",
    runtime: queueing.RuntimeOption = None,
    shape: queueing.ShapeOption = None,
    priority: queueing.PriorityOption = 0,
    seed: queueing.SeedOption = None,
    ambient: queueing.AmbientOption = None,
    dry_run: queueing.DryRunOption = False,
    wait: queueing.WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Queue sweeps: a burner leads the die up a ramp, inferences are timed by the way, then it cools."""
    from orchestrator import protocols, studies
    from orchestrator.bundle import build_bundle

    farm, preset = console.the_farm(), protocols.preset("sweep")
    protocol = protocols.sweeping(_ramp(low, high, rate, levels, hold, limit))
    submission = studies.Submission(
        model=model,
        protocol=protocols.with_overrides(protocol, setting or []),
        blocks=preset.blocks if blocks is None else blocks,
        bundle_hash=build_bundle(farm.settings.bundles_dir).hash,
        variants=tuple(variant or ()),
        devices=tuple(device or ()),
        where=console.parse_pairs("--where", where or []),
        threads=console.parse_integers("--threads", threads),
        runtimes=tuple(runtime or ()),
        inputs=queueing.inputs(seed, shape or []),
        priority=priority,
        seed=seed,
        ambient_c=ambient,
    )
    then = "pifarm run list --study {study}, pifarm run show RUN"
    queueing.queue_study(farm, submission, dry_run=dry_run, wait=wait, as_json=as_json, then=then)


def _ramp(low_c: float, high_c: float, rate: float, levels: str | None, hold_s: float, limit_c: float) -> "Ramp":
    from agent.wire.codec import WireError
    from agent.wire.ramp import Ramp
    from orchestrator.errors import SpecError

    try:
        return Ramp(
            low_c=low_c,
            high_c=high_c,
            rate_c_per_min=rate,
            levels_c=() if levels is None else _degrees(levels),
            hold_s=hold_s,
            limit_c=limit_c,
        )
    except WireError as error:
        raise SpecError(f"thermal sweep: {error}") from error


def _degrees(text: str) -> tuple[float, ...]:
    from orchestrator.errors import SpecError

    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise SpecError(f"--levels {text}: expected degrees like 45,55,65") from error
