"""The leaderboard: variants ranked within each group, and every ended run that was left out, with its reason."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from agent.wire.spec import Regime
from orchestrator.analysis.comparability import find_incomparable
from orchestrator.analysis.comparison import MARGIN, Observation
from orchestrator.analysis.latency import geometric_mean, run_cv, spread_bound
from orchestrator.analysis.ranking import Candidate, Ranked, pareto_front, rank
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow, ModelRow, StudyRow
from orchestrator.errors import SpecError
from orchestrator.lifecycle import RunState, Verdict
from orchestrator.protocols import is_provisional
from orchestrator.queries.leaderboard_rows import ExcludedRun, Group, Leaderboard, LeaderboardRow
from orchestrator.queries.naming import require_known
from orchestrator.queries.results import RunResult, Selection, read_results

RANKED_VERDICTS = (Verdict.VALID, Verdict.SUSPECT)


def leaderboard(
    database: Database,
    study: int | None = None,
    regime: Regime | str | None = None,
    device: str | None = None,
    model: str | None = None,
    margin: float = MARGIN,
) -> Leaderboard:
    """Ranked rows, group by group; `margin` is the least difference that counts (0.02 is 2 %).

    Raises `NotFoundError` for a study, device or model that is unknown, `SpecError` for a regime that is.
    """
    wanted = _regime(regime)
    if not 0 <= margin < 1:
        raise SpecError(f"margin: expected 0 to below 1 (0.02 is 2 %), got {margin}")
    with database.read() as session:
        require_known(session, StudyRow.id, study, "study")
        require_known(session, DeviceRow.name, device, "device")
        require_known(session, ModelRow.name, model, "model")
        results = read_results(session, Selection(study=study, device=device, model=model))
    groups: dict[Group, list[RunResult]] = {}
    for result in results:
        if wanted is None or result.group.regime == wanted.value:
            groups.setdefault(result.group, []).append(result)
    return _leaderboard(groups, margin)


def _regime(regime: Regime | str | None) -> Regime | None:
    try:
        return None if regime is None else Regime(regime)
    except ValueError as error:
        raise SpecError(f"regime: expected {' or '.join(r.value for r in Regime)}, got {regime!r}") from error


def _leaderboard(groups: Mapping[Group, Sequence[RunResult]], margin: float) -> Leaderboard:
    rows: list[LeaderboardRow] = []
    excluded: list[ExcludedRun] = []
    for group in sorted(groups, key=_group_order):
        kept, left_out = _split(groups[group])
        rows += _rows(group, kept, groups[group], margin)
        excluded += left_out
    return Leaderboard(rows=tuple(rows), excluded=tuple(excluded))


def _group_order(group: Group) -> tuple[str, ...]:
    return (group.model, group.source, group.board_type, group.regime, group.protocol, group.input_shape)


def _split(results: Sequence[RunResult]) -> tuple[list[RunResult], list[ExcludedRun]]:
    """The runs that rank, and the others with their reasons."""
    usable, excluded = [], []
    for result in results:
        if result.is_counted and result.verdict in RANKED_VERDICTS and result.state is RunState.DONE:
            usable.append(result)
        else:
            excluded.append(_excluded(result, *_why_unusable(result)))
    kept = []
    for result, verdict in zip(usable, find_incomparable([r.conditions for r in usable]), strict=True):
        if verdict is None:
            kept.append(result)
        else:
            excluded.append(_excluded(result, verdict.code, verdict.reason))
    return kept, excluded


def _why_unusable(result: RunResult) -> tuple[str, str]:
    if result.state is RunState.DONE and result.reasons:
        gravest = result.reasons[0]
        return str(gravest["code"]), str(gravest.get("text", gravest["code"]))
    return result.code or result.state.value, result.message or f"the run is {result.state.value}"


def _excluded(result: RunResult, code: str, reason: str) -> ExcludedRun:
    return ExcludedRun(
        run=result.run,
        study=result.study,
        model=result.group.model,
        variant=result.variant.address.text,
        device=result.device,
        code=code,
        reason=reason,
    )


def _rows(
    group: Group, kept: Sequence[RunResult], all_runs: Sequence[RunResult], margin: float
) -> list[LeaderboardRow]:
    by_variant: dict[str, list[RunResult]] = {}
    for result in kept:
        by_variant.setdefault(result.variant.address.text, []).append(result)
    ranked = rank([_observation(result) for result in kept], margin)
    baseline = _baseline(kept)
    verdicts = _verdicts(all_runs)
    fronts = _pareto([(each, by_variant[each.variant]) for each in ranked])
    return [
        _row(group, each, by_variant[each.variant], baseline, ranked, verdicts[each.variant], front)
        for each, front in zip(ranked, fronts, strict=True)
    ]


def _observation(result: RunResult) -> Observation:
    assert result.median_ns is not None, "a counted run has a median"
    return Observation(
        variant=result.variant.address.text,
        device=result.device,
        block=(result.study, result.block),
        median_ns=result.median_ns,
    )


def _baseline(kept: Sequence[RunResult]) -> str | None:
    """The variant that speedups refer to: of those of the model's baseline build the one that was made first."""
    found = [result.variant for result in kept if result.variant.is_baseline]
    return min(found, key=lambda variant: variant.id).address.text if found else None


