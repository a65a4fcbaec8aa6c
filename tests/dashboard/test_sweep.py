"""Page Run: what it shows of a sweep."""

import pytest

from agent.wire.ramp import Reach, Swept
from orchestrator.db.session import Database
from tests.dashboard.conftest import OpenPage, text_of
from tests.swept_run import add_sweep

pytestmark = pytest.mark.integration


def test_a_sweep_says_how_far_it_came_and_shows_latency_by_temperature(database: Database, open_page: OpenPage) -> None:
    run = add_sweep(database, Swept(low_c=51.0, high_c=79.0, low=Reach.STALLED, high=Reach.LIMIT, up_from_ns=0))

    app = open_page("run", run=run)

    assert "The sweep" in text_of(app)
    figures, rows = (each.value for each in app.dataframe[:2])
    told: dict[str, str] = dict(figures.itertuples(index=False))
    assert told["reached"] == "51.0 °C to 79.0 °C"
    assert told["asked for"] == "45.0 °C: out of reach; 80.0 °C: safety limit"
    assert told["heating over cooling, at equal temperature"].startswith("n/a: it was not seen both ways")
    assert [str(column) for column in rows.columns][:3] == ["die", "heating", "clock, heating"]


def test_a_sweep_that_ended_without_its_account_has_no_section(database: Database, open_page: OpenPage) -> None:
    assert "The sweep" not in text_of(open_page("run", run=add_sweep(database, None)))
