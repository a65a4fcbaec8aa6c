"""The supervisor's loop: starts the parts, looks after them, rotates their logs, and drains them at the end.

The first SIGINT, SIGTERM or SIGHUP drains: attendants finish their visit, boards go on measuring by themselves. A
SIGINT after that ends everything at once, which costs no result either: whatever is not in SQL is on a board's disk.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from orchestrator import broker, studies
from orchestrator.config import Settings
from orchestrator.errors import InternalError
from orchestrator.events import log
from orchestrator.farm import Farm
from orchestrator.supervisor.clients import has_clients
from orchestrator.supervisor.parts import Part, start_tethered
from orchestrator.supervisor.rotation import part_log, rotate_logs
from orchestrator.supervisor.state import SupervisorState, supervisor_lock, write_state

STARTUP_S = 30.0
DRAIN_S = 30.0
IDLE_S = 3.0
POLL_S = 0.25
_DRAINING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What signals ask for: to drain, or, once that was asked, to end at once."""

    drain: threading.Event = field(default_factory=threading.Event)
    end: threading.Event = field(default_factory=threading.Event)

    def listen(self) -> None:
        """Take signals from now on; one that is ignored stays so, as under nohup."""
        for number in _DRAINING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda number, frame: self.take(number))

    def take(self, number: int) -> None:
        """Note a signal."""
        if self.drain.is_set() and number == signal.SIGINT:
            self.end.set()
        self.drain.set()


def supervise(farm: Farm, *, with_dashboard: bool, on_demand: bool, tell: Callable[[str], None]) -> None:
    """Run the farm's parts until told to stop or, on demand, until nobody needs them; never two at once.

    Raises `KeyboardInterrupt` where it was ended at once, `SpecError` where the configured broker does not answer.
    """
    broker.require_answering(farm.settings)
    orders = Orders()
    orders.listen()
    with supervisor_lock(farm.settings, "up"):
        Supervisor(farm=farm, parts=make_parts(farm.settings, with_dashboard), orders=orders, tell=tell).run(
            on_demand=on_demand
        )
    if orders.end.is_set():
        raise KeyboardInterrupt


@dataclass(kw_only=True)
class Supervisor:
    """Lifecycle: made under the supervisor's lock, `run` once."""

    farm: Farm
    parts: Sequence[Part]
    orders: Orders
    tell: Callable[[str], None]
    _since_s: float = field(default_factory=time.time)

    def run(self, *, on_demand: bool) -> None:
        """Start the parts, look after them until it is time to leave, and drain."""
        log.info("supervisor started", pid=os.getpid(), home=str(self.farm.settings.home))
        try:
            self._start()
            self.tell(_welcome(self.farm.settings, self.parts))
            self._look_after(on_demand)
        finally:
            self._drain()
            log.info("supervisor left")

    def _start(self) -> None:
        deadline_s = time.monotonic() + STARTUP_S
        for part in self.parts:
            part.look_after()
            self._say()
            while part.name == "broker" and not broker.is_answering(self.farm.settings):
                if self.orders.drain.wait(0.02):
                    return
                if time.monotonic() > deadline_s:
                    log_path = part_log(self.farm.settings, "broker").path
                    raise InternalError(f"broker: it does not answer; see {log_path}")
                part.look_after()

    def _look_after(self, on_demand: bool) -> None:
        self._say(is_ready=True)
        needed_at_s = time.monotonic()
        while not self.orders.drain.wait(POLL_S):
            if [part for part in self.parts if part.look_after()]:
                self._say(is_ready=True)
            rotate_logs(self.farm.settings)
            if on_demand:
                if has_clients(self.farm.settings) or studies.any_active(self.farm.database):
                    needed_at_s = time.monotonic()
                if time.monotonic() - needed_at_s > IDLE_S:
                    return

    def _drain(self) -> None:
        """The broker goes last: until then the others may still speak to it."""
        self._say(is_draining=True)
        if any(not part.has_ended() for part in self.parts):
            log.info("draining", at_most_s=DRAIN_S)
            self.tell(f"draining: visits to boards are finished, at most {DRAIN_S:.0f} s; Ctrl-C again ends at once")
        deadline_s = time.monotonic() + DRAIN_S
        for group in (
            [part for part in self.parts if part.name != "broker"],
            [part for part in self.parts if part.name == "broker"],
        ):
            for part in group:
                part.ask_to_end()
            while not all(part.has_ended() for part in group):
                if self.orders.end.wait(0.05) or time.monotonic() > deadline_s:
                    break
            for part in group:
                part.end()

    def _say(self, *, is_ready: bool = False, is_draining: bool = False) -> None:
        state = SupervisorState(
            pid=os.getpid(),
            since_s=self._since_s,
            is_ready=is_ready,
            is_draining=is_draining,
            parts=tuple(part.state() for part in self.parts),
        )
        write_state(self.farm.settings, state)


def make_parts(settings: Settings, with_dashboard: bool) -> list[Part]:
    """The processes of a farm, in the order of their start."""
    commands = {"broker": broker.embedded_command(settings)} if settings.has_own_broker else {}
    for name in ("worker", "tick", *(["dashboard"] if with_dashboard else [])):
        commands[name] = [sys.executable, "-m", "orchestrator", name]
    return [_make_part(settings, name, command) for name, command in commands.items()]


def _make_part(settings: Settings, name: str, command: Sequence[str]) -> Part:
    own_log, environment = part_log(settings, name), settings.environment()
    return Part(name=name, start=lambda: start_tethered(command, own_log, environment))


def _welcome(settings: Settings, parts: Sequence[Part]) -> str:
    has_dashboard = any(part.name == "dashboard" for part in parts)
    where = (
        f"dashboard: http://{settings.dashboard_address}:{settings.dashboard_port}" if has_dashboard else "no dashboard"
    )
    return f"pifarm is up ({where}; logs: {settings.logs_dir}); Ctrl-C stops it"
