"""`pifarm thermal sweep`: latency against the die's temperature, along a ramp up and down."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import console
from orchestrator.cli.asked import Asked, takes_study

if TYPE_CHECKING:
    from agent.wire.ramp import Ramp


@takes_study
def sweep(
    asked: Asked,
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
) -> None:
    """Queue sweeps: a burner leads the die up a ramp, inferences are timed by the way, then it cools."""
    from orchestrator import protocols

    farm, preset = console.the_farm(), protocols.preset("sweep")
    protocol = protocols.sweeping(_ramp(low, high, rate, levels, hold, limit))
    submission = asked.submission(
        farm,
        protocol=protocols.with_overrides(protocol, asked.setting or []),
        blocks=preset.blocks if blocks is None else blocks,
    )
    then = "pifarm run list --study {study}, pifarm run show RUN"
    asked.queue(farm, submission, then)


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
