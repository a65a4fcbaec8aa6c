"""A soak in a farm's database: how long its journal takes to be stored, and its page to be opened.

The journal is a real one of a simulated board, and its window is repeated until it is as long as asked for. The farm is
a database of its own with one board and one model; what is timed is what an attendant, `pifarm run show` and the page
Run do.
"""

import dataclasses
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import streamlit as st
from streamlit.testing.v1 import AppTest

from agent.wire.journal import encode_line
from agent.wire.records import Claimed, Ended, Inferences, Phase, PhaseEntered, Record, Telemetry
from agent.wire.spec import Protocol
from benchmarks.command import CannotMeasureError
from benchmarks.lone_board import ARTIFACT_ID
from dashboard.launch import APP
from orchestrator import studies
from orchestrator.attending import attempts, picking, results
from orchestrator.attending.ingest import ingest
from orchestrator.boards.board import MAX_JOURNAL_BYTES
from orchestrator.config import load_settings
from orchestrator.db.migrate import open_migrated
from orchestrator.db.model_tables import ArtifactRow, BuildRow, ModelRow
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, DeviceRow
from orchestrator.queries.account import account_for
from orchestrator.studies import Submission

T = TypeVar("T")
MODEL, BOARD, RUNTIME, HASH = "soaked", "board", "scripted", "0" * 64
MANIFEST = {"main": "nothing.onnx", "files": []}
PAGE_PATIENCE_S = 60.0
ALIGNED_NS = 128  # copies of the window stay on the unit of their records


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Seconds: all of a journal stored, its figures and verdict made, `run show`, and the page each time."""

    ingest_s: float
    judge_s: float
    account_s: float
    page_s: Sequence[float]


def repeated(records: Sequence[Record], times: int) -> list[Record]:
    """A soak whose window is so many times as long: its inferences and telemetry again, and the rest after them."""
    first = next(index for index, record in enumerate(records) if _enters(record, Phase.WINDOW)) + 1
    chunks = [record for record in records[first:] if isinstance(record, Inferences) and record.phase is Phase.WINDOW]
    samples = [record for record in records if isinstance(record, Telemetry)]
    from_ns, to_ns = chunks[0].starts_ns[0], chunks[-1].end_ns
    period_ns = (to_ns - from_ns) // ALIGNED_NS * ALIGNED_NS + ALIGNED_NS
    count = chunks[-1].first_index + len(chunks[-1].starts_ns)
    head = [record for record in records[:first] if not isinstance(record, (Telemetry, Inferences))]
    warm_ups = [each for each in records if isinstance(each, Inferences) and each.phase is Phase.WARM_UP]
    copies: list[Record] = []
    for number in range(times):
        copies += [_later_inferences(each, number * period_ns, number * count) for each in chunks]
        copies += [_later_telemetry(each, number * period_ns, from_ns, to_ns) for each in samples]
    kinds = (PhaseEntered, Ended)
    tail = [_later(record, (times - 1) * period_ns) for record in records[first:] if isinstance(record, kinds)]
    return [*head, *warm_ups, *copies, *tail]


def store(records: Sequence[Record], protocol: Protocol, home: Path, opened: int) -> Stored:
    """Store a soak in a new farm in `home`, and open its page so often."""
    os.environ["PIFARM_HOME"] = str(home)
    database = open_migrated(load_settings().database_url)
    try:
        assignment = _plant(database, protocol)
        owned = [_owned(record, assignment) for record in records]
        journal = b"".join(encode_line(seq, record) for seq, record in enumerate(owned))
        ingest_s, ended = _timed(lambda: _ingest(database, assignment.attempt_id, journal))
        judge_s, _ = _timed(lambda: _settle(database, assignment.attempt_id, ended))
        account_s, _ = _timed(lambda: account_for(database, assignment.run_id))
        page_s = list(_open_page(assignment.run_id, opened))
    finally:
        database.engine.dispose()
    return Stored(ingest_s=ingest_s, judge_s=judge_s, account_s=account_s, page_s=page_s)


def _owned(record: Record, assignment: picking.Assignment) -> Record:
    if not isinstance(record, Claimed):
        return record
    return dataclasses.replace(record, run_id=assignment.run_id, attempt=assignment.number)


def _enters(record: Record, phase: Phase) -> bool:
    return isinstance(record, PhaseEntered) and record.phase is phase


def _later(record: PhaseEntered | Ended, by_ns: int) -> Record:
    return dataclasses.replace(record, at_ns=record.at_ns + by_ns)


def _later_inferences(record: Inferences, by_ns: int, by: int) -> Inferences:
    starts_ns = tuple(start + by_ns for start in record.starts_ns)
    return dataclasses.replace(record, first_index=record.first_index + by, starts_ns=starts_ns)


def _later_telemetry(record: Telemetry, by_ns: int, from_ns: int, to_ns: int) -> Telemetry:
    inside = [place for place, at_ns in enumerate(record.at_ns) if from_ns <= at_ns <= to_ns]
    names = [field.name for field in dataclasses.fields(Telemetry)]
    columns = {name: tuple(getattr(record, name)[place] for place in inside) for name in names}
    return Telemetry(**{**columns, "at_ns": tuple(at_ns + by_ns for at_ns in columns["at_ns"])})


def _plant(database: Database, protocol: Protocol) -> picking.Assignment:
    """A board, a model and a study of one run, which is about to be started."""
    facts = {"inputs": [], "outputs": [], "opset": {}, "runtimes": [RUNTIME]}
    artifact = ArtifactRow(id=ARTIFACT_ID, format="onnx", size_bytes=1, manifest=MANIFEST, facts=facts)
    device = DeviceRow(
        name=BOARD, address=BOARD, host_key="", machine_key=BOARD, board="simulated", board_type="pi5", simulated=True,
        probe={"runtimes": {RUNTIME: "1.0"}}, probed_at_s=0.0, python="python3", bundle_hash=HASH,
    )  # fmt: skip
    model = ModelRow(name=MODEL, builds=[BuildRow(label="it", artifact=artifact, is_baseline=True)])
    with database.write() as session:
        session.add_all([device, model])
        session.flush()
        device_id = device.id
    asked = Submission(model=MODEL, protocol=protocol, blocks=1, bundle_hash=HASH, seed=1, runtimes=(RUNTIME,))
    studies.submit(database, asked)
    opened = picking.open_next(database, device_id)
    if not isinstance(opened, picking.Assignment):
        raise CannotMeasureError(f"the farm of one board does not start its run: {opened}")
    with database.write() as session:
        attempts.mark_started(session, opened.attempt_id)
    return opened


def _ingest(database: Database, attempt_id: int, journal: bytes) -> Ended:
    """As an attendant that comes late: piece by piece."""
    cursor, ended = 0, None
    while ended is None:
        with database.write() as session:
            attempt = session.get_one(AttemptRow, attempt_id)
            ended = ingest(session, attempt, journal[cursor : cursor + MAX_JOURNAL_BYTES], cursor).ended
            cursor = attempt.cursor_byte
    return ended


def _settle(database: Database, attempt_id: int, ended: Ended) -> None:
    with database.write() as session:
        attempt = session.get_one(AttemptRow, attempt_id)
        results.settle(session, attempt, ended)
        if attempt.run.counted_attempt is None:
            raise CannotMeasureError(f"the soak does not count: {attempt.code} {attempt.message}")


def _open_page(run_id: str, times: int) -> Iterator[float]:
    """Seconds of each opening with nothing remembered, in a process that has opened the app before."""
    app = AppTest.from_file(str(APP), default_timeout=PAGE_PATIENCE_S).run()
    for _ in range(times):
        st.cache_data.clear()
        app.switch_page("views/run.py")
        app.query_params["run"] = run_id
        took_s, _ = _timed(app.run)
        if app.exception:
            raise CannotMeasureError(f"the page of the run does not open: {app.exception[0].message}")
        yield took_s
    st.cache_resource.clear()


def _timed(step: Callable[[], T]) -> tuple[float, T]:
    began_s = time.perf_counter()
    result = step()
    return time.perf_counter() - began_s, result
