"""What the pages read: the read door's functions, remembered for a moment, so that many open tabs are one query.

Every function takes the database's URL first: it is the key under which answers are remembered, so that two farms in
one process never mix. `LIVE_S` is for what moves while somebody watches, `SETTLED_S` for what a finished run has left.
"""

from collections.abc import Mapping

import streamlit as st

from orchestrator.analysis.thermal.sweep import Slots, Sweep
from orchestrator.boards.bundle import build_bundle
from orchestrator.config import load_settings
from orchestrator.db.migrate import open_migrated
from orchestrator.db.session import Database
from orchestrator.farm import Farm, open_farm
from orchestrator.queries import (
    account,
    audit,
    briefs,
    canary,
    farm,
    forecast,
    leaderboard,
    models,
    overview,
    progress,
    runs,
    studies,
    sweep,
    vitals,
)
from orchestrator.queries.audit import AuditView
from orchestrator.queries.briefs import Among, Place, RunBrief, StudyBrief
from orchestrator.queries.canary import CanaryChart
from orchestrator.queries.forecast import Forecast
from orchestrator.queries.leaderboard_rows import Leaderboard
from orchestrator.queries.overview import QueueView
from orchestrator.queries.progress import RunProgress
from orchestrator.queries.rows import DeviceView, EventView, ModelView, RunSeries, RunView, StudyView
from orchestrator.queries.vitals import Vitals
from orchestrator.studies import Submission, outline

LIVE_S = 1.5
RANKED_S = 5.0
SETTLED_S = 30.0
MOST_STUDIES = 200
MOST_RUNS = 500
MOST_EVENTS = 40
MOST_BRIEFS = 2000
MOST_AT_ONCE = 4000  # ended runs on the leaderboard; a page of more is neither quick nor read


def database_url() -> str:
    """The URL of the farm's database, as the settings of this process name it."""
    return load_settings().database_url


@st.cache_resource(show_spinner=False, max_entries=4, on_release=lambda database: database.engine.dispose())
def open_database(url: str) -> Database:
    """The farm's database, opened once for all pages."""
    return open_migrated(url)


@st.cache_resource(show_spinner=False, max_entries=4, on_release=lambda farm: farm.database.engine.dispose())
def open_farm_of(url: str) -> Farm:
    """The farm itself, for what needs its files, too; `url` is that of its database."""
    return open_farm(load_settings())


@st.cache_data(ttl=RANKED_S, max_entries=64, show_spinner=False)
def read_leaderboard(
    url: str, *, study: int | None, device: str | None, model: str | None, board_type: str | None, baseline: str | None
) -> Leaderboard:
    """The ranking, group by group, of the runs that the filters leave; speedups are against `baseline` where named."""
    return leaderboard.leaderboard(
        open_database(url), study=study, device=device, model=model, board_type=board_type, baseline=baseline
    )


@st.cache_data(ttl=RANKED_S, max_entries=8, show_spinner=False)
def read_places(url: str) -> tuple[Place, ...]:
    """Which models have results on which boards, what was measured last first."""
    return briefs.list_places(open_database(url))


@st.cache_data(ttl=LIVE_S, max_entries=8, show_spinner=False)
def read_study_briefs(url: str) -> tuple[StudyBrief, ...]:
    """The newest studies in brief."""
    return briefs.list_study_briefs(open_database(url))


@st.cache_data(ttl=RANKED_S, max_entries=64, show_spinner=False)
def read_briefs(url: str, among: Among, limit: int = MOST_BRIEFS) -> tuple[RunBrief, ...]:
    """The newest runs of a selection in brief."""
    return briefs.list_briefs(open_database(url), among, limit)


@st.cache_data(ttl=RANKED_S, max_entries=64, show_spinner=False)
def read_runs(url: str, *, study: int) -> tuple[RunView, ...]:
    """The runs of a study, in their order."""
    return tuple(runs.list_runs(open_database(url), study=study, limit=MOST_RUNS))


@st.cache_data(ttl=LIVE_S, max_entries=64, show_spinner=False)
def read_run(url: str, run: str) -> RunView:
    """One run in full; raises `NotFoundError`."""
    return runs.get_run(open_database(url), run)


