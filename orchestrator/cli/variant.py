"""`pifarm variant recipes | make | check`: derive variants of a model, and see whether they still answer alike."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import console
from orchestrator.cli.farm import JsonOption

EXIT_FAILED = 1
app = typer.Typer(help="Derive variants of a model by recipes.", no_args_is_help=True)


@app.command("recipes")
def recipes(as_json: JsonOption = False) -> None:
    """What variants can be made of an ONNX file."""
    from orchestrator.variants.recipe import OFFERS

    if as_json:
        console.print_json(OFFERS)
        return
    rows = [
        [f"{name}:{offer.default}" if offer.argument else name, offer.what, offer.argument]
        for name, offer in OFFERS.items()
    ]
    console.print_table("", ["recipe", "makes", "argument"], rows)


@app.command("make")
def make(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    recipe: Annotated[list[str], typer.Option("--recipe", help="Some of `pifarm variant recipes`, by commas.")],
    parent: Annotated[
        str | None, typer.Option("--from", help="The variant to start from; the baseline if not given.")
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option("--calibration", help="Examples for static int8: .npz, an array for each input by its name."),
    ] = None,
    variant: Annotated[str | None, typer.Option("--variant", help="The label; only with one recipe.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make variants of a model and register them; the exit code is 1 where one could not be made.

    Each keeps its lineage: parent, recipe and versions of the tools.
    """
    from orchestrator.variants.make import make_variants
    from orchestrator.variants.recipe import Recipe

    wanted = [Recipe.parse(text) for texts in recipe for text in texts.split(",")]
    tell = (lambda text: None) if as_json else console.tell
    farm = console.the_farm()
    outcomes = make_variants(farm, model, wanted, parent=parent, calibration=calibration, label=variant, tell=tell)
    if made := [each.label for each in outcomes if each.label is not None and each.is_new]:
        console.note(farm, "variant make", f"{model}: {', '.join(made)}")
    if as_json:
        console.print_json(outcomes)
    else:
        rows = [[each.recipe, each.label or "not made", "; ".join(each.notes) or each.refusal] for each in outcomes]
        console.print_table("", ["recipe", "variant", "to know"], rows)
        console.tell(f"next: pifarm variant check {model}")
    if any(each.label is None for each in outcomes):
        raise typer.Exit(EXIT_FAILED)


@app.command("check")
def check(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    variant: Annotated[list[str] | None, typer.Option("--variant", help="Only this one; may be repeated.")] = None,
    inputs: Annotated[int, typer.Option("--inputs", min=1, max=1000, help="How many seeded inputs to ask.")] = 8,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the inputs.")] = 0,
    shape: Annotated[
        list[str] | None,
        typer.Option("--shape", help="A shape that the baseline leaves open, e.g. images=1,3,640,640."),
    ] = None,
    real: Annotated[
        Path | None, typer.Option("--examples", help="Real inputs to ask: .npz, an array for each input by its name.")
    ] = None,
    task: Annotated[
        Path | None, typer.Option("--task", help="A detector's task file, in place of the model's own.")
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", help="Ask the variants on this board, which has to be drained.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Ask every variant the same inputs and compare the answers with the baseline's on this machine.

    With --device the variants, the baseline among them, answer on a board: whether they do so there as they do here.
    Inputs are seeded noise unless --examples gives real ones: a variant that was calibrated on real inputs may well be
    far off on noise, and what a detector finds in it judges nobody. Boxes are compared where the model has a task. The
    exit code is 1 where one is broken: far off, other boxes, no numbers, other outputs, or no answer at all.
    """
    from orchestrator.analysis.fidelity import Likeness
    from orchestrator.datasets.task_file import read_task
    from orchestrator.text import fidelity_text
    from orchestrator.variants.answering import answering_board
    from orchestrator.variants.fidelity import compare_variants

    shapes = {
        name: console.parse_integers("--shape", text)
        for name, text in console.parse_pairs("--shape", shape or []).items()
    }
    farm, found = console.the_farm(), []
    with nullcontext() if device is None else answering_board(farm, device) as board:
        for compared in compare_variants(
            farm,
            model,
            variants=variant or (),
            examples=inputs,
            seed=seed,
            shapes=shapes,
            real=real,
            task=None if task is None else read_task(task),
            board=board,
        ):
            found.append(compared)
            if not as_json:
                console.tell(f"  {compared.variant}: {fidelity_text.word(compared)}")
    if as_json:
        console.print_json(found)
    else:
        columns, rows = fidelity_text.table(found)
        console.print_table(model, columns, rows, right=columns[3:])
    if any(each.fidelity is None or each.fidelity.likeness is Likeness.BROKEN for each in found):
        raise typer.Exit(EXIT_FAILED)
