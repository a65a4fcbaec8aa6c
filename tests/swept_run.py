"""A sweep in a database, for tests of what is shown of it."""

from sqlalchemy import select

from agent.wire.codec import decode, encode
from agent.wire.ramp import Swept
from agent.wire.records import Ended
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow
from tests import factories

MODEL = "warm-net"


def add_sweep(database: Database, swept: Swept | None) -> str:
    """A measured run of the preset, its one slot being as long as its window; gives its id."""
    factories.add_device(database)
    factories.add_model(database, MODEL, labels=("fp32",))
    study = factories.add_study(database, model=MODEL, protocol="sweep", blocks=1)
    factories.measure(database, study, {"fp32": 100.0})
    (run,) = factories.run_ids(database, study)
    with database.write() as session:
        attempt = session.scalars(select(AttemptRow).where(AttemptRow.run_id == run)).one()
        assert attempt.ended is not None
        ended = decode(Ended, attempt.ended)
        attempt.ended = encode(Ended(at_ns=ended.at_ns, outcome=ended.outcome, swept=swept))
    return run