@st.cache_data(ttl=LIVE_S, max_entries=64, show_spinner=False)
def read_progress(url: str, run: str) -> RunProgress | None:
    """How a run under way stands, by its whole id."""
    return progress.run_progress(open_database(url), run)


@st.cache_data(ttl=SETTLED_S, max_entries=16, show_spinner=False)
def read_series(url: str, run: str, counted: int | None, lines: int = 0) -> RunSeries:
    """The raw data of the attempt that counts; `counted` names it, `lines` says how much of a run under way has come,
    so that what is new is read anew."""
    return runs.run_series(open_database(url), run)


@st.cache_data(ttl=SETTLED_S, max_entries=16, show_spinner=False)
def read_sweep(url: str, run: str, counted: int | None) -> tuple[Sweep, Slots] | None:
    """What a sweep says, and its slots; None for another run, and for one that brought too little."""
    facts = account.read_facts(open_database(url), run)
    found, slots = (sweep.sweep_view(facts), sweep.sweep_slots(facts)) if facts else (None, None)
    return None if found is None or slots is None else (found, slots)


@st.cache_data(ttl=LIVE_S, max_entries=8, show_spinner=False)
def read_studies(url: str) -> tuple[StudyView, ...]:
    """The newest studies."""
    return tuple(studies.list_studies(open_database(url), limit=MOST_STUDIES))


@st.cache_data(ttl=LIVE_S, max_entries=8, show_spinner=False)
def read_devices(url: str) -> tuple[DeviceView, ...]:
    """Every device."""
    return tuple(farm.list_devices(open_database(url)))


@st.cache_data(ttl=LIVE_S, max_entries=8, show_spinner=False)
def read_events(url: str, study: int | None = None) -> tuple[EventView, ...]:
    """What happened last, newest first; in a study where one is named."""
    return tuple(farm.recent_events(open_database(url), limit=MOST_EVENTS, study=study))


@st.cache_data(ttl=RANKED_S, max_entries=8, show_spinner=False)
def read_canaries(url: str) -> tuple[CanaryChart, ...]:
    """The control chart of every device."""
    return canary.list_charts(open_database(url))


@st.cache_data(ttl=SETTLED_S, max_entries=64, show_spinner=False)
def read_canary(url: str, device: str) -> CanaryChart:
    """The control chart of one device; raises `NotFoundError`."""
    return canary.list_charts(open_database(url), device)[0]


@st.cache_data(ttl=LIVE_S, max_entries=64, show_spinner=False)
def read_study(url: str, study: int) -> StudyView:
    """One study; raises `NotFoundError`."""
    return studies.get_study(open_database(url), study)


@st.cache_data(ttl=LIVE_S, max_entries=8, show_spinner=False)
def read_queue(url: str) -> QueueView:
    """How much waits and is being measured."""
    return overview.queue_of(open_database(url))


@st.cache_data(ttl=RANKED_S, max_entries=64, show_spinner=False)
def read_vitals(url: str, devices: tuple[str, ...]) -> Mapping[str, Vitals]:
    """What these boards last said of temperature, clock and throttle bits."""
    return vitals.read_vitals(open_database(url), devices)


@st.cache_data(ttl=LIVE_S, max_entries=8, show_spinner=False)
def read_models(url: str) -> tuple[ModelView, ...]:
    """Every model with its builds."""
    return models.list_models(open_database(url))


def read_forecast(url: str, submission: Submission) -> Forecast:
    """What a study would take, as the farm is now; raises `SpecError` for one that would be refused."""
    database = open_database(url)
    return forecast.forecast_study(database, submission, outline(database, submission))


@st.cache_resource(show_spinner=False, ttl=SETTLED_S)
def bundle_hash() -> str:
    """The agent that a study which is submitted now would be pinned to."""
    return build_bundle(load_settings().bundles_dir).hash


@st.cache_data(ttl=RANKED_S, max_entries=8, show_spinner=False)
def read_unattended_s(url: str) -> float | None:
    """For how long runs have waited for a farm that does not seem to run; None where all is well."""
    return overview.unattended_s(open_database(url))


@st.cache_data(ttl=LIVE_S, max_entries=8, show_spinner=False)
def read_audit(url: str) -> tuple[AuditView, ...]:
    """What was changed last, and by whom."""
    return audit.list_audit(open_database(url), limit=MOST_EVENTS)
