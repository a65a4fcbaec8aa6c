"""One study as one HTML file: tables and charts, readable anywhere, without a script and without a network.

Reads through `orchestrator.queries`; the template escapes every text, and its content policy forbids all loading.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import jinja2
from markupsafe import Markup

from orchestrator import numbers_text, row_text
from orchestrator.charts.axes import LayeredChart
from orchestrator.charts.drift import drift_chart
from orchestrator.charts.figures.pareto import Better, Place, pareto_chart
from orchestrator.charts.ranking import ranking_chart
from orchestrator.charts.render import as_svg
from orchestrator.db.session import Database
from orchestrator.errors import SpecError
from orchestrator.queries.leaderboard import leaderboard
from orchestrator.queries.leaderboard_rows import ExcludedRun, Leaderboard, LeaderboardRow
from orchestrator.queries.rows import RunView, StudyView
from orchestrator.queries.runs import list_runs
from orchestrator.queries.studies import get_study

MOST_RUNS = 2000
_LEGEND = {
    "rank": "1 + the number of variants that are faster beyond doubt; '=' where another one is not told apart.",
    "median": "Over the runs, of each run's median. The interval is 95 %, from the spread between runs.",
    "p90": "Of the median run: nine of ten of its inferences are at least this fast; n/a where there are too few.",
    "speedup": "The baseline's median over this one's, paired by block where both have the block.",
    "metrics": "declared: handed over with the model; measured: by pifarm; published: from a publication.",
    "verdicts": "valid: no rule objects; suspect: ranked, with a doubt; invalid: never ranked.",
    **{mark.lower(): meaning for mark, meaning in row_text.MARKS.items()},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as the template draws it; `numbers` are right-aligned columns, `wide` ones may wrap."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[str] = frozenset()
    wide: frozenset[str] = frozenset()


def write_report(database: Database, study: int, path: Path) -> None:
    """Write the report of a study; raises `NotFoundError`, or `SpecError` where the file cannot be written."""
    page = render_report(
        get_study(database, study),
        leaderboard(database, study=study),
        list_runs(database, study=study, limit=MOST_RUNS),
    )
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise SpecError(f"report: cannot write {path} ({error.strerror}); choose another --output") from error


def render_report(study: StudyView, board: Leaderboard, runs: Sequence[RunView]) -> str:
    """The report as HTML; `runs` in the order of their table."""
    loader = jinja2.PackageLoader("orchestrator", "templates")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html.jinja").render(
        study=study,
        state=_state(study),
        summary=_summary(study),
        simulated_devices=sorted({run.device for run in runs if run.simulated}),
        sections=[_section(list(rows)) for _, rows in itertools.groupby(board.rows, key=lambda row: row.group)],
        excluded=_excluded_table(board.excluded),
        drifts=_drifts(runs),
        runs=_run_table(runs),
        not_listed=max(0, study.total - len(runs)),
        environments=_environment_table(runs),
        legend=_LEGEND,
        version=metadata.version("pifarm"),
    )


def _state(study: StudyView) -> str:
    counts = [f"{number} {state}" for state, number in study.counts.items() if number]
    return f"{study.state.value}: {', '.join(counts)}"


def _summary(study: StudyView) -> Mapping[str, str]:
    took_s = None if study.ended_at_s is None else study.ended_at_s - study.created_at_s
    return {
        "variants": ", ".join(study.variants),
        "devices": ", ".join(study.devices),
        "runs": numbers_text.count(study.total),
        **({} if took_s is None else {"took": numbers_text.duration(took_s)}),
    }


def _section(rows: Sequence[LeaderboardRow]) -> Mapping[str, object]:
    group = rows[0].group
    return {
        "title": row_text.group_title(group),
        "marks": row_text.group_marks(rows),
        "explained": row_text.MARKS,
        "detail": f"{rows[0].board}: {row_text.group_detail(group)}",
        "headline": row_text.headline(rows),
        "table": _ranking_table(rows),
        "svg": Markup(as_svg(ranking_chart(rows))),  # the renderer escapes the texts in it
        "tradeoffs": [Markup(as_svg(chart)) for chart in _tradeoffs(rows)],
    }


def _tradeoffs(rows: Sequence[LeaderboardRow]) -> Iterator[LayeredChart]:
    """What is given for latency: each metric, and energy, that two variants and more have."""
    for name in sorted({name for row in rows for name in row.metrics}):
        places = [_place(row, float(row.metrics[name]["value"])) for row in rows if name in row.metrics]
        if len(places) > 1:
            yield pareto_chart(places, name, Better.HIGHER)
    places = [_place(row, row.energy_j) for row in rows if row.energy_j is not None]
    if len(places) > 1:
        yield pareto_chart(places, "energy of an inference, gross, J", Better.LOWER)


def _place(row: LeaderboardRow, value: float) -> Place:
    regime = row.group.regime
    return Place(name=row.variant, regime=regime, latency_ms=row.median_ms, value=value, simulated=row.simulated)


def _ranking_table(rows: Sequence[LeaderboardRow]) -> Table:
    metrics = sorted({name for row in rows for name in row.metrics})
    figures = ("median", "95 % interval", "p90", "speedup", *metrics, "size", "peak memory", "runs")
    has_notes = any(row.marks for row in rows)
    return Table(
        columns=("rank", "variant", *figures, "verdicts", *(["notes"] if has_notes else [])),
        rows=tuple(
            (
                row_text.rank(row),
                row.variant,
                numbers_text.ms(row.median_ms),
                numbers_text.ms_interval(row.ci_low_ms, row.ci_high_ms),
                numbers_text.ms(row.p90_ms),
                numbers_text.ratio_with_interval(row.speedup, row.speedup_ci),
                *(row_text.metric(row.metrics.get(name)) for name in metrics),
                numbers_text.size(row.size_bytes),
                numbers_text.size(row.peak_rss_bytes),
                numbers_text.count(row.runs),
                row_text.verdicts(row.verdicts),
                *(["; ".join(row.marks)] if has_notes else []),
            )
            for row in rows
        ),
        numbers=frozenset(figures),
        wide=frozenset({"notes"}),
    )


def _excluded_table(excluded: Iterable[ExcludedRun]) -> Table:
    return Table(
        columns=("run", "variant", "device", "reason"),
        rows=tuple((run.run, run.variant, run.device, run.reason) for run in excluded),
        wide=frozenset({"reason"}),
    )


def _run_table(runs: Iterable[RunView]) -> Table:
    figures = ("block", "median", "p90", "start", "hottest")
    return Table(
        columns=(
            "device",
            "block",
            "variant",
            "state",
            "verdict",
            "median",
            "p90",
            "start",
            "hottest",
            "remarks",
            "run",
        ),
        rows=tuple(
            (
                f"{run.device} ({row_text.SIMULATED})" if run.simulated else run.device,
                str(run.block),
                run.variant,
                run.state.value,
                run.verdict.value if run.verdict else "",
                numbers_text.ms(run.median_ms),
                numbers_text.ms(run.p90_ms),
                numbers_text.celsius(run.start_c),
                numbers_text.celsius(run.max_c),
                _remarks(run),
                run.run,
            )
            for run in runs
        ),
        numbers=frozenset(figures),
        wide=frozenset({"remarks"}),
    )


def _remarks(run: RunView) -> str:
    against = [str(reason.get("text", reason["code"])) for reason in run.reasons if reason.get("severity") != "note"]
    failure = [f"{run.code}: {run.message}"] if run.code else []
    return "; ".join(failure + against)


def _drifts(runs: Sequence[RunView]) -> list[Mapping[str, object]]:
    measured = [run for run in runs if run.median_ms is not None and run.started_at_s is not None]
    by_device: dict[str, list[RunView]] = {}
    for run in measured:
        by_device.setdefault(run.device, []).append(run)
    return [
        {"device": device, "simulated": own[0].simulated, "svg": Markup(as_svg(drift_chart(own)))}
        for device, own in by_device.items()
        if len(own) > 2
    ]


def _environment_table(runs: Iterable[RunView]) -> Table:
    """Facts in rows, devices in columns; a fact that a board did not give is n/a."""
    facts: dict[str, Mapping[str, str]] = {}
    for run in runs:
        for attempt in run.attempts:
            if attempt.counted:
                own = {name: numbers_text.fact(name, value) for name, value in attempt.environment.items()}
                facts.setdefault(run.device, own)
    names = sorted({name for own in facts.values() for name in own})
    return Table(
        columns=("fact", *facts),
        rows=tuple((name, *(own.get(name, numbers_text.ABSENT) for own in facts.values())) for name in names),
    )
