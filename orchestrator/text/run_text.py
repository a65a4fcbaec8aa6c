"""A run, and what differs between two, in words and table rows: the same on every surface. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from agent.wire.records import StoppedBy
from agent.wire.spec import ONSET_SHARE, Regime
from orchestrator.analysis.thermal.energy import Energy
from orchestrator.analysis.thermal.fit import Estimate
from orchestrator.boards import ambient
from orchestrator.queries.account import PaceView, RunAccount, Span, TelemetrySummary, WindowEnd
from orchestrator.queries.difference import Difference, RunDifference
from orchestrator.queries.rows import AttemptView, RunView
from orchestrator.queries.soak import SoakView
from orchestrator.text import numbers_text
from orchestrator.text.numbers_text import ABSENT, celsius, count, duration, megahertz, ms, percent

_PHASES = {
    "gate": "waited at the gate",
    "load": "loaded the model",
    "ready": "waited to be left alone",
    "idle": "idled, recorded",
    "warm_up": "warmed up",
    "window": "measured",
    "evaluating": "answered the data set",
    "cooling": "cooled, recorded",
    "end": "ended",
}
_STEADINESS = {
    "flat": "latency was flat",
    "warm-up": "latency fell after a warm-up",
    "slowdown": "latency rose: a slowdown",
    "no steady state": "latency never became steady",
}


def figures(run: RunView) -> list[list[str]]:
    """The run's figures with their units, p90 and p99 being this run's own."""
    values = {
        "median": ms(run.median_ms),
        "p90 of this run": ms(run.p90_ms),
        "p99 of this run": ms(run.p99_ms),
        "first inference": ms(run.first_ms),
        "load": ms(run.load_ms),
        "inferences counted": count(run.samples),
        "window": duration(run.window_s),
        "energy per inference, gross": numbers_text.joules(run.energy_j),
        "peak memory": numbers_text.size(run.peak_rss_bytes),
        "room": ambient.in_words(run.ambient_c, run.ambient_source),
        "labels of the device then": labels(run.labels),
    }
    return [[name, value] for name, value in values.items()]


def room(run: RunView) -> str:
    """`room 23.5 °C, typed in`; nothing for a burst whose room nobody knows."""
    if run.ambient_c is None and run.regime == Regime.BURST.value:
        return ""
    return f"room {ambient.in_words(run.ambient_c, run.ambient_source)}"


def labels(kept: Mapping[str, str] | None) -> str:
    """`cooling=fan, case=none`: what a run kept of its device's labels."""
    return ", ".join(f"{name}={value}" for name, value in (kept or {}).items()) or "none"


def timeline(account: RunAccount, attempt: AttemptView) -> list[list[str]]:
    """When each phase began, since the claim, how long it took, and what is to be said of it."""
    window = "; ".join(part for part in (segments(account), window_end(account.window_end)) if part)
    notes = {"gate": gate(attempt.gate), "window": window}
    return [
        [_PHASES.get(step.phase, step.phase), duration(step.from_s), _length(step.length_s), notes.get(step.phase, "")]
        for step in account.timeline
    ]


def gate(passed: Mapping[str, Any]) -> str:
    """What the gate waited for and how it opened."""
    if not passed:
        return ""
    reason = str(passed.get("reason") or "")
    has_load = passed.get("foreign_cpu") is not None and not reason.startswith("foreign load")
    parts = [
        f"{'timed out' if passed.get('timed_out') else 'opened'} after {duration(passed.get('waited_s'))}",
        *([f"forecast {duration(passed['forecast_s'])}"] if passed.get("forecast_s") is not None else []),
        *([f"at {celsius(passed['temperature_c'])}"] if passed.get("temperature_c") is not None else []),
        *([f"wanted {celsius(passed['start_c'])}"] if passed.get("start_c") is not None else []),
        *([f"idle {celsius(passed['idle_c'])}"] if passed.get("idle_c") is not None else []),
        *([f"time constant {duration(passed['tau_s'])}"] if passed.get("tau_s") is not None else []),
        *([f"foreign load {percent(passed['foreign_cpu'])}"] if has_load else []),
        *([reason] if reason else []),
    ]
    return ", ".join(parts)


