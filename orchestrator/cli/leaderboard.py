"""`pifarm leaderboard`: variants ranked, group by group."""

import csv
import itertools
import json
import sys
from collections.abc import Iterable
from typing import Annotated

import typer

from orchestrator.cli import console
from orchestrator.cli.farm import JsonOption
from orchestrator.queries.rows import ExcludedRun, Group, Leaderboard, LeaderboardRow


def leaderboard(
    study: Annotated[int | None, typer.Argument(help="Only this study's runs.")] = None,
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
        _print_csv(board)
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
    from orchestrator.numbers_text import ms, ms_interval, ratio_with_interval, size

    mark = {
        "simulated": "SIMULATED board, real inference of this host",
        "published": "PUBLISHED, not measured here",
    }
    board = rows[0].board + (f" [{mark[group.source]}]" if group.source in mark else "")
    provisional = ", provisional" if rows[0].provisional else ""
    title = f"{group.model} on {board}: {group.regime}, {group.protocol} protocol{provisional}"
    metrics = sorted({name for row in rows for name in row.metrics})
    columns = [
        "rank",
        "variant",
        "median",
        "95 % interval",
        "p90",
        "speedup",
        *metrics,
        "size",
        "peak memory",
        "runs",
        "verdicts",
    ]
    cells = [
        [
            f"{row.rank}{' =' if row.tied_with else ''}",
            row.variant,
            ms(row.median_ms),
            ms_interval(row.ci_low_ms, row.ci_high_ms),
            ms(row.p90_ms),
            ratio_with_interval(row.speedup, row.speedup_ci),
            *(_metric(row, name) for name in metrics),
            size(row.size_bytes),
            size(row.peak_rss_bytes),
            str(row.runs),
            ", ".join(f"{count} {name}" for name, count in row.verdicts.items() if count),
        ]
        for row in rows
    ]
    console.print_table(
        title,
        columns,
        cells,
        right=["median", "95 % interval", "p90", "speedup", "size", "peak memory", "runs", *metrics],
    )
    console.say("")


def _metric(row: LeaderboardRow, name: str) -> str:
    fact = row.metrics.get(name)
    return "" if fact is None else f"{fact['value']:g} ({fact['source']})"


def _print_excluded(excluded: Iterable[ExcludedRun]) -> None:
    reasons = sorted(f"{run.variant} on {run.device}: {run.reason} (run {run.run})" for run in excluded)
    if reasons:
        console.say(f"left out ({len(reasons)}):")
    for reason in reasons[:20]:
        console.say(f"  {reason}")
    if len(reasons) > 20:
        console.say("  ... all of them: --json")


def _print_csv(board: Leaderboard) -> None:
    rows = [console.as_json(row) for row in board.rows]
    names = list(LeaderboardRow.__dataclass_fields__)
    writer = csv.writer(sys.stdout)
    writer.writerow(names)
    for row in rows:
        writer.writerow(json.dumps(row[name]) if isinstance(row[name], (dict, list)) else row[name] for name in names)
