"""What the pages Compare and Thermal lab read, remembered as in `dashboard.data`; some of it is raw data."""

from functools import partial
from typing import Any

import streamlit as st

from dashboard.data import RANKED_S, SETTLED_S, open_database, open_farm_of, read_run
from orchestrator.figures import Figure
from orchestrator.figures.bursts import evenly
from orchestrator.figures.figure import Choice
from orchestrator.figures.soaks import overlay_figures, survival_figures
from orchestrator.figures.sweeps import sweep_figures
from orchestrator.queries import compare, difference, factors, figures, pace, prediction, profile, runs
from orchestrator.queries.briefs import Among
from orchestrator.queries.compare import GroupComparison
from orchestrator.queries.difference import RunDifference
from orchestrator.queries.factors import FactorComparison
from orchestrator.queries.pace import PaceResult
from orchestrator.queries.prediction import CheckView, PredictionView
from orchestrator.queries.profile import RunProfile
from orchestrator.queries.rows import Floats

Named = tuple[tuple[str, tuple[str, ...]], ...]


@st.cache_data(ttl=RANKED_S, max_entries=64, show_spinner=False)
def read_comparison(url: str, a: str, b: str, among: Among) -> tuple[GroupComparison, ...]:
    """Two variants by their whole addresses, group by group; raises `SpecError` where they cannot be compared."""
    return compare.compare_variants(open_database(url), a, b, **_selected(among))


@st.cache_data(ttl=RANKED_S, max_entries=64, show_spinner=False)
def read_factors(url: str, variant: str, factor: str, among: Among) -> tuple[FactorComparison, ...]:
    """A variant under the values of a label, group by group."""
    return factors.compare_by(open_database(url), variant, factor, **_selected(among))


@st.cache_data(ttl=SETTLED_S, max_entries=64, show_spinner=False)
def read_difference(url: str, one: str, other: str) -> RunDifference:
    """What differs between two runs; raises `NotFoundError`."""
    return difference.run_difference(open_database(url), one, other)


@st.cache_data(ttl=SETTLED_S, max_entries=256, show_spinner=False)
def read_latencies(url: str, run: str) -> Floats:
    """The counted latencies of a run, ms, in order of size; of a long run evenly chosen ones."""
    return evenly(figures.run_latencies(open_database(url), run))


@st.cache_data(ttl=SETTLED_S, max_entries=64, show_spinner=False)
def read_profile(url: str, run: str) -> RunProfile:
    """The profile of a run; raises `NotFoundError`."""
    return profile.read_profile(open_farm_of(url), run)


@st.cache_resource(ttl=SETTLED_S, max_entries=8, show_spinner="Opening the raw data")
def read_soak_figures(url: str, opened: Named, watched: Named) -> tuple[Figure, ...]:
    """Soaks over each other, from the raw data of the runs that are opened, and when those that were watched throttled.

    Runs are named by their ids, under the name of their curve.
    """
    choice = _choice(url, opened)
    soaks = figures.soaks_of(open_database(url), [run for own in choice.runs.values() for run in own])
    return (*overlay_figures(choice, soaks), *survival_figures(_choice(url, watched)))


@st.cache_resource(ttl=SETTLED_S, max_entries=8, show_spinner="Opening the raw data")
def read_sweep_figures(url: str, opened: Named) -> tuple[Figure, ...]:
    """Sweeps over each other."""
    database, choice = open_database(url), _choice(url, opened)
    slots = figures.slots_of(database, [run for own in choice.runs.values() for run in own])
    return tuple(sweep_figures(choice, slots, partial(runs.run_series, database)))


@st.cache_data(ttl=SETTLED_S, max_entries=64, show_spinner=False)
def read_prediction(url: str, run: str, room_c: float) -> PredictionView:
    """What a soak foretells; raises `CannotTellError` that says why it foretells nothing."""
    return prediction.predict(open_database(url), run, room_c)


@st.cache_data(ttl=SETTLED_S, max_entries=64, show_spinner=False)
def read_check(url: str, run: str, held_out: str) -> CheckView:
    """What a soak foretold beside what another one showed; raises `CannotTellError`."""
    return prediction.check_prediction(open_database(url), run, held_out)


@st.cache_data(ttl=SETTLED_S, max_entries=64, show_spinner=False)
def read_searches(url: str, study: int) -> tuple[PaceResult, ...]:
    """What a study's searches for the highest rate have come to."""
    return pace.read_searches(open_database(url), study)


def _selected(among: Among) -> dict[str, Any]:
    names = ("model", "study", "device", "board_type", "regime")
    return {name: getattr(among, name) for name in names}


def _choice(url: str, named: Named) -> Choice:
    return Choice(runs={name: tuple(read_run(url, run) for run in own) for name, own in named}, left_out=0)