def segments(account: RunAccount) -> str:
    """The stretches of a window that heat cut into several."""
    if len(account.segments) < 2:
        return ""
    parts = (f"{each.inferences} in {duration(each.length_s)}" for each in account.segments)
    return f"{len(account.segments)} segments: {', '.join(parts)}"


def window_end(end: WindowEnd | None) -> str:
    """What cut a window short; nothing for one that had enough."""
    if end is None or end.stopped_by == StoppedBy.ENOUGH.value:
        return ""
    if end.onset_s is not None:
        share = f"{100 * ONSET_SHARE:.0f} %"
        return f"ended at {share} of a known onset: the board throttles after {duration(end.onset_s)} of this load"
    return "ended by heat" if end.stopped_by == StoppedBy.HEAT.value else "ended at its longest time"


def course(account: RunAccount) -> str:
    """How latency went over the run."""
    if account.steadiness is None:
        return "no inference was counted"
    words = _STEADINESS.get(account.steadiness, account.steadiness)
    change = f" ({100 * account.change:+.1f} %)" if account.change else ""
    trimmed = f"; {account.trimmed} inferences before that do not count" if account.trimmed else ""
    return f"{words}{change}{trimmed}"


def pace(found: PaceView) -> str:
    """Whether a rate was held."""
    share = f"{percent(found.missed_low)} to {percent(found.missed_high)} of deadlines"
    return (
        f"{found.rate_per_s:g} a second: {found.answer}; {found.missed} of {found.offered} deadlines of "
        f"{ms(found.deadline_ms)} missed ({share}), from the due time median {ms(found.median_ms)}, "
        f"p90 {ms(found.p90_ms)}, busy {percent(found.busy)}, longest queue {found.backlog}"
    )


def soak(found: SoakView) -> list[list[str]]:
    """What a sustained run shows of its board: onset and cause, steadiness, where the temperature settles."""
    signs = {"bits": found.onset_by_bits_s, "clock": found.onset_by_clock_s, "latency": found.onset_by_latency_s}
    seen = [f"by {name} after {duration(at_s)}" for name, at_s in signs.items() if at_s is not None]
    never = f"not within {duration(found.known_until_s)}"
    agree = {True: ", which agree", False: ", which disagree", None: ""}[found.agree]
    not_read = f"; not read: {_list(found.not_read)}" if found.not_read else ""
    return [
        ["slower", (", ".join(seen) + agree if seen else never) + not_read],
        ["cause", found.cause],
        ["time throttled", duration(found.throttled_s)],
        ["slowest over fastest windows", _ratio_against(found.stability, found.expected)],
        ["worst over best window", numbers_text.ratio(found.worst_best)],
        ["rate of the last 300 s over the first", numbers_text.ratio(found.sustained_ratio)],
        ["latency of the last 300 s", ms(found.settled_ms)],
        *_fit_rows(found),
        ["cooling, slow constant", _with_error(found.cooling_tau_s, duration) or f"{ABSENT}: {found.no_cooling}"],
        *_energy_rows(found.energy),
    ]


def _energy_rows(found: Energy) -> list[list[str]]:
    """Joules of an inference; a board without a power meter has no such row."""
    if found.gross_j is None:
        return []
    net = _with_error(found.net_j, numbers_text.joules) or f"{ABSENT}: {found.why}"
    gross = _with_error(found.gross_j, numbers_text.joules)
    return [["energy per inference, gross, whole load", gross], ["energy per inference, net of idle", net]]


def _fit_rows(found: SoakView) -> list[list[str]]:
    fit = found.fit
    if fit is None:
        return [["thermal fit", f"{ABSENT}: {found.no_fit}"]]
    settled = {True: "", False: ", not settled by the end", None: ""}[fit.is_settled]
    where = "settles at, unless it throttles" if found.onset_s is not None and fit.is_unthrottled else "settles at"
    reliable = "; ".join(("unreliable", *fit.flaws)) if fit.flaws else "reliable"
    return [
        [where, f"{celsius(fit.settled_c.value)} (standard error {fit.settled_c.error:.2f} K){settled}"],
        ["gain at full load", _with_error(fit.gain_c, lambda kelvin: f"{kelvin:.1f} K") or ABSENT],
        ["time constants", ", ".join(_with_error(tau, duration) for tau in fit.taus_s)],
        ["thermal fit", f"{reliable}; {fit.rms_c:.2f} C rms are left"],
    ]


