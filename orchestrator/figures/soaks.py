"""The figures of sustained runs: what the boards did, how far they warmed, when they throttled, what it cost. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from orchestrator.analysis.thermal.curve import Floats, Soak
from orchestrator.analysis.thermal.survival import survival_of
from orchestrator.charts.figures import legend
from orchestrator.charts.figures.ecdf import Latencies, ecdf_chart
from orchestrator.charts.figures.residency import Residency, residency_chart
from orchestrator.charts.figures.response import Against, Branch, response_chart
from orchestrator.charts.figures.rise import Rise, rise_chart
from orchestrator.charts.figures.survival import Survival, survival_chart
from orchestrator.charts.timeline import Stretch, has_readings, run_timeline, unmeasured
from orchestrator.figures.figure import Choice, Figure, in_parts, numbered, repeats
from orchestrator.figures.sketch import Curve, Sketch, curve_of, sketch_of
from orchestrator.queries.rows import RunSeries, RunView
from orchestrator.text.numbers_text import count

MOST_TIMELINES = legend.MOST
LEAST_MOVE_MHZ = 1.0  # it is read to less than that: an axis would show rounding alone
Soaks = Iterable[tuple[RunView, Soak]]
Sketches = dict[str, list[Sketch]]


def soak_figures(choice: Choice, soaks: Soaks, series_of: Callable[[str], RunSeries]) -> Iterator[Figure]:
    """Every figure that the chosen runs have the data for; `soaks` gives them in the order of the choice."""
    yield from timeline_figures(choice, series_of)
    yield from overlay_figures(choice, soaks)
    yield from survival_figures(choice)


def overlay_figures(choice: Choice, soaks: Soaks) -> Iterator[Figure]:
    """The chosen conditions over each other: how far they warmed, and what that did to clock and latency."""
    sketches, curves = _reduced(choice, soaks)
    yield from _rises(choice, curves)
    yield from _spreads(choice, sketches)
    for against, name in ((Against.TEMPERATURE, "latency-temperature"), (Against.CLOCK, "latency-clock")):
        yield from _responses(choice, sketches, against, name)
    yield from _residencies(choice, sketches)


def timeline_figures(choice: Choice, series_of: Callable[[str], RunSeries]) -> Iterator[Figure]:
    """The first run of each condition as stacked panels on one time axis."""
    firsts = [(name, runs[0]) for name, runs in choice.runs.items()][:MOST_TIMELINES]
    for number, (name, run) in enumerate(firsts, start=1):
        series = series_of(run.run)
        if not len(series.start_s) or not has_readings(series):
            continue
        loaded = _from_load(series)
        times_s = np.concatenate((loaded.start_s, loaded.telemetry["at_s"]))
        stretch = Stretch(from_s=max(float(times_s.min()), -_SHOWN_IDLE_S), to_s=float(times_s.max()))
        absent = f" Not measured: {', '.join(missing)}." if (missing := unmeasured(series)) else ""
        yield Figure(
            name=numbered("timeline", number, len(firsts)),
            title=f"What the board did: {name}",
            caption=(
                f"{name}, run {run.run}, the first of {len(choice.runs[name])}; {count(len(series.start_s))} inferences"
                " by time since the load began; latency in ms, die temperature in °C with the limits at 80 and 85 °C, "
                f"true and requested clock in MHz, live throttle bits.{absent}"
            ),
            chart=legend.marked(run_timeline(loaded, stretch, "seconds since the load began"), [run.simulated]),
        )


def survival_figures(choice: Choice) -> Iterator[Figure]:
    """How many runs have not throttled yet, for each condition whose boards could tell."""
    told = {name: onsets for name, runs in choice.runs.items() if (onsets := _onsets(runs))}
    parts = list(in_parts(list(told)))
    for number, part in enumerate(parts, start=1):
        counts = Counter(is_event for name in part for _, is_event in told[name])
        yield Figure(
            name=numbered("onset-survival", number, len(parts)),
            title="When boards throttled",
            caption=(
                f"Share of runs that had not throttled after so many seconds of load (Kaplan-Meier; band: 95 %, "
                f"Greenwood). {repeats(choice, part)}: {counts[True]} throttled, {counts[False]} did not while they "
                f"were watched (ticks).{choice.note}"
            ),
            chart=survival_chart([_survival(name, choice, told[name]) for name in part]),
        )


_SHOWN_IDLE_S = 300.0


def _from_load(series: RunSeries) -> RunSeries:
    """The series with its times counted from the first inference."""
    began_s = float(series.start_s[0])
    telemetry = {**series.telemetry, "at_s": series.telemetry["at_s"] - began_s}
    return replace(series, start_s=series.start_s - began_s, telemetry=telemetry)


def _reduced(choice: Choice, soaks: Soaks) -> tuple[Sketches, dict[str, tuple[RunView, Curve]]]:
    """Sketches of all runs by condition, and the heating curve of each condition's first."""
    names = {run.run: name for name, runs in choice.runs.items() for run in runs}
    sketches: Sketches = {}
    curves: dict[str, tuple[RunView, Curve]] = {}
    for run, soak in soaks:
        name = names[run.run]
        sketches.setdefault(name, []).append(sketch_of(run, soak))
        if name not in curves and (curve := curve_of(soak)) is not None:
            curves[name] = (run, curve)
    return sketches, curves


