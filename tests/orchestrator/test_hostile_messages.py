"""Messages that no farm of ours sends: the worker refuses them, and does the next one."""

import pickle
import threading
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker

from orchestrator.config import Settings
from orchestrator.db.session import Database
from orchestrator.farm import Farm
from orchestrator.queue import ATTEND, make_app, serve
from tests.small_farm import add_device

pytestmark = pytest.mark.integration
NAMES: list[str] = []


class Trap:
    """Leaves its mark where somebody unpickles it."""

    def __reduce__(self) -> Any:
        return (NAMES.append, ("unpickled",))


def publish(app: Celery, body: bytes, content_type: str, encoding: str) -> None:
    """Put raw bytes on the attendants' queue."""
    with app.connection_for_write() as connection, connection.channel() as channel:
        producer = app.amqp.Producer(channel)
        producer.publish(
            body, routing_key="attend", exchange="attend", content_type=content_type, content_encoding=encoding,
            headers={"task": ATTEND, "id": "1", "lang": "py", "root_id": "1", "parent_id": None, "group": None},
            declare=[app.amqp.queues["attend"]],
        )  # fmt: skip


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_worker_refuses_what_is_no_doorbell_and_goes_on(database: Database, tmp_path: Path) -> None:
    device_id, served = add_device(database), threading.Event()
    settings = Settings(home=tmp_path / "home")
    app = make_app(settings)
    app.conf.update(broker_url="memory://hostile", broker_transport_options={})
    serve(app, Farm(settings=settings, database=database, farm_id="farm-1"), served.set)
    with start_worker(app, pool="solo", perform_ping_check=False, queues=["attend"]):
        publish(app, pickle.dumps(((Trap(),), {}, {})), "application/x-python-serialize", "binary")
        publish(app, b"\x80\x04no json", "application/json", "utf-8")
        publish(app, b"[[" * 1000, "application/json", "utf-8")
        for arguments in (["1"], [{"id": 1}], [[1]], [None], [True], [1.0], [2**70], [], [1, 2]):
            app.send_task(ATTEND, args=arguments)
        app.send_task("os.system", args=["true"], queue="attend")
        assert not served.is_set()
        app.send_task(ATTEND, args=[device_id])
        assert served.wait(30)
    assert NAMES == []
