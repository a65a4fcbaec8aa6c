"""The leaderboard: variants ranked within each group, and every ended run that was left out, with its reason."""

import functools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from sqlalchemy.orm import Session

from agent.wire.spec import Regime
from orchestrator.analysis.comparison import MARGIN
from orchestrator.analysis.latency import Center, center_of_runs, run_cv, spread_bound
from orchestrator.analysis.ranking import Candidate, Ranked, pareto_front
from orchestrator.attending.lifecycle import RunState, Verdict
from orchestrator.db.session import Database
from orchestrator.errors import SpecError
from orchestrator.protocols import is_provisional
from orchestrator.queries.groups import as_regime, coverage_text, least_coverage, read_groups
from orchestrator.queries.leaderboard_rows import ExcludedRun, Group, Leaderboard, LeaderboardRow
from orchestrator.queries.published import published_rows
from orchestrator.queries.regimes import Heat, Standing, counterpart, heat_of, stand
from orchestrator.queries.results import RunResult, Selection

Groups = Mapping[Group, Sequence[RunResult]]


def leaderboard(
    database: Database,
    study: int | None = None,
    regime: Regime | str | None = None,
    device: str | None = None,
    model: str | None = None,
    margin: float = MARGIN,
    board_type: str | None = None,
    baseline: str | None = None,
) -> Leaderboard:
    """Ranked rows, group by group; `margin` is the least difference that counts (0.02 is 2 %).

    Speedups are against `baseline`, a variant as rows name it, in the groups that have it; elsewhere, and without it,
    against the model's own baseline.
    Raises `NotFoundError` for a study, device or model that is unknown, `SpecError` for a regime that is.
    """
    if not 0 <= margin < 1:
        raise SpecError(f"margin: expected 0 to below 1 (0.02 is 2 %), got {margin}")
    wanted = as_regime(regime)
    with database.read() as session:
        selection = Selection(study=study, device=device, model=model, board_type=board_type)
        groups = read_groups(session, selection)
        beyond = groups if study is None else _beyond(session, groups, selection)
        is_whole = study is None and device is None
        others = published_rows(session, model, regime, board_type) if is_whole else []
    own = {group: runs for group, runs in groups.items() if wanted is None or group.regime == wanted.value}
    board = _leaderboard(own, beyond, margin, baseline)
    return replace(board, rows=(*board.rows, *others))


def _beyond(session: Session, groups: Groups, selection: Selection) -> Groups:
    """What other studies have measured of a study's model: the study itself has one regime."""
    names = {group.model for group in groups}
    return read_groups(session, replace(selection, study=None, model=names.pop())) if names else {}


def _leaderboard(groups: Groups, beyond: Groups, margin: float, baseline: str | None) -> Leaderboard:
    """The rows of these groups, each told of the other regime among those `beyond`, and what was left out of them."""
    stand_beyond = functools.cache(lambda group: stand(group, beyond[group], margin))
    rows: list[LeaderboardRow] = []
    excluded: list[ExcludedRun] = []
    for group, results in groups.items():
        here = stand_beyond(group) if beyond.get(group) is results else stand(group, results, margin)
        other = counterpart(group, beyond)
        rows += _rows(here, None if other is None else stand_beyond(other), results, baseline)
        excluded += here.excluded
    return Leaderboard(rows=tuple(rows), excluded=tuple(excluded))


def _rows(
    here: Standing, there: Standing | None, all_runs: Sequence[RunResult], wanted: str | None
) -> list[LeaderboardRow]:
    baseline = wanted if wanted in here.runs else _baseline(here)
    verdicts = _verdicts(all_runs)
    fronts = _pareto([(each, here.runs[each.variant]) for each in here.ranked])
    return [
        _row(here, each, baseline, verdicts[each.variant], front, heat_of(each.variant, here, there))
        for each, front in zip(here.ranked, fronts, strict=True)
    ]


