"""`pifarm choose`: the best variant of a model for each type of board, within limits."""

import re
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import console
from orchestrator.cli.farm import JsonOption
from orchestrator.errors import SpecError

if TYPE_CHECKING:
    from orchestrator.analysis.choosing import Limit
    from orchestrator.queries.choose import Chosen

EXIT_NOTHING, EXIT_CANNOT_TELL = 1, 3
_TIMES_MS: dict[str, float] = {"us": 1e-3, "ms": 1.0, "s": 1e3}
_SIZES: dict[str, float] = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def choose(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    regime: Annotated[str, typer.Option("--regime", help="burst, or sustained: once the board is hot.")] = "burst",
    max_latency: Annotated[str | None, typer.Option("--max-latency", help="Of the median, e.g. 900ms.")] = None,
    max_p90: Annotated[str | None, typer.Option("--max-p90", help="Nine of ten inferences within this.")] = None,
    max_rss: Annotated[str | None, typer.Option("--max-rss", help="Peak memory, e.g. 1GB.")] = None,
    max_size: Annotated[str | None, typer.Option("--max-size", help="Of the files, e.g. 20MB.")] = None,
    max_energy: Annotated[float | None, typer.Option("--max-energy", help="Joules an inference.")] = None,
    minimum: Annotated[
        list[str] | None, typer.Option("--min", help="A metric's least value, e.g. mAP50=0.65; may be repeated.")
    ] = None,
    prefer: Annotated[
        str, typer.Option("--prefer", help="What to choose by: latency, p90, size, peak memory, energy or a metric.")
    ] = "latency",
    device_type: Annotated[str | None, typer.Option("--device-type", help="Only this type of board, e.g. pi5.")] = None,
    as_json: JsonOption = False,
) -> None:
    """The best variant for each type of board within limits, what is not told apart from it, and what was left out.

    The exit code is 1 where nothing meets the limits, and 3 where the data cannot tell which is best.
    """
    from orchestrator.analysis.choosing import LATENCY, Bound, Limit
    from orchestrator.queries.choose import ENERGY, MEMORY, SIZE, choose_variants

    at_most = [
        (LATENCY, "--max-latency", max_latency, _TIMES_MS, "ms"),
        ("p90", "--max-p90", max_p90, _TIMES_MS, "ms"),
        (MEMORY, "--max-rss", max_rss, _SIZES, "bytes"),
        (SIZE, "--max-size", max_size, _SIZES, "bytes"),
    ]
    limits = [
        Limit(figure=figure, bound=Bound.AT_MOST, value=_quantity(option, text, units), unit=unit)
        for figure, option, text, units, unit in at_most
        if text is not None
    ]
    if max_energy is not None:
        limits.append(Limit(figure=ENERGY, bound=Bound.AT_MOST, value=max_energy, unit="J"))
    limits += [
        Limit(figure=name, bound=Bound.AT_LEAST, value=value)
        for name, value in console.parse_numbers("--min", minimum or []).items()
    ]
    answers = choose_variants(console.the_farm().database, model, regime=regime, limits=limits, prefer=prefer)
    found = [each for each in answers if device_type in (None, each.group.board_type)]
    if as_json:
        keys = ("group", "choice", "sources", "unmeasured")
        console.print_json([{key: getattr(each, key) for key in keys} for each in found])
    else:
        for each in found:
            _print(each, limits, prefer)
    if not found:
        types = ", ".join(sorted({each.group.board_type for each in answers}))
        where = f" on {device_type}, but on {types}" if device_type and types else ""
        raise SpecError(f"choose: nothing of {model} is ranked as {regime}{where}; run: pifarm submit {model}")
    if any(each.choice.best is None and not each.choice.undecided for each in found):
        raise typer.Exit(EXIT_NOTHING)
    if not all(each.choice.is_clear for each in found):
        raise typer.Exit(EXIT_CANNOT_TELL)


def _print(chosen: "Chosen", limits: "list[Limit]", prefer: str) -> None:
    from orchestrator.text import row_text

    choice, group = chosen.choice, chosen.group
    marks = [*row_text.group_marks(chosen.rows), *chosen.sources]
    console.say(
        f"{row_text.group_title(group)}: {row_text.group_detail(group)}; "
        f"{', '.join(limit.text for limit in limits) or 'no limits'}; by {prefer}"
        + (f" ({'; '.join(marks)})" if marks else "")
    )
    console.say(f"  {_answer(chosen)}")
    for each in choice.left_out:
        console.say(f"  left out: {each.variant}: {each.reason}")
    for missing in chosen.unmeasured:
        console.say(f"  left out: {missing.variant}: {missing.reason}")


def _answer(chosen: "Chosen") -> str:
    choice = chosen.choice
    if choice.best is None:
        doubt = f"; the data cannot tell of {', '.join(choice.undecided)}" if choice.undecided else ""
        return f"nothing meets the limits{doubt}"
    if choice.is_clear:
        return f"best: {choice.best}"
    rivals = [*choice.tied_with, *(f"{variant} (if it meets the limits)" for variant in choice.undecided)]
    return f"cannot tell apart: {', '.join([choice.best, *rivals])}; more blocks would help: pifarm submit --blocks"


def _quantity(option: str, text: str, units: dict[str, float]) -> float:
    found = re.fullmatch(r"\s*([0-9.]+)\s*([A-Za-z]+)\s*", text)
    try:
        if found is None:
            raise ValueError("no quantity")
        return float(found[1]) * units[found[2]]
    except (ValueError, KeyError) as error:
        raise SpecError(f"{option} {text}: expected a number with {', '.join(units)}") from error
