"""Simulated boards for whoever wants them: in a thread of this process, or in the foreground."""

import asyncio
import contextlib
import ipaddress
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from orchestrator.errors import SpecError
from orchestrator.simulator.board import USER, BoardBody
from orchestrator.simulator.boards import board_kind
from orchestrator.simulator.conditions import Conditions
from orchestrator.simulator.scenario import Scenario
from orchestrator.simulator.server import LOOPBACK, BoardServer
from orchestrator.transport.address import SshAddress
from orchestrator.transport.keys import HostKey

BOARDS_FILE = "boards.json"
_PATIENCE_S = 15.0
_PLAIN = Scenario()


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardNotice:
    """What somebody must know to register a simulated board."""

    name: str
    kind: str
    address: SshAddress
    host_key: HostKey
    home: Path

    def as_json(self) -> dict[str, str]:
        """Plain data, as boards.json holds it."""
        return {
            "name": self.name,
            "kind": self.kind,
            "ssh": str(self.address),
            "host_key": str(self.host_key),
            "fingerprint": self.host_key.fingerprint,
            "home": str(self.home),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, str]) -> Self:
        """The notice that `as_json` gave."""
        return cls(
            name=data["name"],
            kind=data["kind"],
            address=SshAddress.parse(data["ssh"]),
            host_key=HostKey.parse(data["host_key"]),
            home=Path(data["home"]),
        )


class SimulatedBoard:
    """A running simulated board, seen from another thread. Its faults are calls."""

    def __init__(self, server: BoardServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop

    @property
    def name(self) -> str:
        """Its name in the farm's folder."""
        return self._server.body.name

    @property
    def home(self) -> Path:
        """Its home folder; the farm folder is ``home/.pifarm``, the hardware tree ``home/board``."""
        return self._server.body.home

    @property
    def address(self) -> SshAddress:
        """Where it listens."""
        return _notice(self._server).address

    @property
    def host_key(self) -> HostKey:
        """The host key that it shows now."""
        return _notice(self._server).host_key

    @property
    def junction_c(self) -> float:
        """The true temperature of its die, which no sensor shows."""
        return self._server.body.die.junction_c

    @property
    def logins(self) -> list[str]:
        """The users who began to log in, in order: what a caller says who has accepted the host key."""
        return list(self._server.logins)

    def cut_connections(self) -> None:
        """Break every open connection now."""
        self._call(_soon(self._server.cut_connections))

    def refuse_connections(self) -> None:
        """Be off the network for whoever connects from now on."""
        self._call(self._server.refuse_connections())

    def accept_connections(self) -> None:
        """Be on the network again, at the same port."""
        self._call(self._server.accept_connections())

    def change_host_key(self) -> None:
        """Show another host key from now on."""
        self._call(self._server.change_host_key())

    def reboot(self) -> None:
        """Lose power: every process and connection ends, a new boot id, the same files."""
        self._call(self._server.reboot())

    def put_under(self, conditions: Conditions) -> None:
        """Live under these conditions from the next tick on; they outlast a reboot."""
        self._do(lambda body: body.put_under(conditions))

    def heat_to(self, celsius: float) -> None:
        """Be as warm as this at once, through and through."""
        self._do(lambda body: body.heat_to(celsius))

    def brown_out(self) -> None:
        """Lack voltage for a moment that no reading catches: only the sticky bit tells."""
        self._do(BoardBody.brown_out)

    def set_governor(self, name: str) -> None:
        """Be told another governor, as by its owner; a reboot forgets it."""
        self._do(lambda body: body.tree.set_governor(name))

    def make_busy(self, cores: int, seconds: float) -> None:
        """Be used by somebody else for so long: real processes of the host, which end by themselves."""
        self._do(lambda body: body.make_busy(cores, seconds))

    def _do(self, change: Callable[[BoardBody], None]) -> None:
        self._call(_soon(lambda: change(self._server.body)))

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)


@contextlib.contextmanager
def simulated_boards(
    folder: Path,
    kinds: Sequence[str],
    authorized_keys: Sequence[str],
    *,
    password: str | None = None,
    scenario: Scenario = _PLAIN,
) -> Iterator[list[SimulatedBoard]]:
    """Boards of these kinds, served by a thread of this process until the `with` block ends."""
    servers = prepare(folder, kinds, authorized_keys, password=password, scenario=scenario)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="simulated boards", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(_start(folder, servers), loop).result(_PATIENCE_S)
        yield [SimulatedBoard(server, loop) for server in servers]
    finally:
        asyncio.run_coroutine_threadsafe(_stop(servers), loop).result(_PATIENCE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_PATIENCE_S)
        loop.close()


