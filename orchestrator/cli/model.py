"""`pifarm model add | list | show`: networks and their builds."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import console
from orchestrator.cli.farm import JsonOption
from orchestrator.errors import SpecError

if TYPE_CHECKING:
    from orchestrator.queries.rows import BuildView

app = typer.Typer(help="Models and their variants.", no_args_is_help=True)
TASK_HELP = "A task file (JSON): how images become inputs, and what outputs mean; see docs/accuracy.md."


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="The model's name, e.g. yolov9-c.")],
    paths: Annotated[list[Path], typer.Argument(help="One file or folder per variant.")],
    variant: Annotated[str | None, typer.Option("--variant", help="The label; only with one PATH.")] = None,
    metric: Annotated[list[str] | None, typer.Option("--metric", help="A declared metric, e.g. mAP50=0.699.")] = None,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Speedups are against this variant; only with one PATH.")
    ] = False,
    task: Annotated[Path | None, typer.Option("--task", help=TASK_HELP)] = None,
) -> None:
    """Register files as variants of a model. Adding the same file again changes nothing."""
    from orchestrator.catalog import NewBuild, add_model, labels_for
    from orchestrator.datasets.task_file import read_task

    if len(paths) != 1 and (variant or metric or baseline):
        raise SpecError("model add: --variant, --metric and --baseline speak of one file; add the files one by one")
    labels = [variant] if variant else labels_for(paths)
    metrics = console.parse_numbers("--metric", metric or [])
    builds = [
        NewBuild(path=path, label=label, metrics=metrics, is_baseline=baseline)
        for path, label in zip(paths, labels, strict=True)
    ]
    read = None if task is None else read_task(task)
    farm = console.the_farm()
    with console.transfer_bar(f"storing {name}") as progress:
        added = add_model(farm, name, builds, progress, task=read)
    if added:
        console.note(farm, "model add", f"{name}: {', '.join(added)}")
    known = [label for label in labels if label not in added]
    console.say(
        f"{name}: added {', '.join(added) or 'nothing new'}" + (f"; known already: {', '.join(known)}" if known else "")
    )
    console.tell(f"next: pifarm submit {name} --wait")


@app.command("task")
def set_task(
    name: Annotated[str, typer.Argument(help="The model's name.")],
    task: Annotated[Path, typer.Argument(metavar="FILE", help=TASK_HELP)],
) -> None:
    """Say what a model's inputs and outputs mean, so that boards can answer a data set with it."""
    from orchestrator import catalog
    from orchestrator.datasets.task_file import read_task
    from orchestrator.text import task_text

    read, farm = read_task(task), console.the_farm()
    catalog.set_task(farm, name, read)
    console.note(farm, "model task", name)
    console.say(f"{name}: {task_text.summary(read)}")
    console.tell(f"next: pifarm accuracy {name} --dataset NAME")


@app.command("list")
def list_all(as_json: JsonOption = False) -> None:
    """Every model with its variants."""
    from orchestrator.queries.models import list_models

    models = list_models(console.the_farm().database)
    if as_json:
        console.print_json(models)
        return
    if not models:
        console.tell("no model yet; add one: pifarm model add NAME PATH")
        return
    console.print_table("", ["model", "variants"], [[m.model, ", ".join(b.label for b in m.builds)] for m in models])


@app.command("show")
def show(name: Annotated[str, typer.Argument(help="The model's name.")], as_json: JsonOption = False) -> None:
    """A model's variants: files, sizes, inputs, metrics."""
    from agent.wire.codec import decode
    from agent.wire.task import Task
    from orchestrator.queries.models import get_model
    from orchestrator.text.numbers_text import size
    from orchestrator.text.task_text import summary

    model = get_model(console.the_farm().database, name)
    if as_json:
        console.print_json(model)
        return
    rows = [
        [
            build.label + (" (baseline)" if build.is_baseline else ""),
            build.format,
            size(build.size_bytes),
            ", ".join(f"{each['name']} {each['dtype']} {each['shape'] or 'any shape'}" for each in build.inputs),
            f"{build.lineage['recipe']} of {build.lineage['parent_label']}" if build.lineage else "",
            "\n".join(_metrics(build)),
            build.artifact[:12],
        ]
        for build in model.builds
    ]
    console.print_table(
        model.model, ["variant", "format", "size", "inputs", "made by", "metrics", "artifact"], rows, right=["size"]
    )
    none = "none yet; pifarm model task says what outputs mean"
    console.say(f"task: {none if model.task is None else summary(decode(Task, model.task))}")


def _metrics(build: "BuildView") -> Iterator[str]:
    """What was declared in one line, then what each type of board has shown."""
    if build.metrics:
        yield ", ".join(f"{name}={fact['value']:g} ({fact['source']})" for name, fact in build.metrics.items())
    for shown in build.measured:
        board = shown.board_type + (" SIMULATED" if shown.simulated else "")
        facts = ", ".join(f"{name}={fact['value']:.4g}" for name, fact in shown.metrics.items())
        yield f"{facts} (measured, {board}, {shown.runtime}, {next(iter(shown.metrics.values()))['dataset']})"


@app.command("inspect")
def inspect_model(
    name: Annotated[str, typer.Argument(help="The model's name.")],
    variant: Annotated[str | None, typer.Option("--variant", help="Which one; the baseline if not given.")] = None,
    shape: Annotated[
        list[str] | None, typer.Option("--shape", help="A shape that the network leaves open, e.g. images=1,3,640,640.")
    ] = None,
    most: Annotated[int, typer.Option("--layers", min=0, help="Show so many of the layers with the most work.")] = 15,
    as_json: JsonOption = False,
) -> None:
    """What an ONNX network is made of: parameters, work and traffic by layer, operators, weights. Nothing is run."""
    from orchestrator.text import inspection_text
    from orchestrator.variants.inspection import inspect
    from orchestrator.variants.make import find_onnx, unpacked

    farm = console.the_farm()
    shapes = {
        key: console.parse_integers("--shape", text)
        for key, text in console.parse_pairs("--shape", shape or []).items()
    }
    build = find_onnx(farm, name, variant)
    with unpacked(farm, build) as main:
        found = inspect(main, shapes)
    if as_json:
        console.print_json(found)
    else:
        facts = [list(pair) for pair in inspection_text.summary(found)]
        console.print_table(f"{name}/{build.label}", ["fact", "value"], facts)
        columns, right = inspection_text.COLUMNS, inspection_text.FIGURES
        console.print_table("layers with the most work", columns, inspection_text.rows(found, most), right)
