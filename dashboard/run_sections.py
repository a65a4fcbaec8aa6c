"""The sections of the page Run, each from the facts of one run."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from agent.wire.spec import Regime
from dashboard import data
from dashboard.local_time import moment_text
from dashboard.plain_text import as_plain
from orchestrator.attending.lifecycle import RunState, Verdict
from orchestrator.charts.histogram import latency_histogram
from orchestrator.charts.inferences import is_condensed
from orchestrator.charts.timeline import (
    Stretch,
    has_readings,
    measuring_stretch,
    run_timeline,
    unmeasured,
    whole_stretch,
)
from orchestrator.queries.rows import AttemptView, RunSeries, RunView
from orchestrator.text import csv_text, numbers_text, run_text

_ENDED = (RunState.DONE, RunState.FAILED, RunState.CANCELLED)


def show_failure(run: RunView) -> None:
    """Why it failed or waits again, where it does."""
    if run.code or run.message:
        box = st.error if run.state is RunState.FAILED else st.info
        box(as_plain(f"{run.code}: {run.message}".strip(": ")), icon=":material/error:")


def show_figures(run: RunView) -> None:
    """The figures of the attempt that counts."""
    figures = {
        "Median": numbers_text.ms(run.median_ms),
        "p90": numbers_text.ms(run.p90_ms),
        "p99": numbers_text.ms(run.p99_ms),
        "First inference": numbers_text.ms(run.first_ms),
        "Load": numbers_text.ms(run.load_ms),
        "Inferences": numbers_text.count(run.samples),
        "Peak memory": numbers_text.size(run.peak_rss_bytes),
        "Start": numbers_text.celsius(run.start_c),
        "Hottest": numbers_text.celsius(run.max_c),
    }
    with st.grid(min_column_width=104):
        for name, value in figures.items():
            st.metric(name, value)
    if told := ", ".join(_told(run)):
        st.caption(as_plain(told))


def _told(run: RunView) -> Iterator[str]:
    """What the figures do not show: the course of the latency, a window in pieces, deadlines, the room."""
    if run.steadiness:
        yield f"Course of the latency: {run.steadiness}"
    if run.segments is not None and run.segments > 1:
        yield f"window in {run.segments} segments, cut by heat"
    if run.missed_deadlines is not None:
        yield f"{run.missed_deadlines} deadlines missed; latency counts from the due times"
    if room := run_text.room(run):
        yield room


def show_verdict(run: RunView) -> None:
    """How far the figures may be trusted: each reason with what was found, what is tolerated and what to do."""
    if run.verdict is None:
        return
    against = [reason for reason in run.reasons if reason.get("severity") != "note"]
    notes = [reason for reason in run.reasons if reason.get("severity") == "note"]
    if against:
        box = st.error if run.verdict is Verdict.INVALID else st.warning
        box(f"**{run.verdict.value.capitalize()}**, because\n{_as_list(against)}")
    else:
        st.caption("No rule objects to this run.")
    if notes:
        with st.expander(f"What could not be checked here ({len(notes)})", icon=":material/info:"):
            st.markdown(_as_list(notes))


def show_series(run: RunView, series: RunSeries, planned: Stretch | None = None) -> None:
    """Latency over telemetry on one time axis, `planned` where that is known, and how the latencies are spread."""
    if not has_readings(series):
        is_on_its_way = run.state not in _ENDED
        st.info("No data yet: a board is left alone while it measures." if is_on_its_way else "No data came back.")
        return
    st.subheader("Latency and the board, on one time axis", anchor=False)
    has_inferences = len(series.start_s) > 0
    is_long = run.regime == Regime.SUSTAINED.value and planned is None
    label = "Show all that was recorded: gate, idle, cooling"
    is_whole = st.toggle(label, value=is_long, key="whole") if has_inferences else planned is None
    stretch = whole_stretch(series) if is_whole else planned or measuring_stretch(series)
    st.vega_lite_chart(
        _timeline_spec(series, stretch, run.run, _readings(series)),
        width="stretch",
        key=f"timeline-{run.run}",
        alt="Latency and telemetry over time",
    )
    st.caption(" ".join(_legend(series)))
    counted_ms = series.latency_ms[series.is_counted]
    if len(counted_ms):
        st.subheader("Spread of the counted inferences", anchor=False)
        histogram = latency_histogram(counted_ms, run.median_ms, run.p90_ms)
        st.altair_chart(histogram, key=f"histogram-{run.run}", alt="Histogram of the counted latencies")
        st.caption("Line: median. Dashed: p90.")


def _legend(series: RunSeries) -> Iterator[str]:
    """How to read the curves, and what is missing from them."""
    yield "Light band: the window that counts. Triangle: warm-up above the scale."
    if is_condensed(series):
        yield "A long window: the lowest, median and highest latency of each stretch. The raw data has them all."
    if absent := unmeasured(series):
        yield f"Not measured on this device: {', '.join(absent)}."
    yield "Shift + wheel zooms, shift + drag moves."


@st.cache_data(ttl=data.SETTLED_S, max_entries=32, show_spinner=False)
def _timeline_spec(_series: RunSeries, stretch: Stretch, run: str, readings: tuple[int, int]) -> dict[str, Any]:
    """The chart in Vega-Lite's words, remembered by run and how much of it has come: it takes long to make."""
    spec: dict[str, Any] = run_timeline(_series, stretch).to_dict()
    return spec


