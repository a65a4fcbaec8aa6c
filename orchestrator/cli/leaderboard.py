"""`pifarm leaderboard`: variants ranked, group by group."""

import sys
from collections.abc import Iterable, Sequence
from typing import Annotated

import typer

from orchestrator.addresses import VariantAddress
from orchestrator.cli import console
from orchestrator.cli.farm import JsonOption
from orchestrator.queries.leaderboard_rows import ExcludedRun, Group, Leaderboard, LeaderboardRow
from orchestrator.side_by_side import Pairing, sections


def leaderboard(
    study: Annotated[int | None, typer.Argument(max=console.LARGEST_ID, help="Only this study's runs.")] = None,
    regime: Annotated[str | None, typer.Option("--regime", help="burst or sustained.")] = None,
    device: Annotated[str | None, typer.Option("--device", help="Only this device's runs.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV on standard output, nothing else.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Rank variants by median latency, per board type and regime; ties are shown as ties.

    Without --regime, burst and sustained stand side by side where both were measured.
    """
    from orchestrator.queries.leaderboard import leaderboard as query

    board = query(console.the_farm().database, study=study, regime=regime, device=device)
    if as_json:
        console.print_json(board)
    elif as_csv:
        from orchestrator.text.csv_text import leaderboard_csv

        sys.stdout.write(leaderboard_csv(board.rows))
    else:
        print_leaderboard(board)


def print_leaderboard(board: Leaderboard) -> None:
    """The leaderboard as tables for a person: regimes side by side where both were ranked, else all figures."""
    if not board.rows and not board.excluded:
        console.tell("nothing measured yet; try `pifarm demo`, or pifarm submit MODEL --wait")
    for section in sections(board.rows):
        if isinstance(section, Pairing):
            _print_pairing(section)
        else:
            _print_group(section[0].group, section)
    _print_excluded(board.excluded)


def _print_pairing(pair: Pairing) -> None:
    from orchestrator.text import numbers_text, row_text

    rows = [*pair.burst, *pair.sustained]
    names = _short_names(rows)
    figures = ["burst rank", "burst median", "sustained rank", "sustained median", "settled rate", "throttles after"]
    cells = [
        [
            names[line.variant],
            *(cell for row in (line.burst, line.sustained) for cell in _place(row)),
            numbers_text.ratio(line.either.sustained_ratio),
            row_text.throttles(line.either),
            row_text.line_flips(line.burst, line.sustained, names),
        ]
        for line in pair.lines
    ]
    burst, sustained = pair.burst[0].group, pair.sustained[0].group
    title = f"{burst.model} on {rows[0].board}: {row_text.group_detail(burst)}, beside {sustained.regime}"
    console.say(f"{title}, {sustained.protocol} protocol; {_how_run(rows)}")
    for mark in row_text.group_marks(rows):
        console.say(f"{mark}: {row_text.MARKS[mark]}")
    console.print_table("", ["variant", *figures, row_text.FLIPS.lower()], cells, right=figures)
    for regime, own in ((burst.regime, pair.burst), (sustained.regime, pair.sustained)):
        console.say(f"{regime}: {row_text.headline(own)} {row_text.reach(own)}".rstrip())
    console.say("intervals, p90 and the rest: --regime burst, or --regime sustained\n")


def _place(row: LeaderboardRow | None) -> tuple[str, str]:
    """Rank and median in one regime."""
    from orchestrator.text import numbers_text, row_text

    absent = numbers_text.ABSENT
    return (absent, absent) if row is None else (row_text.rank(row), numbers_text.ms(row.median_ms))


def _print_group(group: Group, rows: Sequence[LeaderboardRow]) -> None:
    from orchestrator.text import numbers_text, row_text

    names = _short_names(rows)
    metrics = sorted({name for row in rows for name in row.metrics})
    is_watched = any(row.throttles_known_until_s is not None for row in rows)
    heat = ["throttles after"] if is_watched else []
    figures = ["median", "95 % interval", "p90", "speedup", *metrics, *heat, "size", "peak memory", "runs"]
    cells = [
        [
            row_text.rank(row),
            names[row.variant],
            numbers_text.ms(row.median_ms),
            numbers_text.ms_interval(row.ci_low_ms, row.ci_high_ms),
            numbers_text.ms(row.p90_ms),
            numbers_text.ratio_with_interval(row.speedup, row.speedup_ci),
            *(row_text.metric(row.metrics.get(name)) for name in metrics),
            *(row_text.throttles(row) for _ in heat),
            numbers_text.size(row.size_bytes or None),
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
    said = (row_text.headline(rows), *row_text.flip_lines(rows), row_text.reach(rows))
    console.say(" ".join(filter(None, said)) + "\n")


def _short_names(rows: Sequence[LeaderboardRow]) -> dict[str, str]:
    """The shortest clear name of each row's variant, among those of its group."""
    addresses = {row.variant: VariantAddress.within(row.model, row.variant) for row in rows}
    return {text: address.shortest(addresses.values()) for text, address in addresses.items()}


def _how_run(rows: Sequence[LeaderboardRow]) -> str:
    """Runtimes and thread counts of a group, said once instead of in each row; of published ones nothing is known."""
    if not rows[0].runs:
        return "by others"
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