def _with_error(found: Estimate | None, say: Callable[[float], str]) -> str:
    return "" if found is None else f"{say(found.value)} (standard error {say(found.error)})"


def _ratio_against(value: float | None, expected: float | None) -> str:
    return numbers_text.ratio(value) + (f", noise alone {numbers_text.ratio(expected)}" if expected is not None else "")


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def telemetry(found: TelemetrySummary) -> list[list[str]]:
    """What the board did in the window: a row a sensor."""
    spans = found.spans
    return [
        ["temperature", _course(spans, "temperature_c", celsius)],
        ["true clock", f"{_range(spans, 'clock_hz', megahertz)}, limit {megahertz(found.clock_limit_hz)}"],
        ["throttling", _bits(found)],
        ["foreign load", _mean_and_worst(spans, "foreign_cpu", percent)],
        ["power", _mean_and_worst(spans, "power_w", lambda watts: f"{watts:.2f} W")],
        ["fan", _course(spans, "fan_rpm", lambda rpm: f"{rpm:.0f} rpm")],
        ["room's thermometer", _course(spans, "ambient_c", celsius)],
        ["coverage", f"{percent(found.coverage)} of the window, longest gap {duration(found.longest_gap_s)}"],
    ]


def verdict(run: RunView) -> Iterator[str]:
    """The verdict, then every reason with its figure, its limit and advice; notes are what was not checked."""
    if run.verdict is None:
        return
    against = [reason for reason in run.reasons if reason.get("severity") != "note"]
    yield f"verdict: {run.verdict.value}" + ("" if against else ", no rule objects")
    for reason in against:
        yield f"  {reason.get('severity', '')}: {reason.get('text', reason['code'])}"
    for reason in run.reasons:
        if reason.get("severity") == "note":
            yield f"  noted: {reason.get('text', reason['code'])}"


def environment(attempt: AttemptView) -> list[list[str]]:
    """What the board said of itself, and where each series came from."""
    facts = {name: numbers_text.fact(name, value) for name, value in attempt.environment.items()}
    facts |= {f"source of {name}": source for name, source in attempt.sources.items()}
    return [[name, value] for name, value in sorted(facts.items())]


def comparability(found: RunDifference) -> str:
    """Whether two runs may be compared, in a sentence."""
    answers = {
        True: "they can be compared: the declared list of facts agrees",
        False: "they cannot be compared",
        None: "whether they can be compared is not known: one of them has not ended",
    }
    return f"{found.one.run} and {found.other.run}: {answers[found.comparable]}"


def difference_row(found: Difference) -> list[str]:
    """Area, fact, both values, and why it matters."""
    return [found.area, found.fact, _value(found.fact, found.one), _value(found.fact, found.other), found.why]


def _value(name: str, value: Any) -> str:
    if value is None:
        return ABSENT
    if name.endswith("_ms") and isinstance(value, int | float):
        return ms(value)
    return numbers_text.fact(name.rpartition(".")[2], value)


def _length(length_s: float | None) -> str:
    return "" if length_s is None else duration(length_s)


def _course(spans: Mapping[str, Span | None], name: str, say: Any) -> str:
    span = spans.get(name)
    return (
        ABSENT
        if span is None
        else f"{say(span.first)} at the start, {say(span.last)} at the end, {say(span.high)} at most"
    )


def _range(spans: Mapping[str, Span | None], name: str, say: Any) -> str:
    span = spans.get(name)
    return ABSENT if span is None else f"{say(span.low)} to {say(span.high)}, mean {say(span.mean)}"


def _mean_and_worst(spans: Mapping[str, Span | None], name: str, say: Any) -> str:
    span = spans.get(name)
    return ABSENT if span is None else f"mean {say(span.mean)}, at most {say(span.high)}"


def _bits(found: TelemetrySummary) -> str:
    if not found.knows_bits:
        return ABSENT
    live = f"live: {', '.join(found.live_bits)}" if found.live_bits else "no live bit"
    return live + (f"; since boot: {', '.join(found.sticky_bits)}" if found.sticky_bits else "; none since boot")
