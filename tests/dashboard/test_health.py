"""Page Health: which devices have changed, by their canaries."""

import pytest
from sqlalchemy import update

from orchestrator.attending.lifecycle import DeviceState
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow
from tests import factories
from tests.canaries import measure_canaries
from tests.dashboard.conftest import OpenPage, text_of

pytestmark = pytest.mark.integration


def test_a_device_out_of_service_stands_first_with_its_reason_and_its_chart(
    database: Database, open_page: OpenPage
) -> None:
    factories.add_device(database, "a-fine-one")
    factories.add_device(database, "pi5-sim", simulated=True)
    measure_canaries(database, "pi5-sim", [10.0] * 8 + [12.0, 12.0])
    with database.write() as session:
        sick = {"state": DeviceState.SICK, "state_reason": "canary 12.0 ms, limits 9.62 to 10.40 ms"}
        session.execute(update(DeviceRow).where(DeviceRow.name == "pi5-sim").values(**sick))

    app = open_page("health")
    text = text_of(app)

    assert text.index("**pi5-sim**") < text.index("**a-fine-one**")
    assert "canary 12.0 ms, limits 9.62 to 10.40 ms" in text and "SIMULATED" in text
    assert "limits 9.35 to 10.70 ms, from 8 canaries" in text
    assert "no canary yet" in text
    assert len(app.get("vega_lite_chart")) == 1


def test_an_empty_farm_is_told_how_to_add_a_device(open_page: OpenPage) -> None:
    assert "pifarm device add" in text_of(open_page("health"))
