"""Log lines: one an event, useful to a person and to grep, and without a secret."""

import io
import logging
import shlex
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from orchestrator.db.session import Database
from orchestrator.events import EventKind, log, record
from orchestrator.log_lines import log_to
from tests.small_farm import plant, runs_of

KEYS = Path("/srv/pifarm/keys")


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    stream = io.StringIO()
    log_to(stream, keys_dir=KEYS)
    yield stream
    logging.captureWarnings(False)
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


def read(lines: io.StringIO) -> list[dict[str, str]]:
    """The fields of each line."""
    return [
        {name: value for name, _, value in (word.partition("=") for word in shlex.split(line))}
        for line in lines.getvalue().splitlines()
    ]


def test_an_event_is_one_line_with_time_level_device_and_run(lines: io.StringIO, database: Database) -> None:
    farm = plant(database)
    (run,) = runs_of(database, farm.study_id)
    with database.write() as session:
        record(session, EventKind.RUN_ENDED, "valid", device_id=farm.device_id, study_id=farm.study_id, run_id=run.id)
    line = read(lines)[-1]
    assert line.pop("at").endswith("Z")
    assert line == {
        "level": "info",
        "event": "run ended",
        "device": "pi5-kitchen",
        "run": run.id,
        "study": str(farm.study_id),
        "message": "valid",
    }
    assert lines.getvalue().startswith("at=2"), "the time comes first"


def test_what_does_not_apply_is_left_out(lines: io.StringIO) -> None:
    log.info("supervisor left", device=None, run=None, message="")
    assert set(read(lines)[0]) == {"at", "level", "event"}


def test_no_text_from_a_board_makes_a_line_of_its_own(lines: io.StringIO) -> None:
    log.warning("device unreachable", device="pi5", message='no"\nat=2026 level=info event="all is well"')
    assert lines.getvalue().count("\n") == 1
    assert "level=warning" in lines.getvalue()


def test_libraries_warn_in_the_same_form_and_do_not_chatter(lines: io.StringIO) -> None:
    logging.getLogger("paramiko.transport").info("connected")
    logging.getLogger("celery").warning("connection %s", "lost")
    (line,) = read(lines)
    assert (line["level"], line["event"]) == ("warning", "connection lost")


def test_an_exception_is_one_line_too(lines: io.StringIO) -> None:
    try:
        raise ValueError("surprise")
    except ValueError:
        logging.getLogger("celery.app.trace").exception("task failed")
    assert lines.getvalue().count("\n") == 1
    assert "ValueError: surprise" in lines.getvalue()


def test_a_warning_of_python_is_a_line(lines: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old\nhat", stacklevel=1)
    assert lines.getvalue().count("\n") == 1
    assert "old" in lines.getvalue()


def test_no_password_and_no_path_of_a_key_is_logged(lines: io.StringIO) -> None:
    log.warning("broker lost", message="redis://farm:s3cret@broker:6379/0 is gone", also=["postgresql://a:s3cret@db/x"])
    logging.getLogger("paramiko").error("cannot read %s", KEYS / "farm_ed25519")
    try:
        raise ValueError("amqp://:s3cret@broker")
    except ValueError:
        logging.getLogger("celery").exception("no")
    assert "s3cret" not in lines.getvalue()
    assert str(KEYS) not in lines.getvalue()
    assert "redis://farm:***@broker:6379/0 is gone" in lines.getvalue()
