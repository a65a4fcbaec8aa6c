"""Page Run: what it shows of a sweep."""

import pytest
from sqlalchemy import select

from agent.wire.codec import decode, encode
from agent.wire.ramp import Reach, Swept
from agent.wire.records import Ended
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow
from tests import factories
from tests.dashboard.conftest import OpenPage, text_of

pytestmark = pytest.mark.integration


def test_a_sweep_says_how_far_it_came_and_shows_latency_by_temperature(database: Database, open_page: OpenPage) -> None:
    run = sweep(database, Swept(low_c=51.0, high_c=79.0, low=Reach.STALLED, high=Reach.LIMIT, up_from_ns=0))

    app = open_page("run", run=run)

    text = text_of(app)
    assert "The sweep" in text
    assert "reached: 51.0 °C to 79.0 °C" in text
    assert "asked for: 45.0 °C: out of reach; 80.0 °C: safety limit" in text
    assert "n/a: it was not seen both ways" in text
    assert [str(column) for column in app.dataframe[0].value.columns][:3] == ["die", "heating", "clock, heating"]


def test_a_sweep_that_ended_without_its_account_has_no_section(database: Database, open_page: OpenPage) -> None:
    assert "The sweep" not in text_of(open_page("run", run=sweep(database, None)))


def sweep(database: Database, swept: Swept | None) -> str:
    """A measured run of the preset, its one slot being as long as its window."""
    factories.add_device(database)
    factories.add_model(database, labels=("fp32",))
    study = factories.add_study(database, protocol="sweep", blocks=1)
    factories.measure(database, study, {"fp32": 100.0})
    with database.write() as session:
        attempt = session.scalars(select(AttemptRow)).one()
        assert attempt.ended is not None
        ended = decode(Ended, attempt.ended)
        attempt.ended = encode(Ended(at_ns=ended.at_ns, outcome=ended.outcome, swept=swept))
    (run,) = factories.run_ids(database, study)
    return run
