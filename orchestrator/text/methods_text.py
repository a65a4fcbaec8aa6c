"""How a study was measured: the methods paragraph of a paper, made from what was really done. Pure.

What was asked for is told as asked for (`procedure_text`), what came of it with its counts. What was not recorded is
said to be not recorded; a method that no run of the study used is not named.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import median

from agent.wire.spec import Regime
from orchestrator.analysis.comparison import Answer
from orchestrator.analysis.pairing import Unit
from orchestrator.analysis.validity import ANALYSIS_VERSION
from orchestrator.attending.lifecycle import RunState, Verdict
from orchestrator.boards.ambient import AmbientSource
from orchestrator.queries.conduct import Conduct
from orchestrator.queries.rows import DeviceView
from orchestrator.queries.study_parts import GroupPair
from orchestrator.queries.traces import FACTS, Trace
from orchestrator.text.csv_text import unsteered
from orchestrator.text.numbers_text import celsius, count, counted, duration, fact, percent
from orchestrator.text.procedure_text import procedure

MOST_NAMED = 12
_ROOMS = {
    AmbientSource.SENSOR: "measured by a thermometer beside the board",
    AmbientSource.TYPED: "typed in by a person",
    AmbientSource.LABEL: "taken from a label of the device",
}


def methods_paragraph(conduct: Conduct) -> str:
    """The paragraph: one line of plain text that steers no terminal, whatever a board said of itself."""
    parts: tuple[Callable[[Conduct], Iterator[str]], ...] = (
        _what, _design, _inputs, _procedure, _gates, _rooms, _outcome, _statistics, _software,
    )  # fmt: skip
    if conduct.terms.answering is not None:
        parts = (_what, _answering, _software)
    told = " ".join(sentence for part in parts for sentence in part(conduct))
    return unsteered(" ".join(told.split()))


def _what(conduct: Conduct) -> Iterator[str]:
    study = conduct.study
    devices = [_device(conduct, device) for device in conduct.devices]
    yield (
        f"Study {study.study} measured {counted(len(study.variants), 'variant')} of {study.model} "
        f"({_some(study.variants)}) on {counted(len(devices), 'device')}: {_some(devices)}."
    )
    if simulated := [device.name for device in conduct.devices if device.simulated]:
        yield (
            f"{_list(simulated)} {'is' if len(simulated) == 1 else 'are'} simulated: temperature, clock and throttling "
            "come from a model of a board, and no figure says anything of a real one."
        )


def _device(conduct: Conduct, device: DeviceView) -> str:
    labels = dict.fromkeys(each.labels for each in conduct.traces if each.device == device.name and each.labels)
    return f"{device.name} ({'; '.join([device.board, *(['then '.join(labels)] if labels else [])])})"


def _design(conduct: Conduct) -> Iterator[str]:
    study, blocks = conduct.study, _range(_blocks(conduct.traces).values(), count)
    order = "one variant" if len(study.variants) == 1 else "every variant once, in random order"
    yield f"Blocks on each device: {blocks}; a block held {order} (seed {study.seed})."
    yield "Each run was a fresh process."
    if study.blocks_done < study.blocks_planned:
        yield f"Only {study.blocks_done} of {study.blocks_planned} blocks were completed."
    if (asked := study.until_ci) is not None:
        yield (
            f"Blocks were added until every 95 % interval was within {percent(asked.wanted)} of its figure, at most "
            f"{asked.max_blocks}; such intervals cover about {percent(asked.coverage)}, not 95 %."
        )


def _blocks(traces: Iterable[Trace]) -> dict[str, int]:
    found: dict[str, set[int]] = {}
    for trace in traces:
        found.setdefault(trace.device, set()).add(trace.block)
    return {device: len(blocks) for device, blocks in found.items()}


def _inputs(conduct: Conduct) -> Iterator[str]:
    if tensors := dict.fromkeys(trace.tensors for trace in conduct.traces if trace.tensors):
        yield f"Inputs were synthetic tensors from seed {conduct.terms.inputs.seed}: {'; '.join(tensors)}."


def _answering(conduct: Conduct) -> Iterator[str]:
    asked, states = conduct.terms.answering, conduct.study.counts
    if asked is None:
        return
    yield (
        f"Each variant answered the same {count(asked.count)} examples of {asked.dataset}, drawn by seed {asked.seed}, "
        "once on each device, in a fresh process; nothing was timed."
    )
    yield f"{count(states.get(RunState.DONE.value, 0))} of {counted(conduct.study.total, 'run')} gave all answers."
    yield "Average precision is COCO's; classes are scored by the first answer and the first five."


def _procedure(conduct: Conduct) -> Iterator[str]:
    yield f"The protocol was {conduct.study.protocol} ({conduct.study.regime})."
    rates = [trace.rate_per_s for trace in conduct.traces if trace.rate_per_s is not None]
    yield from procedure(conduct.terms.protocol, rates)
    if cut := sum((trace.segments or 1) > 1 for trace in conduct.traces):
        yield f"Heat cut the window of {_of_runs(cut, len(conduct.traces))} into segments."
    lengths_s = [trace.window_s for trace in conduct.traces if trace.window_s is not None]
    if lengths_s:
        yield f"Windows lasted {_range(lengths_s, duration)}."


def _gates(conduct: Conduct) -> Iterator[str]:
    openings = [trace.opening for trace in conduct.traces if trace.opening is not None]
    if not openings:
        return
    late = [each for each in openings if each.timed_out]
    waits_s = [each.waited_s for each in openings]
    at_c = [each.temperature_c for each in openings if each.temperature_c is not None]
    where = f" at {_range(at_c, celsius)}" if at_c else ", at a temperature that was not read"
    yield (
        f"The gate opened in {_of_runs(len(openings) - len(late), len(openings))}; "
        f"runs waited {_range(waits_s, duration)} (median {duration(median(waits_s))}) and began{where}."
    )
    if late:
        yield f"The gate timed out in {_of_runs(len(late), len(openings))}."


def _rooms(conduct: Conduct) -> Iterator[str]:
    began = [trace for trace in conduct.traces if trace.attempts]
    for source, words in _ROOMS.items():
        own_c = [trace.ambient_c for trace in began if trace.ambient_source is source and trace.ambient_c is not None]
        if own_c:
            yield f"The room was {_range(own_c, celsius)} in {_of_runs(len(own_c), len(began))}, {words}."
    unknown = sum(trace.ambient_c is None for trace in began)
    if unknown:
        runs = "any run" if unknown == len(began) else _of_runs(unknown, len(began))
        yield f"The temperature of the room was not recorded in {runs}."


def _outcome(conduct: Conduct) -> Iterator[str]:
    traces = conduct.traces
    ended = [trace for trace in traces if trace.state is RunState.DONE and trace.verdict is not None]
    verdicts = Counter(trace.verdict for trace in ended)
    words = ", ".join(f"{verdicts[verdict]} {verdict.value}" for verdict in Verdict)
    yield f"{_of_runs(len(ended), len(traces)).capitalize()} ended with a result: {words}."
    for verdict in (Verdict.SUSPECT, Verdict.INVALID):
        doubts = Counter(code for trace in ended if trace.verdict is verdict for code in dict.fromkeys(trace.doubts))
        if doubts:
            yield f"Reasons for {verdict.value}: {_tally(doubts)}."
    if failed := Counter(trace.code or "no reason given" for trace in traces if trace.state is RunState.FAILED):
        yield f"{_of_runs(sum(failed.values()), len(traces)).capitalize()} failed: {_tally(failed)}."
    if unended := sum(trace.state not in (RunState.DONE, RunState.FAILED) for trace in traces):
        yield f"{_of_runs(unended, len(traces)).capitalize()} had not ended or were cancelled."
    if again := sum(trace.attempts > 1 for trace in traces):
        yield f"{_of_runs(again, len(traces)).capitalize()} took more than one attempt."


def _statistics(conduct: Conduct) -> Iterator[str]:
    used = [trace for trace in conduct.traces if trace.has_result]
    if not used:
        return
    regime = conduct.terms.protocol.regime
    if regime is Regime.SWEEP:
        yield (
            "Latencies are medians of slots, their first inference left out; heating and cooling are compared at equal "
            "temperature, with an interval by a moving block bootstrap of slots."
        )
        return
    part = " that began in its last 300 s" if regime is Regime.SUSTAINED else " that count"
    samples = [trace.samples for trace in used if trace.samples is not None]
    yield (
        f"A run's figure is the median of its inferences{part} ({_range(samples, count)} a run, "
        f"{count(sum(samples))} in all); invalid runs are left out, and the run is the unit of replication."
    )
    if any(each > 1 for each in Counter((trace.device, trace.variant) for trace in used).values()):
        over = ", medians over several boards," if len({trace.device for trace in used}) > 1 else ""
        yield (
            f"Medians of runs are combined as geometric means on a board{over} with 95 % intervals by Student's t on "
            "logarithms."
        )
    yield from _tails(used)
    yield from _comparisons(conduct.pairs)
    if regime is Regime.SUSTAINED:
        yield from _throttling(used)


def _tails(used: Sequence[Trace]) -> Iterator[str]:
    if some := sum(trace.has_p90 for trace in used):
        which = "" if some == len(used) else f" where a run had 30 inferences ({_of_runs(some, len(used))})"
        yield f"p90 is that of a run{which}, put together as medians are."
    if any(trace.has_energy for trace in used):
        yield "Energy of an inference is gross: mean power of the board times mean latency."


def _comparisons(pairs: Sequence[GroupPair]) -> Iterator[str]:
    told = [pair.comparison for pair in pairs if pair.comparison.p is not None]
    if not told:
        if pairs:
            yield "No two variants have two blocks in common, so none are told apart."
        return
    for unit in Unit:
        units = [each.units for each in told if each.unit is unit]
        if units:
            noun = "blocks on the same board" if unit is Unit.BLOCK else "boards"
            pairs_of = counted(len(units), "pair")
            yield f"{pairs_of} of variants compared by the ratio of medians over {_range(units, count)} common {noun}."
    apart = sum(each.answer in (Answer.FASTER, Answer.SLOWER) for each in told)
    yield (
        f"Probabilities are corrected for all pairs of a group (Holm); differences below {percent(told[0].margin)} do "
        f"not count; {apart} of {len(told)} are told apart."
    )


def _throttling(used: Sequence[Trace]) -> Iterator[str]:
    watched = [trace for trace in used if trace.onset_s is not None or trace.known_until_s is not None]
    began_s = [trace.onset_s for trace in watched if trace.onset_s is not None]
    if not watched:
        yield "Whether boards throttled is not known: neither throttle bits nor a true clock were read."
        return
    when = f", after {_range(began_s, duration)} of load" if began_s else ""
    yield f"{_of_runs(len(began_s), len(watched)).capitalize()} throttled by live bits or else by the true clock{when}."
    if len(began_s) < len(watched):
        yield "The others count as right-censored at the end of their load (Kaplan-Meier, Greenwood's interval)."


def _software(conduct: Conduct) -> Iterator[str]:
    yield f"Measured with pifarm {conduct.version}, rules and analysis of version {ANALYSIS_VERSION}."
    if runtimes := dict.fromkeys(trace.software for trace in conduct.traces if trace.software):
        yield f"Runtimes: {', '.join(sorted(runtimes))}."
    if builds := sorted({trace.measuring_hash[:12] for trace in conduct.traces if trace.measuring_hash}):
        yield f"Measuring code: {', '.join(builds)}."
    told = [f"{name} {'; '.join(values)}" for name in FACTS if (values := _values(conduct.traces, name))]
    if told:
        yield f"Boards said of themselves: {', '.join(told)}."
    lacking = [f"{name} ({_list(devices)})" for name, devices in _lacking(conduct.traces).items()]
    if lacking:
        yield f"Not readable: {', '.join(lacking)}."


def _values(traces: Iterable[Trace], name: str) -> list[str]:
    """What boards said of a fact; each with its devices where they differ."""
    found: dict[str, dict[str, None]] = {}
    for trace in traces:
        if name in trace.facts:
            found.setdefault(fact(name, trace.facts[name]), {})[trace.device] = None
    if len(found) < 2:
        return list(found)
    return [f"{value} ({_list(list(devices))})" for value, devices in found.items()]


def _lacking(traces: Iterable[Trace]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for trace in traces:
        for name in trace.absent:
            if trace.device not in found.setdefault(name, []):
                found[name].append(trace.device)
    return found


def _range(values: Iterable[float], say: Callable[..., str]) -> str:
    """`3`, or `3 to 5` where they differ."""
    ends = sorted(values)
    if not ends:
        return "no"
    low, high = say(ends[0]), say(ends[-1])
    return low if low == high else f"{low} to {high}"


def _tally(counts: Counter[str]) -> str:
    return ", ".join(f"{name} ({number})" for name, number in counts.most_common())


def _of_runs(some: int, total: int) -> str:
    return f"all {total} runs" if some == total > 1 else f"{some} of {counted(total, 'run')}"


def _list(names: Sequence[str]) -> str:
    """`a, b and c`; of many the first, and how many more."""
    shown = list(names) if len(names) <= MOST_NAMED else [*names[:MOST_NAMED], f"{len(names) - MOST_NAMED} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _some(parts: Sequence[str]) -> str:
    """`a; b; c` of parts that have commas of their own; of many the first, and how many more."""
    more = [f"and {len(parts) - MOST_NAMED} more"] if len(parts) > MOST_NAMED else []
    return "; ".join([*parts[:MOST_NAMED], *more])