def _baseline(here: Standing) -> str | None:
    """The variant that speedups refer to: of those of the model's baseline build the one that was made first."""
    found = [runs[0].variant for runs in here.runs.values() if runs[0].variant.is_baseline]
    return min(found, key=lambda variant: variant.id).name if found else None


def _verdicts(runs: Sequence[RunResult]) -> dict[str, dict[str, int]]:
    names = {run.variant.id: run.variant.name for run in runs}
    counts = Counter((run.variant.id, run.verdict) for run in runs if run.state is RunState.DONE)
    return {name: {verdict.value: counts[place, verdict] for verdict in Verdict} for place, name in names.items()}


def _pareto(rows: Sequence[tuple[Ranked, Sequence[RunResult]]]) -> Sequence[bool | None]:
    """Whether each is on the front of its costs and the first metric that all have; None without such a metric.

    All must have it by the same word, of the same data set: what was declared is not weighed against what was measured.
    Costs are latency and size, and peak memory and energy where all have them, those to two digits: without an answer
    of their own to what is told apart, a hair's breadth of them would keep everything on the front.
    """
    if not rows:
        return []
    metrics = [runs[0].variant.metrics for _, runs in rows]
    name = next((name for name in metrics[0] if len({_word(own.get(name)) for own in metrics}) == 1), None)
    if name is None:
        return [None] * len(rows)
    costs: list[list[float | None]] = [
        [each.center_ns for each, _ in rows],
        [runs[0].variant.size_bytes for _, runs in rows],
        [_two_digits(_peak_rss_bytes(runs)) for _, runs in rows],
        [_two_digits(center.center if (center := _energy(runs)) else None) for _, runs in rows],
    ]
    known = [[figure for figure in figures if figure is not None] for figures in costs]
    weighed = zip(*(figures for figures in known if len(figures) == len(rows)), strict=True)
    accuracies = (float(own[name]["value"]) for own in metrics)
    return pareto_front(
        [Candidate(costs=own, accuracy=accuracy) for own, accuracy in zip(weighed, accuracies, strict=True)]
    )


def _word(fact: Mapping[str, Any] | None) -> tuple[Any, ...] | None:
    """By whose word a metric is known, and of which examples."""
    return None if fact is None else (fact["source"], fact.get("dataset"), fact.get("examples"))


def _two_digits(figure: float | None) -> float | None:
    return None if figure is None else float(f"{figure:.1e}")


def _row(
    here: Standing,
    ranked: Ranked,
    baseline: str | None,
    verdicts: Mapping[str, int],
    pareto: bool | None,
    heat: Heat,
) -> LeaderboardRow:
    group, runs = here.group, here.runs[ranked.variant]
    variant, throttling = runs[0].variant, heat.time_to_throttle
    speedup, speedup_ci = _speedup(ranked, baseline, here.ranked)
    spread, marks = _marks(runs)
    energy = _energy(runs)
    p90, p99 = (_tail(runs, [getattr(run, name) for run in runs]) for name in ("p90_ns", "p99_ns"))
    return LeaderboardRow(
        group=group,
        rank=ranked.rank,
        tied_with=ranked.tied_with,
        provisional=is_provisional(group.protocol),
        model=group.model,
        variant=ranked.variant,
        format=variant.format,
        runtime=variant.address.runtime,
        runtime_version=runs[0].conditions.runtime_version or "",
        threads=variant.address.threads,
        devices=tuple(sorted({run.device for run in runs})),
        board=Counter(run.board for run in runs).most_common(1)[0][0],
        simulated=group.source == "simulated",
        regime=group.regime,
        protocol=group.protocol,
        runs=len(runs),
        samples=sum(run.samples or 0 for run in runs),
        median_ms=ranked.center_ns / 1e6,
        ci_low_ms=ranked.interval.low / 1e6 if ranked.interval else None,
        ci_high_ms=ranked.interval.high / 1e6 if ranked.interval else None,
        p90_ms=_ms(p90.center if p90 else None),
        p99_ms=_ms(p99.center if p99 else None),
        first_ms=_ms(_median(run.first_ns for run in runs)),
        load_ms=_ms(_median(run.load_ns for run in runs)),
        throughput_per_s=1e9 / ranked.center_ns,
        speedup=speedup,
        speedup_ci=speedup_ci,
        metrics=variant.metrics,
        size_bytes=variant.size_bytes,
        peak_rss_bytes=_peak_rss_bytes(runs),
        energy_j=energy.center if energy else None,
        verdicts=verdicts,
        pareto=pareto,
        run_cv=spread,
        marks=marks,
        device_median_ms={device: ns / 1e6 for device, ns in ranked.by_device_ns.items()},
        p90_ci_low_ms=_ms(p90.interval.low if p90 and p90.interval else None),
        p90_ci_high_ms=_ms(p90.interval.high if p90 and p90.interval else None),
        board_cv=run_cv(list(ranked.by_device_ns.values())),
        detectable=max((each.detectable for each in ranked.against.values() if each.detectable), default=None),
        throttles_after_s=throttling.after_s if throttling else None,
        throttles_known_until_s=throttling.known_until_s if throttling else None,
        sustained_ratio=heat.sustained_ratio,
        other_regime=heat.other_regime,
        flips=heat.flips,
        energy_ci_low_j=energy.interval.low if energy and energy.interval else None,
        energy_ci_high_j=energy.interval.high if energy and energy.interval else None,
    )