def _readings(series: RunSeries) -> tuple[int, int]:
    """How many inferences and telemetry samples there are."""
    return len(series.start_s), len(series.telemetry.get("at_s", ()))


def show_details(run: RunView, series: RunSeries) -> None:
    """Environment, attempts and raw data, each in a tab that is filled once it is open."""
    environment, attempts, raw = st.tabs(["Environment", "Attempts", "Raw data"], key="details", on_change="rerun")
    with environment:
        if environment.open:
            _show_environment(next((attempt for attempt in run.attempts if attempt.counted), run.attempts[-1]))
    with attempts:
        if attempts.open:
            _show_attempts(run.attempts)
    with raw:
        if raw.open:
            _show_downloads(run, series)


def _as_list(reasons: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(f"- **{as_plain(reason['code'])}**: {as_plain(_finding(reason))}" for reason in reasons)


def _finding(reason: Mapping[str, Any]) -> str:
    return str(reason.get("text") or reason.get("advice", "")).removeprefix(f"{reason['code']}: ")


def _show_environment(attempt: AttemptView) -> None:
    facts = {name: numbers_text.fact(name, value) for name, value in attempt.environment.items()}
    facts |= {f"source of {name}": source for name, source in attempt.sources.items()}
    if not facts:
        st.caption("The board has not said yet.")
        return
    frame = pd.DataFrame(sorted(facts.items()), columns=["Fact", "Value"])
    st.dataframe(frame, hide_index=True)
    if attempt.absent:
        st.caption(as_plain(f"Absent on this board: {', '.join(attempt.absent)}."))


def _show_attempts(attempts: Sequence[AttemptView]) -> None:
    zone = st.context.timezone
    frame = pd.DataFrame(
        [
            {
                "Attempt": attempt.number,
                "State": attempt.state.value,
                "Counts": "yes" if attempt.counted else "no",
                "Opened": moment_text(attempt.opened_at_s, zone),
                "Ended with": f"{attempt.code} {attempt.message}".strip(),
                "Phases, since the claim": _phases_text(attempt),
            }
            for attempt in attempts
        ]
    )
    st.dataframe(frame, hide_index=True)


def _phases_text(attempt: AttemptView) -> str:
    return ", ".join(f"{name} {numbers_text.duration(at_s)}" for name, at_s in attempt.phases.items())


def _show_downloads(run: RunView, series: RunSeries) -> None:
    """Buttons whose text is made when one is clicked: of a long run it is megabytes."""
    writers = {"inferences": csv_text.inferences_csv, "telemetry": csv_text.telemetry_csv}
    with st.container(horizontal=True):
        for name, write in writers.items():
            st.download_button(
                f"{name.capitalize()} as CSV",
                functools.partial(write, series),
                f"{run.run}-{name}.csv",
                "text/csv",
                on_click="ignore",
                icon=":material/download:",
            )