def _verdicts(runs: Sequence[RunResult]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for run in runs:
        own = counts.setdefault(run.variant.address.text, {verdict.value: 0 for verdict in Verdict})
        if run.state is RunState.DONE and run.verdict is not None:
            own[run.verdict.value] += 1
    return counts


def _pareto(rows: Sequence[tuple[Ranked, Sequence[RunResult]]]) -> Sequence[bool | None]:
    """Whether each is on the front of latency, size and the first metric that all have; None without such a metric."""
    if not rows:
        return []
    metrics = [runs[0].variant.metrics for _, runs in rows]
    name = next((name for name in metrics[0] if all(name in own for own in metrics)), None)
    if name is None:
        return [None] * len(rows)
    return pareto_front(
        [
            Candidate(
                latency=each.center_ns,
                size=runs[0].variant.size_bytes,
                accuracy=float(runs[0].variant.metrics[name]["value"]),
            )
            for each, runs in rows
        ]
    )


def _row(
    group: Group,
    ranked: Ranked,
    runs: Sequence[RunResult],
    baseline: str | None,
    all_ranked: Sequence[Ranked],
    verdicts: Mapping[str, int],
    pareto: bool | None,
) -> LeaderboardRow:
    variant = runs[0].variant
    speedup, speedup_ci = _speedup(ranked, baseline, all_ranked)
    spread, marks = _marks(runs)
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
        p90_ms=_ms(_center(runs, [run.p90_ns for run in runs])),
        p99_ms=_ms(_center(runs, [run.p99_ns for run in runs])),
        first_ms=_ms(_median(run.first_ns for run in runs)),
        load_ms=_ms(_median(run.load_ns for run in runs)),
        throughput_per_s=1e9 / ranked.center_ns,
        speedup=speedup,
        speedup_ci=speedup_ci,
        metrics=variant.metrics,
        size_bytes=variant.size_bytes,
        peak_rss_bytes=max((run.peak_rss_bytes for run in runs if run.peak_rss_bytes is not None), default=None),
        energy_j=_median(run.energy_j for run in runs),
        verdicts=verdicts,
        pareto=pareto,
        run_cv=spread,
        marks=marks,
        device_median_ms={device: ns / 1e6 for device, ns in ranked.by_device_ns.items()},
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
    """The largest spread of a board's runs, and a mark where it is wider than chance makes it (see `spread_bound`)."""
    by_device: dict[str, list[float]] = {}
    for run in runs:
        by_device.setdefault(run.device, []).append(run.median_ns or 0.0)
    spreads = [(cv, device) for device, medians in by_device.items() if (cv := run_cv(medians)) is not None]
    if not spreads:
        return None, ()
    cv, device = max(spreads)
    bound = spread_bound(len(by_device[device])) or 0.0
    wide = f"runs on {device} differ by {100 * cv:.1f} % (CV); up to {100 * bound:.1f} % is usual"
    return cv, (wide,) if cv > bound else ()


def _center(runs: Sequence[RunResult], figures: Sequence[float | None]) -> float | None:
    """A figure of each run, put together as medians are; None unless every run has it."""
    by_device: dict[str, list[float]] = {}
    for run, figure in zip(runs, figures, strict=True):
        if figure is None:
            return None
        by_device.setdefault(run.device, []).append(figure)
    return median(geometric_mean(own) for own in by_device.values())


def _median(figures: Iterable[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return median(known) if known else None


def _ms(value_ns: float | None) -> float | None:
    return None if value_ns is None else value_ns / 1e6