def run_simulator(
    folder: Path,
    kinds: Sequence[str],
    authorized_keys: Sequence[str],
    *,
    port_base: int = 0,
    bind: str = LOOPBACK,
    scenario: Scenario = _PLAIN,
    on_ready: Callable[[list[BoardNotice]], None] = lambda notices: None,
    until: Callable[[], object] | None = None,
) -> None:
    """Serve boards in the foreground until SIGINT or SIGTERM, or until the blocking call `until` returns.

    Board n listens at `port_base` + n, or anywhere for 0, on the address `bind`. ``boards.json`` in `folder` tells
    where.
    """
    servers = prepare(folder, kinds, authorized_keys, port_base=port_base, bind=bind, scenario=scenario)
    asyncio.run(_serve(folder, servers, on_ready, until))


def prepare(
    folder: Path,
    kinds: Sequence[str],
    authorized_keys: Sequence[str],
    *,
    port_base: int = 0,
    bind: str = LOOPBACK,
    password: str | None = None,
    scenario: Scenario = _PLAIN,
) -> list[BoardServer]:
    """A server for each kind, none started, with homes in `folder`; a kind that comes again is numbered."""
    reachable_name(bind)
    names = board_names(kinds)
    if unknown := sorted(scenario.boards.keys() - set(names)):
        raise SpecError(f"scenario: boards: expected some of {', '.join(names)}, got {', '.join(unknown)}")
    servers = []
    for number, name in enumerate(names):
        home = (folder / name).resolve()
        body = BoardBody(home, name, board_kind(kinds[number]), scenario.of(name))
        servers.append(BoardServer(body, port=port_base and port_base + number, bind=bind, password=password))
        authorized = home / ".ssh" / "authorized_keys"
        authorized.write_text("".join(f"{line}\n" for line in authorized_keys))
        authorized.chmod(0o600)
    return servers


def board_names(kinds: Sequence[str]) -> list[str]:
    """A name for each board: its kind, numbered from the second of a kind on."""
    names: list[str] = []
    for index, kind in enumerate(kinds):
        before = kinds[:index].count(kind)
        names.append(f"{kind}-{before + 1}" if before else kind)
    return names


def reachable_name(bind: str) -> str:
    """By what others reach a board that listens there: this machine's name where it listens on every address.

    Raises `SpecError` for what is no address.
    """
    try:
        listens_everywhere = ipaddress.ip_address(bind).is_unspecified
    except ValueError as error:
        raise SpecError(f"bind: expected an address such as 127.0.0.1 or 0.0.0.0, got {bind!r}") from error
    return socket.gethostname() if listens_everywhere else bind


async def _serve(
    folder: Path,
    servers: list[BoardServer],
    on_ready: Callable[[list[BoardNotice]], None],
    until: Callable[[], object] | None,
) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    if until is not None:
        watch = threading.Thread(
            target=lambda: (until(), loop.call_soon_threadsafe(stopped.set)), name="until", daemon=True
        )
        watch.start()
    try:
        on_ready(await _start(folder, servers))
        await stopped.wait()
    finally:
        await _stop(servers)


async def _start(folder: Path, servers: list[BoardServer]) -> list[BoardNotice]:
    for server in servers:
        try:
            await server.start()
        except OSError as error:
            raise SpecError(f"{server.body.name}: cannot listen at port {server.port}: {error}") from error
    notices = [_notice(server) for server in servers]
    folder.mkdir(parents=True, exist_ok=True)  # without a board nobody has made it
    draft = folder / f".{BOARDS_FILE}.{os.getpid()}"
    draft.write_text(json.dumps([notice.as_json() for notice in notices], indent=1) + "\n")
    draft.replace(folder / BOARDS_FILE)
    return notices


async def _stop(servers: list[BoardServer]) -> None:
    await asyncio.gather(*(server.stop() for server in servers))
    rest = asyncio.all_tasks() - {task for task in (asyncio.current_task(),) if task is not None}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


async def _soon(call: Callable[[], None]) -> None:
    call()


def _notice(server: BoardServer) -> BoardNotice:
    return BoardNotice(
        name=server.body.name,
        kind=server.body.kind.name,
        address=SshAddress(user=USER, host=reachable_name(server.bind), port=server.port),
        host_key=HostKey.parse(server.host_key.export_public_key("openssh").decode()),
        home=server.body.home,
    )
