"""Asking for a study: each choice with its error beside it, and the plan before anything is queued."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import actions, data
from dashboard.doing import asks_for
from dashboard.plain_text import as_plain
from orchestrator import protocols
from orchestrator.attending.lifecycle import MOST_PRIORITY
from orchestrator.errors import PifarmError, SpecError
from orchestrator.queries.forecast import Forecast
from orchestrator.queries.rows import DeviceView, ModelView
from orchestrator.studies.submission import MAX_BLOCKS, Submission
from orchestrator.text import forecast_text

OFFERED = ("quick", "standard", "sustained", "demo")
_USUAL = "standard"
_MODEL = "model"
# Beside which choice a complaint belongs, by the word that it begins with.
_PLACES = {
    "--where": "devices",
    "device": "devices",
    "variant": "variants",
    "runtime": "runtimes",
    "threads": "threads",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What is chosen, and under each choice a place for what is wrong with it."""

    model: str
    variants: tuple[str, ...]
    devices: tuple[str, ...]
    where: Mapping[str, str]
    protocol: str
    blocks: int
    threads: str
    runtimes: tuple[str, ...]
    priority: int
    places: Mapping[str, DeltaGenerator]


def choose_model(name: str) -> None:
    """Let the form start with this model; to be called before the form is shown."""
    data.read_models.clear()
    st.session_state[_MODEL] = name


def show_form(url: str) -> None:
    """Choices, the plan that follows from them, and the button that queues it."""
    models, devices = data.read_models(url), data.read_devices(url)
    choices = _choose(models, devices)
    try:
        submission = _submission(choices)
        forecast = data.read_forecast(url, submission)
    except SpecError as error:
        _place(choices, error).error(as_plain(error), icon=":material/error:")
        return
    _show_plan(forecast)
    label = f"Queue {forecast.runs} {'run' if forecast.runs == 1 else 'runs'}"
    if asks_for(label, key="queue", icon=":material/playlist_add:", is_main=True):
        try:
            study = actions.submit_study(submission)
        except PifarmError as error:
            st.error(as_plain(error), icon=":material/error:")
            return
        st.switch_page("views/studies.py", query_params={"study": str(study)})


def _choose(models: tuple[ModelView, ...], devices: tuple[DeviceView, ...]) -> Choices:
    names = {model.model: model for model in models}
    places = {}
    model = st.selectbox("Model", list(names), key=_MODEL, bind="query-params")
    builds = names[model].builds
    variants = st.multiselect("Variants", [build.label for build in builds], key="variants", placeholder="all")
    places["variants"] = st.empty()
    labels = sorted({f"{key}={value}" for device in devices for key, value in device.labels.items()})
    left, right = st.columns(2)
    chosen = left.multiselect("Devices", [device.name for device in devices], key="devices", placeholder="all")
    where = right.multiselect("Only with the labels", labels, key="where", placeholder="any", disabled=not labels)
    places["devices"] = st.empty()
    protocol = st.segmented_control("Protocol", OFFERED, default=_USUAL, key="protocol", required=True)
    usual = protocols.preset(protocol).blocks
    with st.container(horizontal=True, gap="small"):
        blocks = st.number_input("Blocks", 1, MAX_BLOCKS, usual, key=f"blocks-{protocol}", width=150)
        threads = st.text_input("Threads", "4", key="threads", width=150, help="One count or several, e.g. 1,4.")
        priority = st.number_input("Priority", -MOST_PRIORITY, MOST_PRIORITY, 0, key="priority", width=150)
    places["threads"] = st.empty()
    known = list(dict.fromkeys(runtime for build in builds for runtime in build.runtimes))
    runtimes = st.multiselect("Runtimes", known, key=f"runtimes-{model}", placeholder="the first that fits")
    places["runtimes"] = st.empty()
    return Choices(
        model=model,
        variants=tuple(variants),
        devices=tuple(chosen),
        where=dict(label.partition("=")[::2] for label in where),
        protocol=protocol,
        blocks=int(blocks),
        threads=threads,
        runtimes=tuple(runtimes),
        priority=int(priority),
        places=places,
    )


def _submission(choices: Choices) -> Submission:
    return Submission(
        model=choices.model,
        protocol=protocols.preset(choices.protocol).protocol,
        blocks=choices.blocks,
        bundle_hash=data.bundle_hash(),
        variants=choices.variants,
        devices=choices.devices,
        where=choices.where,
        threads=_integers(choices.threads),
        runtimes=choices.runtimes,
        priority=choices.priority,
    )


def _integers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise SpecError(f"threads: expected whole numbers like 1,4, got {text!r}") from error


def _place(choices: Choices, error: SpecError) -> Any:
    """The place for an error: beside its choice, or here where it belongs to none."""
    first = str(error).partition(":")[0].split()[0].removesuffix("s")
    found = next((place for word, place in _PLACES.items() if word.removesuffix("s") == first), None)
    return st if found is None else choices.places[found]


def _show_plan(forecast: Forecast) -> None:
    st.subheader("The plan", anchor=False)
    rows = forecast_text.board_rows(forecast.boards)
    columns = [column.capitalize() for column in forecast_text.COLUMNS]
    st.dataframe(pd.DataFrame(rows, columns=columns), hide_index=True, alt="What it takes on each board")
    for line in forecast_text.lines(forecast):
        st.caption(as_plain(line[:1].upper() + line[1:]))
