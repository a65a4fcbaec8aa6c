"""`pifarm accuracy`: boards answer a data set, and the farm says how right they were."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import console
from orchestrator.cli.farm import JsonOption
from orchestrator.cli.queueing import (
    DeviceOption,
    ModelArgument,
    PriorityOption,
    RuntimeOption,
    VariantOption,
    WhereOption,
)

if TYPE_CHECKING:
    from orchestrator.queries.scores import RunScores

USUAL_EXAMPLES = 500


def accuracy(
    model: ModelArgument,
    dataset: Annotated[str, typer.Option("--dataset", help="The data set's name; see `pifarm dataset list`.")],
    variant: VariantOption = None,
    device: DeviceOption = None,
    where: WhereOption = None,
    runtime: RuntimeOption = None,
    threads: Annotated[str, typer.Option("--threads", help="Threads, e.g. 4.")] = "4",
    examples: Annotated[
        int, typer.Option("--examples", min=1, help="How many examples, drawn by the seed; all if there are no more.")
    ] = USUAL_EXAMPLES,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Draws the examples: the same for all variants.")] = 0,
    priority: PriorityOption = 0,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for the scores, show them; starts the farm if none runs.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Let boards answer a data set with a model's variants, and score the answers.

    In runs of their own that are never timed. Unless devices are named, one ready board of each type answers.
    """
    from orchestrator import protocols
    from orchestrator.attending.lifecycle import StudyKind
    from orchestrator.boards.bundle import build_bundle
    from orchestrator.cli.queueing import queue_study
    from orchestrator.evaluation_plan import plan_evaluation
    from orchestrator.queries.scores import study_scores
    from orchestrator.studies import Submission, one_of_each_type

    farm = console.the_farm()
    labels = console.parse_pairs("--where", where or [])
    planned = plan_evaluation(farm, model, dataset, examples, seed)
    devices = tuple(device or ()) or one_of_each_type(farm.database, labels)
    submission = Submission(
        model=model,
        protocol=protocols.answering(len(planned.examples)),
        blocks=1,
        bundle_hash=build_bundle(farm.settings.bundles_dir).hash,
        variants=tuple(variant or ()),
        devices=devices,
        where=labels,
        threads=console.parse_integers("--threads", threads),
        runtimes=tuple(runtime or ()),
        priority=priority,
        kind=StudyKind.ACCURACY,
        evaluation=planned,
    )
    if not device:
        console.tell(f"on {', '.join(devices)}: one ready board of each type; name others with --device")
    queue_study(
        farm,
        submission,
        dry_run=False,
        wait=wait,
        as_json=as_json,
        then="pifarm study show {study}",
        show=lambda study: print_scores(study_scores(farm.database, study)),
        document=lambda study: {"scores": study_scores(farm.database, study)} if wait else {},
    )


def print_scores(scores: "Sequence[RunScores]") -> None:
    """A row for each run; of a single one its parts, too."""
    from orchestrator.text import score_text

    if not scores:
        return
    columns = score_text.columns(scores)
    title = f"accuracy on {scores[0].dataset}, examples drawn by seed {scores[0].seed}"
    console.print_table(title, columns, score_text.rows(scores), columns[2:])
    console.tell("by class and size: pifarm run show RUN")


def print_parts(scores: "RunScores") -> None:
    """What one run scored, by class and size of object."""
    from orchestrator.text import score_text

    console.say(score_text.headline(scores))
    columns, rows = score_text.parts(scores)
    console.print_table("accuracy by class and size", columns, rows, columns[1:])
    if said := score_text.worst(scores):
        console.say(said)
