"""Sustained studies for tests: measured as the factories do it, with what their soaks are to have shown."""

from collections.abc import Mapping

from sqlalchemy import select

from agent.wire.spec import Protocol
from orchestrator.db.session import Database
from orchestrator.db.tables import RunRow
from tests import factories

WATCHED_S = 1200.0
START_C = 50.0


def soak(
    database: Database,
    settled_ms: Mapping[str, float],
    onsets_s: Mapping[str, float | None],
    *,
    protocol: Protocol | str = "sustained",
    devices: tuple[str, ...] = ("pi5-1",),
    blocks: int = 3,
) -> int:
    """A measured sustained study: median latency by label, and when each label throttled, None: never."""
    study = factories.add_study(database, devices=devices, protocol=protocol, blocks=blocks, labels=tuple(settled_ms))
    factories.measure(database, study, settled_ms)
    with database.write() as session:
        for run in session.scalars(select(RunRow).where(RunRow.study_id == study)):
            onset_s = onsets_s.get(run.variant.build.label)
            run.onset_s, run.known_until_s, run.start_c = onset_s, WATCHED_S, START_C
            run.onset_cause = "it did not slow down" if onset_s is None else "thermal"
            run.sustained_ratio = 1.0 if onset_s is None else 0.6
            run.labels = dict(run.device.labels)
    return study


def two_regimes(database: Database) -> tuple[int, int]:
    """A burst and a sustained study on one Pi 5: int8 is faster while cold, and throttles so that fp32 is once hot."""
    factories.add_device(database)
    factories.add_model(database)
    burst = factories.add_study(database, blocks=5)
    factories.measure(database, burst, {"fp32": 100.0, "int8": 70.0})
    sustained = soak(database, {"fp32": 104.0, "int8": 140.0}, {"fp32": None, "int8": 200.0}, blocks=5)
    return burst, sustained
