"""Variants by two of their figures, which the reader chooses; a click on one selects its row in the table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st

from dashboard import filters
from orchestrator.charts.figures.pareto import Better
from orchestrator.charts.tradeoff import PICK, Measure, Spot, tradeoff_chart
from orchestrator.queries.leaderboard_rows import LeaderboardRow
from orchestrator.text import numbers_text

Pick = Callable[[str | None], None]
LATENCY = "latency"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    """A figure that rows may have, in the unit of the axis, and how it reads in a table."""

    measure: Measure
    value: Callable[[LeaderboardRow], float | None]
    factor: float
    text: Callable[[float | None], str]


def show(rows: Sequence[LeaderboardRow], chosen: str | None, number: int, pick: Pick) -> None:
    """The chart of the group `number` with its two choices; a sentence where nothing but latency is known."""
    axes = _axes(rows)
    if len(axes) < 2:
        st.caption("Nothing but latency is known here of two variants or more: there is nothing to set against it.")
        return
    names, suffix, key = list(axes), f"-{number}" if number else "", f"tradeoff-{number}"
    with st.container(horizontal=True):
        across = filters.one_of("Across", names, f"x{suffix}", width=filters.MIDDLE)
        others = [name for name in names if name != across]
        up = filters.one_of("Up", others, f"y{suffix}", width=filters.MIDDLE)
    spots = _spots(rows, axes[across], axes[up])
    left_out = len(rows) - len(spots)
    st.altair_chart(
        tradeoff_chart(spots, axes[across].measure, axes[up].measure, chosen),
        key=key,
        on_select=partial(_clicked, key, pick),
        selection_mode=PICK,
        alt=f"{up} against {across}",
    )
    st.caption("Line: what no other variant beats in both. Click a mark to select its row in the table.")
    if left_out:
        not_drawn = f"{left_out} of {numbers_text.counted(len(rows), 'variant')} not drawn"
        st.caption(f"{not_drawn}: one of the two figures is not known of them.")


def _clicked(key: str, pick: Pick) -> None:
    found = st.session_state[key].selection.get(PICK) or []
    pick(str(found[0]["variant"]) if found else None)


def _axes(rows: Sequence[LeaderboardRow]) -> dict[str, _Axis]:
    """What can be drawn: the figures that two rows or more have. Accuracy comes second, so that it is drawn first."""
    lower = Better.LOWER
    known = {
        LATENCY: _axis("latency, ms", lower, lambda row: row.median_ms, numbers_text.ms),
        **{name: _metric_axis(name, source) for name, source in _metrics(rows)},
        "size": _axis("size, MB", lower, lambda row: row.size_bytes or None, numbers_text.size, 1e-6),
        "peak memory": _axis("peak memory, MB", lower, lambda row: row.peak_rss_bytes, numbers_text.size, 1e-6),
        "energy": _axis("energy of an inference, J", lower, lambda row: row.energy_j, numbers_text.joules),
    }
    return {name: axis for name, axis in known.items() if sum(axis.value(row) is not None for row in rows) > 1}


def _metrics(rows: Sequence[LeaderboardRow]) -> list[tuple[str, str]]:
    """Names of metrics, each with where its values come from."""
    sources: dict[str, set[str]] = {}
    for row in rows:
        for name, fact in row.metrics.items():
            sources.setdefault(name, set()).add(str(fact["source"]))
    return [(name, " and ".join(sorted(own))) for name, own in sorted(sources.items())]


def _metric_axis(name: str, source: str) -> _Axis:
    def value(row: LeaderboardRow) -> float | None:
        fact = row.metrics.get(name)
        return None if fact is None else float(fact["value"])

    return _axis(f"{name}, {source}", Better.HIGHER, value, numbers_text.plain)


def _axis(
    title: str,
    better: Better,
    value: Callable[[LeaderboardRow], float | None],
    text: Callable[[float | None], str],
    factor: float = 1.0,
) -> _Axis:
    return _Axis(measure=Measure(title=title, better=better), value=value, factor=factor, text=text)


def _spots(rows: Sequence[LeaderboardRow], x: _Axis, y: _Axis) -> list[Spot]:
    found = [(row, x.value(row), y.value(row)) for row in rows]
    return [
        Spot(
            variant=row.variant,
            x=across * x.factor,
            y=up * y.factor,
            x_text=x.text(across),
            y_text=y.text(up),
            simulated=row.simulated or not row.runs,
        )
        for row, across, up in found
        if across is not None and up is not None
    ]
