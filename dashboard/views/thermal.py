"""Page Thermal lab: what heat does to a model's latency, board beside board; every figure can be had as a file."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from agent.wire.spec import Regime
from dashboard import data, figure_section, filters, lab_data, search_section, thermal_figures
from dashboard.plain_text import as_plain
from orchestrator.attending.lifecycle import StudyKind
from orchestrator.charts.figures import legend
from orchestrator.errors import CannotTellError
from orchestrator.queries.briefs import Among, RunBrief
from orchestrator.text import pace_text

SOAKS, SWEEPS, RATES = "soaks", "sweeps", "rates"
AMONG = {
    SOAKS: Among(regime=Regime.SUSTAINED.value, is_ranked=True),
    SWEEPS: Among(regime=Regime.SWEEP.value, is_ranked=True),
    RATES: Among(kind=StudyKind.PACE),
}
MOST_SEARCHES = 5
LEAST_ROOM_C, MOST_ROOM_C, ROOM_C = 0.0, 60.0, 25.0
CHECK_COLUMNS = ("Figure", "Foretold", "Measured", "Error", "Covered")


def show() -> None:
    """The whole page."""
    st.title("Thermal lab")
    url = data.database_url()
    what = filters.mode("What", list(AMONG), "what", _first_with_runs(url))
    known = data.read_briefs(url, AMONG[what])
    if not known:
        _explain_nothing(what)
        return
    runs = _choose_runs(known)
    if what == RATES:
        _show_rates(url, runs)
        return
    chosen = thermal_figures.conditions(runs, _choose_apart(runs))
    made = thermal_figures.soak_figures if what == SOAKS else thermal_figures.sweep_figures
    for number, figure in enumerate(made(url, chosen)):
        with st.container(border=True, key=f"figure-{number}"):
            figure_section.show(figure, f"{what}-{number}")
    if what == SOAKS:
        _show_predictions(url, chosen)


def _first_with_runs(url: str) -> str:
    return next((what for what, among in AMONG.items() if data.read_briefs(url, among, 1)), SOAKS)


def _explain_nothing(what: str) -> None:
    words = {
        SOAKS: ("Nothing has been soaked yet: half an hour of load, and what the board does meanwhile.", "soak MODEL"),
        SWEEPS: ("There is no sweep yet: a burner leads the temperature up and down.", "sweep MODEL"),
        RATES: ("Nobody has searched for the highest rate that a board holds without throttling.", "pace MODEL"),
    }
    text, command = words[what]
    st.info(text, icon=":material/device_thermostat:")
    st.code(f"pifarm thermal {command}", language="bash")


def _choose_runs(runs: Sequence[RunBrief]) -> list[RunBrief]:
    """The runs of one model that the filters leave; the model that was measured last comes first."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = filters.one_of("Model", list(dict.fromkeys(run.model for run in runs)), "model")
        here = [run for run in runs if run.model == model]
        board_type = filters.few("Board type", [run.board_type for run in here], "board")
    with st.container(horizontal=True):
        variants = filters.several("Variants", sorted({run.variant for run in here}), "variants")
        boards = filters.several("Boards", sorted({run.device for run in here}), "boards")
    return [
        run
        for run in here
        if board_type in (None, run.board_type)
        and (not variants or run.variant in variants)
        and (not boards or run.device in boards)
    ]


def _choose_apart(runs: Sequence[RunBrief]) -> list[str]:
    """What tells the curves apart: by default the variant and the board."""
    names = sorted({name for run in runs for name in run.labels})
    chosen = filters.several("Curves apart by", ["variant", "board", *names], "by", placeholder="variant and board")
    apart_by = chosen or ["variant", "board"]
    if len({tuple(thermal_figures.conditions([run], apart_by)) for run in runs}) > legend.MOST:
        st.caption(f"The {legend.MOST} conditions that were measured last are drawn; narrow the choice for others.")
    return apart_by


def _show_predictions(url: str, chosen: Mapping[str, Sequence[RunBrief]]) -> None:
    st.subheader("What the newest soak of each foretells", anchor=False)
    room_c = st.number_input(
        "In a room of, °C", LEAST_ROOM_C, MOST_ROOM_C, ROOM_C, step=1.0, key="room", bind="query-params", width=200
    )
    for name, runs in chosen.items():
        with st.container(border=True):
            st.markdown(f"**{as_plain(name)}**")
            try:
                _show_prediction(url, runs, room_c)
            except CannotTellError as error:
                st.caption(as_plain(error))


def _show_prediction(url: str, runs: Sequence[RunBrief], room_c: float) -> None:
    found = lab_data.read_prediction(url, runs[0].run, room_c)
    rows = pace_text.prediction_rows(found)
    st.dataframe(pd.DataFrame(rows, columns=["Figure", "Value, 95 % interval"]), hide_index=True)
    if not found.is_reliable:
        st.warning(as_plain(f"The fit is not reliable: {', '.join(found.flaws)}."), icon=":material/warning:")
    for line in pace_text.doubts(pace_text.forecasts_of(found)):
        st.caption(as_plain(line))
    held_out = next((run for run in runs[1:] if (run.device, run.variant) == (runs[0].device, runs[0].variant)), None)
    if held_out is None:
        st.caption("Nothing to check it against: there is one soak alone of this variant on this board.")
        return
    checked = lab_data.read_check(url, held_out.run, runs[0].run)
    st.caption(as_plain(f"What the soak before it, {held_out.run}, foretold of this one:"))
    table = pd.DataFrame([pace_text.check_row(each) for each in checked.figures], columns=list(CHECK_COLUMNS))
    st.dataframe(table, hide_index=True)


def _show_rates(url: str, runs: Sequence[RunBrief]) -> None:
    for study in list(dict.fromkeys(run.study for run in runs))[:MOST_SEARCHES]:
        here = {(run.device, run.variant) for run in runs if run.study == study}
        st.page_link("views/studies.py", label=f"Study {study}", query_params={"study": str(study)})
        search_section.show(url, study, here)


show()
