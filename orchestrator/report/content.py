"""What a report says, in order, before it is a page or a paper. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.charts.figures import legend
from orchestrator.figures.factors import factor_figure
from orchestrator.figures.figure import Figure
from orchestrator.figures.ranks import drift_figures, groups_of, ranking_figure, tradeoff_figures
from orchestrator.queries.factors import FactorComparison
from orchestrator.queries.leaderboard_rows import Leaderboard, LeaderboardRow
from orchestrator.queries.rows import RunView, StudyView
from orchestrator.queries.scores import RunScores
from orchestrator.report.tables import (
    Table,
    environment_tables,
    excluded_table,
    factor_table,
    ranking_table,
    run_table,
    score_table,
    soak_table,
)
from orchestrator.text import factor_text, numbers_text, row_text

LEGEND = {
    "rank": "1 + the number of variants that are faster beyond doubt; '=' where another one is not told apart.",
    "median": "Over the runs, of each run's median. The interval is 95 %, from the spread between runs.",
    "p90": "Of the median run: nine of ten of its inferences are at least this fast; n/a where there are too few.",
    "speedup": "The baseline's median over this one's, paired by block where both have the block.",
    "metrics": "declared: handed over with the model; measured: by pifarm; published: from a publication.",
    "verdicts": "valid: no rule objects; suspect: ranked, with a doubt; invalid: never ranked.",
    **{mark.lower(): meaning for mark, meaning in row_text.MARKS.items()},
}
SOAK_LEGEND = {
    "throttled after": "Seconds of load until the first live throttle bit, else until the true clock fell.",
    "sustained ratio": "Rate of the last 300 s over that of the first minute, before any throttling; 1 is steady.",
    "stability": "Rate of slow windows over that of fast ones (5th over 95th percentile); 1 is steady.",
    "settled": "Median latency of the last 300 s.",
    "settles at": "Where the die would settle under this load without throttling, by the thermal fit.",
    "cooling": "The slow time constant of the recorded cooling.",
    "room": "sensor: a thermometer beside the board; typed, label: somebody said so.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One group of the ranking; `marks` with their meanings, gravest first."""

    title: str
    marks: Mapping[str, str]
    detail: str
    headline: str
    table: Table
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorSection:
    """A variant under the values of a label: the answers in words, the figures, and what a reader must know of them."""

    title: str
    answers: tuple[str, ...]
    table: Table
    cautions: tuple[str, ...]
    figure: Figure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report. Tables without rows and empty figures are left out by whoever lays it out.

    `simulated_devices` are named in a banner; `not_listed` runs are not in the table.
    """

    study: int
    model: str
    subtitle: str
    simulated_devices: tuple[str, ...]
    summary: Mapping[str, str]
    methods: str
    sections: tuple[Section, ...]
    excluded: Table
    soaks: Table
    scores: Table
    factors: tuple[FactorSection, ...]
    figures: tuple[Figure, ...]
    drifts: tuple[Figure, ...]
    runs: Table
    not_listed: int
    environments: tuple[Table, ...]
    legend: Mapping[str, str]
    version: str
    at_s: float

    @property
    def title(self) -> str:
        """`Study 3: yolov9-c`."""
        return f"Study {self.study}: {self.model}"


def compose_report(
    study: StudyView,
    board: Leaderboard,
    runs: Sequence[RunView],
    *,
    figures: Sequence[Figure],
    factors: Sequence[FactorComparison] = (),
    scores: Sequence[RunScores] = (),
    methods: str,
    version: str,
) -> Report:
    """The report; `runs` in the order of their table, `figures` those that are drawn from raw data.

    `factors` are the comparisons of boards that differ in a label, `scores` those of runs that answered a data set.
    """
    soaks = soak_table(runs)
    return Report(
        study=study.study,
        model=study.model,
        subtitle=_subtitle(study),
        simulated_devices=tuple(sorted({run.device for run in runs if run.simulated})),
        summary=_summary(study),
        methods=methods,
        sections=tuple(_section(rows, number) for number, rows in enumerate(groups_of(board.rows), start=1)),
        excluded=excluded_table(board.excluded),
        soaks=soaks,
        scores=score_table(scores),
        factors=tuple(_factor_section(found, number) for number, found in enumerate(factors, start=1)),
        figures=tuple(figures),
        drifts=tuple(drift_figures(runs)),
        runs=run_table(runs),
        not_listed=max(0, study.total - len(runs)),
        environments=environment_tables(runs),
        legend={**LEGEND, **(SOAK_LEGEND if soaks.rows else {})},
        version=version,
        at_s=study.created_at_s if study.ended_at_s is None else study.ended_at_s,
    )


def _subtitle(study: StudyView) -> str:
    counts = ", ".join(f"{number} {state}" for state, number in study.counts.items() if number)
    asked = f"{study.protocol} protocol, {study.regime}, {study.blocks} blocks, seed {study.seed}"
    return f"{asked}; {study.state.value}: {counts}"


def _summary(study: StudyView) -> Mapping[str, str]:
    took_s = None if study.ended_at_s is None else study.ended_at_s - study.created_at_s
    return {
        "variants": ", ".join(study.variants),
        "devices": ", ".join(study.devices),
        "runs": numbers_text.count(study.total),
        **({} if took_s is None else {"took": numbers_text.duration(took_s)}),
    }


def _section(rows: Sequence[LeaderboardRow], number: int) -> Section:
    group = rows[0].group
    return Section(
        title=row_text.group_title(group),
        marks={mark: row_text.MARKS[mark] for mark in row_text.group_marks(rows)},
        detail=f"{rows[0].board}: {row_text.group_detail(group)}",
        headline=row_text.headline(rows),
        table=ranking_table(rows),
        figures=(ranking_figure(rows, number), *tradeoff_figures(rows, number)),
    )


def _factor_section(found: FactorComparison, number: int) -> FactorSection:
    """Without a figure where there are more values than a reader tells apart."""
    return FactorSection(
        title=factor_text.title(found),
        answers=tuple(factor_text.answers(found)),
        table=factor_table(found),
        cautions=tuple(factor_text.cautions(found)),
        figure=factor_figure(found, number) if len(found.levels) <= legend.MOST else None,
    )
