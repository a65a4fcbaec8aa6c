"""`pifarm variant recipes | make | check`: derive variants of a model, and see whether they still answer alike."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import console
from orchestrator.cli.farm import JsonOption

if TYPE_CHECKING:
    from orchestrator.variants.fidelity import Compared

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
    as_json: JsonOption = False,
) -> None:
    """Make variants of a model and register them; the exit code is 1 where one could not be made.

    Each keeps its lineage: parent, recipe and versions of the tools.
    """
    from orchestrator.variants.make import make_variants
    from orchestrator.variants.recipe import Recipe

    wanted = [Recipe.parse(text) for texts in recipe for text in texts.split(",")]
    tell = (lambda text: None) if as_json else console.tell
    outcomes = make_variants(console.the_farm(), model, wanted, parent=parent, calibration=calibration, tell=tell)
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
    as_json: JsonOption = False,
) -> None:
    """Ask every variant the same inputs and compare the answers with the baseline's; runs on this machine.

    Inputs are seeded noise unless --examples gives real ones: a variant that was calibrated on real inputs may well be
    far off on noise. The exit code is 1 where one is broken: far off, no numbers, other outputs, or no answer at all.
    """
    from orchestrator.analysis.fidelity import Likeness
    from orchestrator.variants.fidelity import compare_variants

    shapes = {
        name: console.parse_integers("--shape", text)
        for name, text in console.parse_pairs("--shape", shape or []).items()
    }
    found = []
    for compared in compare_variants(
        console.the_farm(), model, variants=variant or (), examples=inputs, seed=seed, shapes=shapes, real=real
    ):
        found.append(compared)
        if not as_json:
            console.tell(f"  {compared.variant}: {_word(compared)}")
    if as_json:
        console.print_json(found)
    else:
        columns = ["variant", "runtime", "answers", "cosine", "largest error", "mean error", "same class"]
        console.print_table(model, columns, [_row(each) for each in found], right=columns[3:])
    if any(each.fidelity is None or each.fidelity.likeness is Likeness.BROKEN for each in found):
        raise typer.Exit(EXIT_FAILED)


def _word(compared: "Compared") -> str:
    if compared.fidelity is None:
        return f"no answer: {compared.problem}"
    if compared.is_baseline:
        return "baseline"
    return compared.fidelity.likeness.value + (f": {compared.fidelity.remark}" if compared.fidelity.remark else "")


def _row(compared: "Compared") -> list[str]:
    from orchestrator.numbers_text import ABSENT

    found = compared.fidelity
    if found is None or found.cosine is None or found.max_error is None or found.mean_error is None:
        return [compared.variant, compared.runtime, _word(compared), *[ABSENT] * 4]
    relative = "" if found.max_relative_error is None else f" ({found.max_relative_error:.2%})"
    figures = [f"{found.cosine:.6f}", f"{found.max_error:.3g}{relative}", f"{found.mean_error:.3g}"]
    same = ABSENT if found.top1 is None else f"{found.top1:.0%}"
    return [compared.variant, compared.runtime, _word(compared), *figures, same]
