"""`pifarm submit`: a study of one model's variants on the farm's devices, and what it will take."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import console
from orchestrator.cli.asked import Asked, takes_study

if TYPE_CHECKING:
    from agent.wire.spec import Protocol


@takes_study
def submit(
    asked: Asked,
    protocol: Annotated[str, typer.Option("--protocol", help="quick, standard, sustained or demo.")] = "standard",
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
) -> None:
    """Queue a study: variants x devices x blocks of one protocol. Says first what it will take."""
    from orchestrator import protocols
    from orchestrator.analysis.stopping import START_BLOCKS

    farm, preset = console.the_farm(), protocols.preset(protocol)
    width = None if until_ci is None else console.parse_share("--until-ci", until_ci)
    usual_blocks = preset.blocks if width is None else max(START_BLOCKS, preset.blocks)
    submission = asked.submission(
        farm,
        protocol=_procedure(preset.protocol, asked.setting or [], rate, deadline_ms),
        blocks=usual_blocks if blocks is None else blocks,
        until_ci=width,
        max_blocks=max_blocks,
    )
    asked.queue(farm, submission, then="pifarm leaderboard {study}")


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
