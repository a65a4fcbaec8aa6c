"""The tables of a report, from what the read door gives. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.analysis.thermal.onset import Cause
from orchestrator.queries.factors import FactorComparison
from orchestrator.queries.leaderboard_rows import ExcludedRun, LeaderboardRow
from orchestrator.queries.rows import RunView
from orchestrator.queries.scores import RunScores
from orchestrator.text import factor_text, numbers_text, row_text, score_text

MOST_DEVICES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as the template draws it; `numbers` are right-aligned columns, `wide` ones may wrap."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[str] = frozenset()
    wide: frozenset[str] = frozenset()


def ranking_table(rows: Sequence[LeaderboardRow]) -> Table:
    """The rows of one group."""
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
                numbers_text.size(row.size_bytes or None),
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


def excluded_table(excluded: Iterable[ExcludedRun]) -> Table:
    """What a ranking left out, and why."""
    return Table(
        columns=("run", "variant", "device", "reason"),
        rows=tuple((run.run, run.variant, run.device, run.reason) for run in excluded),
        wide=frozenset({"reason"}),
    )


def run_table(runs: Iterable[RunView]) -> Table:
    """Every run, in the order given."""
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
                _device(run),
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


def environment_tables(runs: Iterable[RunView]) -> tuple[Table, ...]:
    """Facts in rows, some devices in columns; a fact that a board did not give is n/a."""
    facts: dict[str, Mapping[str, str]] = {}
    for run in runs:
        for attempt in run.attempts:
            if attempt.counted:
                own = {name: numbers_text.fact(name, value) for name, value in attempt.environment.items()}
                facts.setdefault(run.device, own)
    devices = list(facts)
    parts = (devices[start : start + MOST_DEVICES] for start in range(0, len(devices), MOST_DEVICES))
    return tuple(_environment_table({device: facts[device] for device in part}) for part in parts)


def _environment_table(facts: Mapping[str, Mapping[str, str]]) -> Table:
    names = sorted({name for own in facts.values() for name in own})
    return Table(
        columns=("fact", *facts),
        rows=tuple((name, *(own.get(name, numbers_text.ABSENT) for own in facts.values())) for name in names),
    )


def score_table(scores: Sequence[RunScores]) -> Table:
    """How right each run was that answered a data set."""
    columns = score_text.columns(scores)
    return Table(
        columns=tuple(columns),
        rows=tuple(tuple(row) for row in score_text.rows(scores)),
        numbers=frozenset(columns[2:]),
    )


def soak_table(runs: Iterable[RunView]) -> Table:
    """What sustained runs show of their boards; empty for others."""
    figures = ("throttled after", "time throttled", "sustained ratio", "stability", "settled", "settles at", "cooling")
    return Table(
        columns=("device", "block", "variant", *figures, "cause", "room", "run"),
        rows=tuple(
            (
                _device(run),
                str(run.block),
                run.variant,
                _onset(run),
                "none" if run.throttled_s == 0 else numbers_text.duration(run.throttled_s),
                numbers_text.ratio(run.sustained_ratio),
                numbers_text.ratio(run.stability),
                numbers_text.ms(run.settled_ms),
                numbers_text.celsius(run.settled_c),
                numbers_text.duration(run.cooling_tau_s),
                "" if run.onset_cause == Cause.NONE.value else run.onset_cause or "",
                _room(run),
                run.run,
            )
            for run in runs
            if run.onset_cause is not None
        ),
        numbers=frozenset((*figures, "block")),
    )


def _onset(run: RunView) -> str:
    if run.onset_s is not None:
        return numbers_text.duration(run.onset_s)
    return numbers_text.ABSENT if run.known_until_s is None else f"not in {numbers_text.duration(run.known_until_s)}"


def _room(run: RunView) -> str:
    if run.ambient_c is None or run.ambient_source is None:
        return numbers_text.ABSENT
    return f"{numbers_text.celsius(run.ambient_c)} ({run.ambient_source.value})"


def _device(run: RunView) -> str:
    return f"{run.device} ({row_text.SIMULATED})" if run.simulated else run.device


def factor_table(found: FactorComparison) -> Table:
    """The values of a label, with what the boards under each have in common."""
    columns = factor_text.columns(found)
    return Table(
        columns=columns,
        rows=tuple(map(tuple, factor_text.rows(found))),
        numbers=frozenset({"runs"}),
    )
