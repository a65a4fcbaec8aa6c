"""`pifarm leaderboard`: variants ranked, group by group."""

import itertools
import sys
from collections.abc import Iterable
from typing import Annotated

import typer

from orchestrator.addresses import VariantAddress
from orchestrator.cli import console
from orchestrator.cli.farm import JsonOption
from orchestrator.queries.leaderboard_rows import ExcludedRun, Group, Leaderboard, LeaderboardRow


def leaderboard(
    study: Annotated[int | None, typer.Argument(max=console.LARGEST_ID, help="Only this study's runs.")] = None,
    regime: Annotated[str | None, typer.Option("--regime", help="burst or sustained.")] = None,
    device: Annotated[str | None, typer.Option("--device", help="Only this device's runs.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV on standard output, nothing else.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Rank variants by median latency, per board type and regime; ties are shown as ties."""
    from orchestrator.queries.leaderboard import leaderboard as query

    board = query(console.the_farm().database, study=study, regime=regime, device=device)
    if as_json:
        console.print_json(board)
    elif as_csv:
        from orchestrator.csv_text import leaderboard_csv

        sys.stdout.write(leaderboard_csv(board.rows))
    else:
        print_leaderboard(board)


def print_leaderboard(board: Leaderboard) -> None:
    """The leaderboard as tables for a person."""
    if not board.rows and not board.excluded:
        console.tell("nothing measured yet; try `pifarm demo`, or pifarm submit MODEL --wait")
    for group, rows in itertools.groupby(board.rows, key=lambda row: row.group):
        _print_group(group, list(rows))
    _print_excluded(board.excluded)


def _print_group(group: Group, rows: list[LeaderboardRow]) -> None:
    from orchestrator import numbers_text, row_text

    names = _short_names(rows)
    metrics = sorted({name for row in rows for name in row.metrics})
    figures = ["median", "95 % interval", "p90", "speedup", *metrics, "size", "peak memory", "runs"]
    cells = [
        [
            row_text.rank(row),
            names[row.variant],
            numbers_text.ms(row.median_ms),
            numbers_text.ms_interval(row.ci_low_ms, row.ci_high_ms),
            numbers_text.ms(row.p90_ms),
            numbers_text.ratio_with_interval(row.speedup, row.speedup_ci),
            *(row_text.metric(row.metrics.get(name)) for name in metrics),
            numbers_text.size(row.size_bytes),
            numbers_text.size(row.peak_rss_bytes),
            str(row.runs),
            row_text.verdicts(row.verdicts),
        ]
        for row in rows
    ]
    console.say(f"{group.model} on {rows[0].board}: {row_text.group_detail(group)}, {_how_run(rows)}")
    for mark in row_text.group_marks(rows):
        console.say(f"{mark}: {row_text.MARKS[mark]}")
    console.print_table("", ["rank", "variant", *figures, "verdicts"], cells, right=figures)
    console.say(f"{row_text.headline(rows)} {row_text.reach(rows)}".rstrip() + "\n")


def _short_names(rows: list[LeaderboardRow]) -> dict[str, str]:
    """The shortest clear name of each row's variant, among those of its group."""
    addresses = {row.variant: VariantAddress.within(row.model, row.variant) for row in rows}
    return {text: address.shortest(addresses.values()) for text, address in addresses.items()}


def _how_run(rows: list[LeaderboardRow]) -> str:
    """Runtimes and thread counts of a group, said once instead of in each row."""
    runtimes = sorted({f"{row.runtime} {row.runtime_version}".strip() for row in rows})
    threads = sorted({row.threads for row in rows})
    return f"{', '.join(runtimes)}, threads {', '.join(map(str, threads))}"


def _print_excluded(excluded: Iterable[ExcludedRun]) -> None:
    reasons = sorted(f"{run.variant} on {run.device}: {run.reason} (run {run.run})" for run in excluded)
    if reasons:
        console.say(f"left out ({len(reasons)}):")
    for reason in reasons[:20]:
        console.say(f"  {reason}")
    if len(reasons) > 20:
        console.say("  ... all of them: --json")