def _rises(choice: Choice, curves: dict[str, tuple[RunView, Curve]]) -> Iterator[Figure]:
    is_above_room = all(curve.room_c is not None for _, curve in curves.values())
    parts = list(in_parts(list(curves)))
    for number, part in enumerate(parts, start=1):
        runs = ", ".join(f"{name}: {curves[name][0].run}" for name in part)
        above = "the room" if is_above_room else "the temperature at the start of the load (a room is not known)"
        yield Figure(
            name=numbered("rise", number, len(parts)),
            title="How far boards warmed",
            caption=(
                f"Die temperature above {above}, in K; dots are readings, lines the thermal fit where there is one. "
                f"One run each ({runs}).{choice.note}"
            ),
            chart=rise_chart(
                [_rise(name, *curves[name], is_above_room=is_above_room) for name in part],
                "the room" if is_above_room else "the start of the load",
            ),
        )


def _rise(name: str, run: RunView, curve: Curve, *, is_above_room: bool) -> Rise:
    from_c = curve.room_c if is_above_room and curve.room_c is not None else curve.start_c
    fit_c = None if curve.fit_c is None else curve.fit_c - from_c
    return Rise(name=name, at_s=curve.at_s, rise_c=curve.die_c - from_c, fit_c=fit_c, simulated=run.simulated)


def _spreads(choice: Choice, sketches: Sketches) -> Iterator[Figure]:
    """Cold beside settled latencies."""
    drawn = [
        name
        for name, own in sketches.items()
        if any(len(each.early_ms) for each in own) and any(len(each.settled_ms) for each in own)
    ]
    parts = list(in_parts(drawn, legend.MOST // 2))
    for number, part in enumerate(parts, start=1):
        yield Figure(
            name=numbered("latency-ecdf", number, len(parts)),
            title="Latency cold and settled",
            caption=(
                "Share of inferences at most so slow; latency in ms. Cold: from 10 s of load to 60 s or the first sign "
                f"of throttling; settled: the last 300 s. {repeats(choice, part)}.{choice.note}"
            ),
            chart=ecdf_chart([curve for name in part for curve in _cold_and_settled(name, sketches[name])]),
        )


def _cold_and_settled(name: str, own: Sequence[Sketch]) -> Iterator[Latencies]:
    simulated = any(each.run.simulated for each in own)
    for words, values in (("cold", [s.early_ms for s in own]), ("settled", [s.settled_ms for s in own])):
        yield Latencies(name=f"{name}, {words}", latency_ms=np.concatenate(values), simulated=simulated)


def _responses(choice: Choice, sketches: Sketches, against: Against, file: str) -> Iterator[Figure]:
    """Latency against what the board was like meanwhile."""
    branches = {name: _branch(name, own, against) for name, own in sketches.items()}
    drawn = [name for name, branch in branches.items() if bool(np.isfinite(branch.at).any())]
    if against is Against.CLOCK and not _moves([branches[name].at for name in drawn]):
        return
    parts = list(in_parts(drawn))
    for number, part in enumerate(parts, start=1):
        yield Figure(
            name=numbered(file, number, len(parts)),
            title=f"Latency against {'temperature' if against is Against.TEMPERATURE else 'clock'}",
            caption=(
                f"Latency in ms against {against.value}; a dot an inference, of long runs every so many. "
                f"{repeats(choice, part)}.{choice.note}"
            ),
            chart=response_chart([branches[name] for name in part], against),
        )


def _moves(clocks_mhz: Sequence[Floats]) -> bool:
    """Whether the clock was ever another one, by more than it is read to."""
    known = np.concatenate([each[np.isfinite(each)] for each in clocks_mhz]) if clocks_mhz else np.empty(0)
    return len(known) > 0 and float(known.max() - known.min()) >= LEAST_MOVE_MHZ


def _branch(name: str, own: Sequence[Sketch], against: Against) -> Branch:
    at = [each.die_c if against is Against.TEMPERATURE else each.clock_mhz for each in own]
    return Branch(
        name=name,
        at=np.concatenate(at),
        latency_ms=np.concatenate([each.latency_ms for each in own]),
        simulated=any(each.run.simulated for each in own),
    )


def _residencies(choice: Choice, sketches: Sketches) -> Iterator[Figure]:
    """How long each condition ran at which true clock, its runs counting alike."""
    known = {name: [each.shares for each in own if each.shares is not None] for name, own in sketches.items()}
    drawn = [name for name, shares in known.items() if shares]
    if drawn:
        bars = [
            Residency(
                name=name,
                shares=_mean(known[name]),
                simulated=any(run.simulated for run in choice.runs[name]),
            )
            for name in drawn
        ]
        yield Figure(
            name="clock-residency",
            title="Which clock the processor ran at",
            caption=(
                "Share of the loaded time by true clock, to the next 100 MHz; mean over runs. "
                f"{repeats(choice, drawn)}.{choice.note}"
            ),
            chart=residency_chart(bars),
        )


def _mean(shares: Sequence[Mapping[int, float]]) -> dict[int, float]:
    clocks = sorted({clock for own in shares for clock in own}, reverse=True)
    return {clock: sum(own.get(clock, 0.0) for own in shares) / len(shares) for clock in clocks}


def _onsets(runs: Sequence[RunView]) -> list[tuple[float, bool]]:
    """When each run throttled, or until when it would have been seen to."""
    told = [(run.onset_s, True) if run.onset_s is not None else (run.known_until_s, False) for run in runs]
    return [(at_s, is_event) for at_s, is_event in told if at_s is not None]


def _survival(name: str, choice: Choice, onsets: Sequence[tuple[float, bool]]) -> Survival:
    found = survival_of(onsets)

    def values(field: str) -> Floats:
        return np.array([getattr(step, field) for step in found.steps], np.float64)

    return Survival(
        name=name,
        at_s=values("at_s"),
        share=values("share"),
        low=values("low"),
        high=values("high"),
        censored_s=np.array([at_s for at_s, is_event in onsets if not is_event], np.float64),
        simulated=any(run.simulated for run in choice.runs[name]),
    )
