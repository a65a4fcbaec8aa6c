"""`pifarm compare`: two variants, or one under the values of a label; with an exit code for a pipeline."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import compare_by, console
from orchestrator.cli.farm import JsonOption
from orchestrator.errors import SpecError

if TYPE_CHECKING:
    from orchestrator.queries.compare import GroupComparison

REGRESSION = 1
CANNOT_TELL = 3
MOST_NOTES = 20


def compare(
    variant_a: Annotated[
        str, typer.Argument(metavar="VARIANT_A", help="MODEL/LABEL@RUNTIME,tN or a clear part of it.")
    ],
    variant_b: Annotated[
        str | None, typer.Argument(metavar="VARIANT_B", help="What A is compared with; none with --by.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="LABEL", help="Compare A with itself under the values of a label, e.g. cooling."),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="With --by: the value that others are set against, e.g. bare.")
    ] = None,
    figure: Annotated[
        Path | None, typer.Option("--figure", help="With --by: draw it too, into this .svg, .png or .pdf.")
    ] = None,
    study: Annotated[
        int | None, typer.Option("--study", max=console.LARGEST_ID, help="Only this study's runs.")
    ] = None,
    device: Annotated[str | None, typer.Option("--device", help="Only this device's runs.")] = None,
    regime: Annotated[str | None, typer.Option("--regime", help="burst or sustained.")] = None,
    margin: Annotated[str, typer.Option("--margin", help="The least difference that counts; 0% is allowed.")] = "2%",
    fail_if_slower: Annotated[
        str | None,
        typer.Option(
            "--fail-if-slower", metavar="SHARE", help="Like 5%: exit 1 if A is shown slower by more, 3 if unclear."
        ),
    ] = None,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Markdown for a pull request.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say whether A is faster than B, slower, equivalent, or that the data cannot tell and what would help."""
    if by is not None:
        _refuse_with_by(variant_b, fail_if_slower)
        compare_by.compare_by(
            variant_a,
            by,
            baseline=baseline,
            study=study,
            device=device,
            regime=regime,
            margin=_share("--margin", margin),
            figure=figure,
            as_markdown=as_markdown,
            as_json=as_json,
        )
        return
    if variant_b is None:
        raise SpecError("compare: expected two variants, or one with --by LABEL, e.g. --by cooling")
    if baseline is not None or figure is not None:
        raise SpecError("--baseline, --figure: mean nothing without --by LABEL, e.g. --by cooling")
    from orchestrator.queries.compare import compare_variants
    from orchestrator.text import compare_text

    allowed = None if fail_if_slower is None else _share("--fail-if-slower", fail_if_slower)
    groups = compare_variants(
        console.the_farm().database,
        variant_a,
        variant_b,
        study=study,
        device=device,
        regime=regime,
        margin=_share("--margin", margin),
    )
    if as_json:
        console.print_json(_document(groups, allowed))
    elif as_markdown:
        sys.stdout.write(console.printable(compare_text.markdown(groups, allowed)))
    else:
        for found in groups:
            _print_group(found, allowed)
    if code := _exit_code(groups, allowed):
        raise typer.Exit(code)


def _refuse_with_by(variant_b: str | None, fail_if_slower: str | None) -> None:
    if variant_b is not None:
        raise SpecError("--by: expected one variant, which is compared with itself on other boards; got two")
    if fail_if_slower is not None:
        raise SpecError("--fail-if-slower: expected two variants; --by compares boards, not versions")


def _share(option: str, text: str) -> float:
    share = console.parse_share(option, text)
    if not 0 <= share < 1:
        raise SpecError(f"{option} {text}: expected 0% to below 100%")
    return share


def _document(groups: Sequence["GroupComparison"], allowed: float | None) -> dict[str, object]:
    limits = None if allowed is None else [found.comparison.limit(allowed) for found in groups]
    return {"fail_if_slower": allowed, "limits": limits, "groups": groups}


def _exit_code(groups: Sequence["GroupComparison"], allowed: float | None) -> int:
    """The worst of all groups: shown slower than allowed, not told, or neither."""
    from orchestrator.analysis.comparison import Limit

    limits = [] if allowed is None else [found.comparison.limit(allowed) for found in groups]
    if Limit.BEYOND in limits:
        return REGRESSION
    return CANNOT_TELL if Limit.CANNOT_TELL in limits else 0


def _print_group(found: "GroupComparison", allowed: float | None) -> None:
    from orchestrator.text import compare_text

    console.say(compare_text.title(found))
    console.say(compare_text.answer(found))
    if allowed is not None:
        console.say(compare_text.limit(found, allowed))
    for line in compare_text.reach(found):
        console.say(line)
    columns = compare_text.COLUMNS
    console.print_table("", columns, compare_text.side_rows(found), right=columns[1:])
    notes = list(compare_text.notes(found))
    for line in notes[:MOST_NOTES]:
        console.say(line)
    if len(notes) > MOST_NOTES:
        console.say(f"... and {len(notes) - MOST_NOTES} more: --json")
    console.say("")
