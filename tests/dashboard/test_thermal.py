"""Page Thermal lab: soaks over each other, with figures to take away."""

import pytest

from agent.wire.ramp import Reach, Swept
from orchestrator.db.session import Database
from tests import factories
from tests.dashboard.conftest import OpenPage, text_of
from tests.orchestrator.studies.stepping import steps, wish
from tests.small_farm import plant
from tests.soaks import soak
from tests.swept_run import add_sweep

pytestmark = pytest.mark.integration


def test_soaks_are_drawn_over_each_other_and_each_figure_can_be_had_as_a_file(
    database: Database, open_page: OpenPage
) -> None:
    factories.add_device(database)
    factories.add_device(database, "pi5-bare", labels={"cooling": "none"})
    factories.add_model(database)
    soak(database, {"int8": 100.0}, {"int8": 200.0}, devices=("pi5-1", "pi5-bare"))

    app = open_page("thermal", by="cooling")

    text = text_of(app)
    assert "When boards throttled" in text
    assert "6 throttled, 0 did not" in text
    assert {button.label for button in app.download_button} == {"SVG", "PNG", "PDF"}
    assert [line for line in text.splitlines() if line in ("**cooling=fan**", "**cooling=none**")]


@pytest.mark.parametrize(("what", "command"), [("soaks", "soak"), ("sweeps", "sweep"), ("rates", "pace")])
def test_what_was_not_measured_names_its_command(open_page: OpenPage, what: str, command: str) -> None:
    assert f"pifarm thermal {command} MODEL" in text_of(open_page("thermal", what=what))


def test_a_sweep_is_drawn_against_temperature(database: Database, open_page: OpenPage) -> None:
    add_sweep(database, Swept(low_c=51.0, high_c=79.0, low=Reach.STALLED, high=Reach.LIMIT, up_from_ns=0))

    assert "Latency against temperature, up and down" in text_of(open_page("thermal", what="sweeps"))


def test_a_search_for_a_rate_says_what_is_held(database: Database, open_page: OpenPage) -> None:
    study = plant(database, **wish()).study_id
    steps(database, study, lambda run: 3.0)

    app = open_page("thermal")  # which shows what there is

    assert "holds 2.95/s for ever at 25.0 °C, not 3.05/s: throttled" in text_of(app)
    assert list(app.dataframe[0].value["Held"]) == ["for ever", "for ever", "throttled", "for ever"]
    assert "holds 2.95/s for ever at 25.0 °C" in text_of(open_page("studies", study=str(study)))
