"""`pifarm dataset add | list | show`: what models are scored on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import console
from orchestrator.cli.farm import JsonOption

if TYPE_CHECKING:
    from orchestrator.datasets.reading import DatasetKind
    from orchestrator.queries.datasets import DatasetView

app = typer.Typer(help="Data sets that models are scored on.", no_args_is_help=True)
KindOption = Annotated[
    str | None,
    typer.Option("--kind", help="detection, classification or tensors; by default what the path looks like."),
]


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="The data set's name, e.g. coco-val.")],
    path: Annotated[
        Path,
        typer.Argument(
            help="A folder with annotations.json (COCO), a folder with one for each class, or an .npz file of inputs "
            "with their labels."
        ),
    ],
    kind: KindOption = None,
) -> None:
    """Check a data set and pack it for boards. Adding the same again changes nothing."""
    from orchestrator.datasets.catalog import add_dataset

    wanted, farm = _kind(kind), console.the_farm()
    with console.count_bar(f"packing {name}") as progress:
        added = add_dataset(farm, name, path, wanted, progress)
    if added.is_new:
        console.note(farm, "dataset add", name)
    known = "" if added.is_new else ", known already"
    console.say(f"{name}: {added.examples} examples for {added.kind.value}{known}")
    console.tell(f"next: pifarm accuracy MODEL --dataset {name}")


@app.command("list")
def list_all(as_json: JsonOption = False) -> None:
    """Every data set."""
    from orchestrator.queries.datasets import list_datasets

    datasets = list_datasets(console.the_farm().database)
    if as_json:
        console.print_json(datasets)
    elif datasets:
        columns = ["data set", "kind", "examples", "objects", "classes", "size", "studies"]
        console.print_table("", columns, [_row(each) for each in datasets], columns[2:])
    else:
        console.tell("no data set yet; add one: pifarm dataset add NAME FOLDER")


@app.command("show")
def show(name: Annotated[str, typer.Argument(help="The data set's name.")], as_json: JsonOption = False) -> None:
    """A data set: how large it is, and its classes."""
    from orchestrator.queries.datasets import get_dataset

    found = get_dataset(console.the_farm().database, name)
    if as_json:
        console.print_json(found)
        return
    columns = ["kind", "examples", "objects", "classes", "size", "studies"]
    facts = [list(pair) for pair in zip(columns, _row(found)[1:], strict=True)]
    console.print_table(name, ["fact", "value"], [*facts, ["artifact", found.artifact]])
    if found.classes:
        console.say(f"classes: {', '.join(found.classes)}")


def _row(dataset: "DatasetView") -> list[str]:
    from orchestrator.text.numbers_text import count, size

    return [
        dataset.dataset,
        dataset.kind,
        count(dataset.examples),
        "" if dataset.objects is None else count(dataset.objects),
        str(len(dataset.classes)) if dataset.classes else "",
        size(dataset.size_bytes),
        str(dataset.studies),
    ]


def _kind(text: str | None) -> "DatasetKind | None":
    from orchestrator.datasets.reading import DatasetKind
    from orchestrator.errors import SpecError

    try:
        return None if text is None else DatasetKind(text)
    except ValueError as error:
        known = ", ".join(kind.value for kind in DatasetKind)
        raise SpecError(f"--kind {text}: expected one of {known}") from error
