"""Devices, models and events through the read door."""

import pytest
from sqlalchemy import func, select, update

from orchestrator.attending.lifecycle import DeviceState, RunState
from orchestrator.db.session import Database
from orchestrator.db.tables import DeviceRow
from orchestrator.errors import NotFoundError
from orchestrator.events import EventKind, record
from orchestrator.queries.farm import get_device, list_devices, recent_events
from orchestrator.queries.models import get_model, list_models
from tests import factories


def test_a_device_says_what_it_is_and_how_old_that_is(database: Database) -> None:
    factories.add_device(database)
    with database.write() as session:
        session.execute(update(DeviceRow).values(last_seen_at_s=DeviceRow.created_at_s - 30, last_temperature_c=51.5))
    device = get_device(database, "pi5-1")
    assert (device.name, device.address, device.board_type, device.state) == (
        "pi5-1",
        "pi@pi5-1.lan",
        "pi5",
        DeviceState.READY,
    )
    assert device.fingerprint is not None
    assert device.fingerprint.startswith("SHA256:")
    assert device.last_seen_age_s == pytest.approx(30, abs=20)
    assert (device.labels, device.facts, device.absent) == ({"cooling": "fan"}, {"kernel": "6.12"}, ("power_w",))
    assert (device.runtimes, device.unsupported) == ({"onnxruntime": "1.32.0"}, {"ncnn": "not installed"})
    assert (device.doing, device.doing_run, device.doing_study, device.queued) == (None, None, None, 0)


def test_a_local_device_that_was_never_seen_has_neither_address_nor_age(database: Database) -> None:
    factories.add_device(database)
    with database.write() as session:
        session.execute(update(DeviceRow).values(address=None, host_key=None))
    device = get_device(database, "pi5-1")
    assert (device.address, device.fingerprint, device.last_seen_age_s) == (None, None, None)


def test_a_busy_device_says_what_it_does_and_how_much_waits(database: Database) -> None:
    factories.add_device(database, "pi5-1")
    factories.add_device(database, "pi5-2")
    factories.add_model(database)
    study = factories.add_study(database, devices=("pi5-1", "pi5-2"), blocks=2)
    run = factories.run_ids(database, study, device="pi5-1")[1]
    factories.change_run(database, run, state=RunState.RUNNING)
    busy, waiting = list_devices(database)
    assert busy.doing_study == study
    assert (busy.doing, busy.doing_run, busy.queued) == ("yolov9-c/int8@onnxruntime,t4", run, 3)
    assert (waiting.doing, waiting.queued) == (None, 4)


def test_an_unknown_device_or_model_lists_what_there_is(database: Database) -> None:
    factories.add_device(database)
    with pytest.raises(NotFoundError, match="device: 'pi9' is unknown; there are pi5-1"):
        get_device(database, "pi9")
    with pytest.raises(NotFoundError, match="model: 'x' is unknown; there are none"):
        get_model(database, "x")


def test_a_model_shows_its_builds_with_files_and_metrics(database: Database) -> None:
    factories.add_model(database, "b", metrics={"int8": {"mAP50": 0.68}})
    factories.add_model(database, "a", ("only",))
    assert [model.model for model in list_models(database)] == ["a", "b"]
    fp32, int8 = get_model(database, "b").builds
    assert (fp32.label, fp32.is_baseline, fp32.format, fp32.files) == ("fp32", True, "onnx", ("model.onnx",))
    assert (int8.is_baseline, int8.metrics) == (False, {"mAP50": {"value": 0.68, "source": "declared"}})
    assert fp32.inputs[0]["shape"] == [1, 3, 64, 64]


def test_events_come_newest_first_and_of_whom_they_are_asked(database: Database) -> None:
    example = factories.fill(database)
    with database.write() as session:
        device = session.scalar(select(func.min(DeviceRow.id)))
        record(session, EventKind.DEVICE_ADDED, "first", device_id=device)
        record(session, EventKind.STUDY_ENDED, "second", study_id=example.study)
    assert [event.message for event in recent_events(database)] == ["second", "first"]
    assert [event.device for event in recent_events(database, device="pi5-1")] == ["pi5-1"]
    assert [event.study for event in recent_events(database, study=example.study)] == [example.study]
    assert len(recent_events(database, limit=1)) == 1
