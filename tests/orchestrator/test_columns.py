"""Chunks of raw data: what goes in comes out, and nothing else does."""

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.codec import WireError
from agent.wire.records import Inferences, Phase, Telemetry
from orchestrator.db.columns import (
    FLOAT_SERIES,
    INTEGER_SERIES,
    join_inferences,
    join_telemetry,
    pack_inferences,
    pack_telemetry,
    unpack_inferences,
    unpack_telemetry,
)
from orchestrator.errors import InternalError
from tests import factories
from tests.agent.strategies import inferences, telemetry


@given(inferences())
def test_inferences_come_back_as_they_went_in(record: Inferences) -> None:
    columns = unpack_inferences(pack_inferences(record))
    assert tuple(columns.starts_ns.tolist()) == record.starts_ns
    assert tuple(columns.durations_ns.tolist()) == record.durations_ns
    assert columns.is_counted.tolist() == [record.phase is Phase.WINDOW] * len(record.starts_ns)


@given(telemetry())
def test_telemetry_comes_back_as_it_went_in_with_every_absence(record: Telemetry) -> None:
    columns = unpack_telemetry(pack_telemetry(record))
    assert tuple(columns.at_ns.tolist()) == record.at_ns
    for name in FLOAT_SERIES:
        came = [None if math.isnan(value) else value for value in columns.floats[name].tolist()]
        assert came == list(getattr(record, name))
    for name in INTEGER_SERIES:
        series = columns.integers[name]
        values = zip(series.values.tolist(), series.is_present.tolist(), strict=True)
        assert [value if is_present else None for value, is_present in values] == list(getattr(record, name))


@given(st.lists(inferences(), max_size=4))
def test_chunks_of_an_attempt_join_in_their_order(records: list[Inferences]) -> None:
    joined = join_inferences(unpack_inferences(pack_inferences(record)) for record in records)
    assert joined.durations_ns.tolist() == [value for record in records for value in record.durations_ns]
    assert len(joined.starts_ns) == len(joined.is_counted) == len(joined.durations_ns)


def test_an_attempt_without_chunks_has_empty_columns() -> None:
    assert len(join_inferences([]).starts_ns) == 0
    assert len(join_telemetry([]).series("throttled")) == 0


def test_an_absent_throttle_reading_is_not_a_clear_one() -> None:
    record = factories.telemetry(0, 500_000_000)
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    columns = unpack_telemetry(pack_telemetry(Telemetry(**{**values, "throttled": (0x50005, None, 0)})))
    assert columns.integers["throttled"].is_present.tolist() == [True, False, True]
    assert np.array_equal(columns.series("throttled"), [0x50005, np.nan, 0], equal_nan=True)


def test_an_inference_takes_about_five_bytes() -> None:
    durations = (20e6 * np.random.default_rng(1).lognormal(0, 0.01, 1000)).astype(int)
    assert len(pack_inferences(factories.inferences(durations.tolist()))) < 5 * 1000


def test_an_integer_beyond_64_bits_is_the_boards_fault() -> None:
    record = factories.telemetry(0, 500_000_000)
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    beyond = Telemetry(**{**values, "rss_bytes": (2**63,) * len(record.at_ns)})
    with pytest.raises(WireError, match="rss_bytes"):
        pack_telemetry(beyond)


@given(inferences(), st.data())
def test_a_blob_that_was_cut_or_lengthened_is_refused(record: Inferences, data: st.DataObject) -> None:
    blob = pack_inferences(record)
    cut = data.draw(st.integers(0, len(blob) - 1))
    for damaged in (blob[:cut], blob + b"x"):
        with pytest.raises(InternalError, match="chunk"):
            unpack_inferences(damaged)


@given(inferences(), st.data())
def test_a_changed_byte_never_changes_how_many_samples_there_are(record: Inferences, data: st.DataObject) -> None:
    blob = bytearray(pack_inferences(record))
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        columns = unpack_inferences(bytes(blob))
    except InternalError:
        return
    assert len(columns.starts_ns) == len(record.starts_ns)


@pytest.mark.parametrize("blob", [b"", b"pfcl", pack_telemetry(factories.telemetry(0, 10**9))])
def test_what_is_no_chunk_of_inferences_is_refused(blob: bytes) -> None:
    with pytest.raises(InternalError, match="chunk"):
        unpack_inferences(blob)