def _speedup(
    ranked: Ranked, baseline: str | None, all_ranked: Sequence[Ranked]
) -> tuple[float | None, tuple[float, float] | None]:
    """The baseline's latency over this one's, from common blocks where there are any, with its interval."""
    if baseline is None or ranked.variant == baseline:
        return (None if baseline is None else 1.0), None
    found = ranked.against[baseline]
    if found.ratio is None:
        reference = next(each for each in all_ranked if each.variant == baseline)
        return reference.center_ns / ranked.center_ns, None
    interval = None if found.low is None or found.high is None else (1 / found.high, 1 / found.low)
    return 1 / found.ratio, interval


def _marks(runs: Sequence[RunResult]) -> tuple[float | None, tuple[str, ...]]:
    """The largest spread of a board's runs; marks where it is wider than chance makes it, or intervals cover less."""
    by_device: dict[str, list[float]] = {}
    for run in runs:
        by_device.setdefault(run.device, []).append(run.median_ns or 0.0)
    spreads = [(cv, device) for device, medians in by_device.items() if (cv := run_cv(medians)) is not None]
    coverage = least_coverage(runs)
    narrowed = () if coverage is None else (coverage_text(coverage),)
    if not spreads:
        return None, narrowed
    cv, device = max(spreads)
    bound = spread_bound(len(by_device[device])) or 0.0
    wide = f"runs on {device} differ by {100 * cv:.1f} % (CV); up to {100 * bound:.1f} % is usual"
    return cv, (*((wide,) if cv > bound else ()), *narrowed)


def _peak_rss_bytes(runs: Sequence[RunResult]) -> int | None:
    return max((run.peak_rss_bytes for run in runs if run.peak_rss_bytes is not None), default=None)


def _energy(runs: Sequence[RunResult]) -> Center | None:
    """Energy of an inference over the runs in which it was measured, put together as medians are; None without one."""
    measured = [run for run in runs if run.energy_j is not None]
    return _tail(measured, [run.energy_j for run in measured]) if measured else None


def _tail(runs: Sequence[RunResult], figures: Sequence[float | None]) -> Center | None:
    """A figure of each run, put together as medians are; None unless every run has it."""
    by_device: dict[str, list[float]] = {}
    for run, figure in zip(runs, figures, strict=True):
        if figure is None:
            return None
        by_device.setdefault(run.device, []).append(figure)
    return center_of_runs(by_device)


def _median(figures: Iterable[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return median(known) if known else None


def _ms(value_ns: float | None) -> float | None:
    return None if value_ns is None else value_ns / 1e6
