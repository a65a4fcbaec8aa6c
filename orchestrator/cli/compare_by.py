"""`pifarm compare VARIANT --by LABEL`: one variant on boards that differ in a label."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli import console
from orchestrator.errors import SpecError

if TYPE_CHECKING:
    from orchestrator.queries.factors import FactorComparison

MOST_NOTES = 20


def compare_by(
    variant: str,
    factor: str,
    *,
    baseline: str | None,
    study: int | None,
    device: str | None,
    regime: str | None,
    margin: float,
    figure: Path | None,
    as_markdown: bool,
    as_json: bool,
) -> None:
    """Say how the variant fares under each value of the label, in each group that has runs of it."""
    from orchestrator.queries import factors
    from orchestrator.text import factor_text

    groups = factors.compare_by(
        console.the_farm().database,
        variant,
        factor,
        baseline=baseline,
        study=study,
        device=device,
        regime=regime,
        margin=margin,
    )
    if figure is not None:
        _draw(groups, figure)
    if as_json:
        console.print_json({"factor": factor, "groups": groups})
    elif as_markdown:
        sys.stdout.write(console.printable(factor_text.markdown(groups)))
    else:
        for found in groups:
            _print_group(found)


def _draw(groups: Sequence["FactorComparison"], path: Path) -> None:
    from orchestrator.charts.figures.legend import MOST
    from orchestrator.charts.render import save_figure
    from orchestrator.figures.factors import factor_figure

    drawn = [found for found in groups if found.levels]
    if len(drawn) != 1:
        raise SpecError(
            f"--figure: expected one group with runs, got {len(drawn)}; choose one by --regime, --device or --study"
        )
    (found,) = drawn
    if len(found.levels) > MOST:
        raise SpecError(
            f"--figure: expected at most {MOST} values of {found.factor}, got {len(found.levels)}; see the table"
        )
    save_figure(factor_figure(found).chart, path)


def _print_group(found: "FactorComparison") -> None:
    from orchestrator.text import factor_text

    console.say(factor_text.title(found))
    for line in factor_text.answers(found):
        console.say(line)
    columns = factor_text.columns(found)
    console.print_table("", columns, factor_text.rows(found), right=[columns[2]])
    notes = list(factor_text.notes(found))
    for line in notes[:MOST_NOTES]:
        console.say(line)
    if len(notes) > MOST_NOTES:
        console.say(f"... and {len(notes) - MOST_NOTES} more: --json")
    console.say("")
