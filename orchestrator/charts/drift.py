"""Whether the machine itself moved while a study was measured: each run against its variant's usual median."""

from collections.abc import Sequence
from statistics import median

import altair as alt
import pandas as pd

from orchestrator.charts import style
from orchestrator.charts.axes import LayeredChart
from orchestrator.queries.rows import RunView
from orchestrator.text import numbers_text


def drift_chart(runs: Sequence[RunView]) -> LayeredChart:
    """Runs of one device in time: how far, in per cent, each median lies from the median of its variant there.

    At least one run has a median and a start.
    """
    colour = style.WARNING if any(run.simulated for run in runs) else style.ACCENT
    dots = alt.Chart(_deviations(runs)).mark_point(filled=True, size=45, color=colour, opacity=0.8)
    placed = dots.encode(
        x=alt.X("minutes:Q", axis=alt.Axis(title="minutes since the first run")),
        y=alt.Y("percent:Q", axis=alt.Axis(title="from its variant's median, %", tickCount=5)),
        tooltip=[alt.Tooltip("run:N"), alt.Tooltip("variant:N"), alt.Tooltip("median:N")],
    )
    zero = alt.Chart(pd.DataFrame({"percent": [0.0]})).mark_rule(color=style.MUTED).encode(y="percent:Q")
    return alt.layer(zero, placed).properties(height=150)


def _deviations(runs: Sequence[RunView]) -> pd.DataFrame:
    usual_ms = {run.variant: _usual_ms(runs, run.variant) for run in runs}
    timed = [(run, run.started_at_s, run.median_ms) for run in runs if run.started_at_s and run.median_ms]
    first_s = min(started_at_s for _, started_at_s, _ in timed)
    return pd.DataFrame(
        [
            {
                "run": run.run,
                "variant": run.variant,
                "median": numbers_text.ms(median_ms),
                "minutes": (started_at_s - first_s) / 60,
                "percent": (median_ms / usual_ms[run.variant] - 1) * 100,
            }
            for run, started_at_s, median_ms in timed
        ]
    )


def _usual_ms(runs: Sequence[RunView], variant: str) -> float:
    return median([run.median_ms for run in runs if run.variant == variant and run.median_ms] or [1.0])
