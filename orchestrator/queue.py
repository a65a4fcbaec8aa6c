"""The Celery app: two tasks that carry an id or nothing, take seconds, and may be delivered twice, late, or never.

SQL is the memory, Celery is the muscle: messages are doorbells. So they are acknowledged early, nothing waits for a
result, and a lost one costs at most `leases.LOST_WAKE_S`. A broker or a database that goes away is waited for.
"""

import os
import secrets
import signal
import threading
from collections.abc import Callable, Iterable

import kombu.exceptions
from celery import Celery, signals

from orchestrator.attending import leases
from orchestrator.broker import broker_url
from orchestrator.config import Settings
from orchestrator.errors import DatabaseError
from orchestrator.events import log
from orchestrator.farm import Farm
from orchestrator.heartbeat import Heartbeat

ATTEND = "pifarm.attend"
TICK = "pifarm.tick"
TICK_S = 1.0
TICK_LIFE_S = 60.0  # by the wall clocks of two hosts: less would take a clock that is set wrong for a worker too few
WORKER_OPTIONS = (
    "--pool=threads",
    "--queues=attend,tick",
    "--without-gossip",
    "--without-mingle",
    "--without-heartbeat",
    "--loglevel=WARNING",
)


def make_app(settings: Settings) -> Celery:
    """A Celery app that can send; `serve` makes it one that works."""
    app = Celery("pifarm", broker=broker_url(settings), set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_default_queue="attend",
        task_routes={ATTEND: {"queue": "attend"}, TICK: {"queue": "tick"}},
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": 60,
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
            "socket_connect_timeout": 5.0,
            "socket_timeout": 10.0,
            "socket_keepalive": True,
        },
    )
    return app


def serve(app: Celery, farm: Farm, on_done: Callable[[], None] = lambda: None) -> None:
    """Register the two tasks; `on_done` hears of each that was not broken off. While the worker shuts down, attendants
    stop waiting and leave.
    """
    from orchestrator.attending.attend import attend  # brings SSH and statistics, which whoever only rings does without

    holder = f"{os.getpid()}-{secrets.token_hex(4)}"
    stopping = threading.Event()
    signals.worker_shutting_down.connect(lambda **_: stopping.set(), weak=False)

    @app.task(name=ATTEND)
    def attend_device(device_id: int) -> None:
        if type(device_id) is not int:
            log.warning("message refused", expected="a device's number", got=type(device_id).__name__)
            return
        try:
            attend(
                farm,
                device_id,
                f"{holder}-{threading.get_ident()}",
                lambda other: wake(app, [other]),
                stopping.wait,
            )
        except DatabaseError as error:
            log.warning("visit broken off", device=device_id, message=str(error))
        else:
            on_done()

    @app.task(name=TICK)
    def tick() -> None:
        try:
            wake(app, leases.claim_due(farm.database))
        except DatabaseError as error:
            log.warning("tick not done", message=str(error))
        else:
            on_done()


def wake(app: Celery, device_ids: Iterable[int]) -> None:
    """Ring for the attendants of these devices; without a broker the next tick does it."""
    try:
        for device_id in device_ids:
            app.send_task(ATTEND, args=[device_id], retry=False)
    except kombu.exceptions.OperationalError as error:
        log.warning("wake-up not sent", message=str(error))


def ring_worker(settings: Settings) -> None:
    """Give the workers one tick to do, so that they can show that they work; without a broker nothing happens."""
    send_tick(make_app(settings))


def send_tick(app: Celery) -> bool:
    """Send one tick; without a broker nothing happens. Whether it was sent."""
    try:
        app.send_task(TICK, expires=TICK_LIFE_S, retry=False)
    except kombu.exceptions.OperationalError as error:
        log.warning("tick not sent", message=str(error))
        return False
    return True


def run_worker(settings: Settings, farm: Farm) -> None:
    """Work until told to stop (SIGTERM: finish what is in hand)."""
    app = make_app(settings)
    heartbeat = Heartbeat.of(settings.heartbeats_dir, "worker")
    serve(app, farm, heartbeat.beat)
    _leave_logging_alone()
    with heartbeat.begun():
        app.worker_main(["--quiet", "worker", f"--concurrency={settings.worker_threads}", *WORKER_OPTIONS])


def run_tick(settings: Settings) -> None:
    """Send a tick a second until told to stop.

    Celery's beat reads the wall clock, and would stand still for as long as that steps back; this does not read any.
    """
    heartbeat = Heartbeat.of(settings.heartbeats_dir, "tick")
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    app = make_app(settings)
    with heartbeat.begun():
        while not stopping.is_set():
            if send_tick(app):
                heartbeat.beat()
            stopping.wait(TICK_S)


def _leave_logging_alone() -> None:
    """Keep Celery from setting up log lines of its own; whoever is connected here is asked to do it instead."""
    signals.setup_logging.connect(_keep_ours, weak=False)


def _keep_ours(**_: object) -> None:
    pass
