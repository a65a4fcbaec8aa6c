"""`pifarm status`: the farm at a glance, for a person or as one document."""

import time
from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from orchestrator.cli import console
from orchestrator.cli.device import device_rows
from orchestrator.cli.farm import JsonOption
from orchestrator.cli.study import study_rows
from orchestrator.queries.rows import DeviceView
from orchestrator.status import FarmStatus, ServerView, look_at, uptime_s
from orchestrator.text.numbers_text import age, duration, size, time_left
from orchestrator.text.waiting_text import at_the_gate

REFRESH_S = 2.0


def status(
    as_json: JsonOption = False,
    watch: Annotated[bool, typer.Option("--watch", help="Stay and look again every two seconds.")] = False,
) -> None:
    """What runs, what it does now, how much waits, and what wants attention."""
    farm = console.the_farm()
    if as_json:
        console.print_json(look_at(farm))
    elif watch:
        _watch(lambda: _page(look_at(farm)))
    else:
        console.out.print(_page(look_at(farm)))


def _watch(page: Callable[[], RenderableType]) -> None:
    with Live(page(), console=console.out, screen=console.out.is_terminal, auto_refresh=False) as live:
        while True:
            time.sleep(REFRESH_S)
            live.update(page(), refresh=True)


def _page(now: FarmStatus) -> RenderableType:
    parts: list[RenderableType] = [_headline(now), *_servers(now)]
    if now.parts:
        parts.append(console.make_table("parts", ["part", "pid", "since", "restarts", "last end"], _part_rows(now)))
    if now.heartbeats and not now.parts:
        rows = [[beat.name, age(beat.age_s)] for beat in now.heartbeats]
        parts.append(console.make_table("signs of life", ["process", "last work"], rows))
    parts.append(_line("queue", _queue(now)))
    for title, table, notes in (
        ("devices", device_rows(now.devices), _at_gates(now.devices)),
        ("active studies", study_rows(now.studies), ()),
    ):
        if table[1]:
            parts += [Text(), console.make_table(title, *table), *notes]
    if now.attention:
        rows = [[each.about, each.message] for each in now.attention]
        parts += [Text(), console.make_table("attention needed", ["what", "why, and what to do"], rows)]
    return Group(*parts)


def _headline(now: FarmStatus) -> Text:
    if not now.is_up:
        return _line(f"farm {now.farm}", "not running; start it with `pifarm up`", "bold red")
    if now.since_s is None:
        return _line(f"farm {now.farm}", "up: its broker answers; its worker and tick run elsewhere", "bold green")
    doing = "draining" if now.is_draining else "up"
    return _line(
        f"farm {now.farm}", f"{doing} for {duration(uptime_s(now.since_s))} (pid {now.supervisor_pid})", "bold green"
    )


def _servers(now: FarmStatus) -> Sequence[Text]:
    return (
        _line("home", f"{now.home} ({size(now.free_bytes)} free)"),
        _line("broker", _server(now.broker)),
        _line("database", f"{_server(now.database)}, revision {now.database.revision}"),
    )


def _server(server: ServerView) -> str:
    return f"{server.url} {'answers' if server.is_answering else 'does not answer'}"


def _part_rows(now: FarmStatus) -> list[list[str]]:
    return [
        [
            part.name,
            "waits" if part.pid is None else str(part.pid),
            duration(uptime_s(part.since_s)),
            str(part.restarts) + (" (keeps dying)" if part.keeps_dying else ""),
            part.last_end,
        ]
        for part in now.parts
    ]


def _at_gates(devices: Sequence[DeviceView]) -> Sequence[Text]:
    return [_line(device.name, text) for device in devices if (text := at_the_gate(device))]


def _queue(now: FarmStatus) -> str:
    left = "" if now.queue.eta_s is None else f", {time_left(now.queue.eta_s)}"
    return f"{now.queue.waiting} waiting, {now.queue.running} running{left}"


def _line(name: str, value: str, style: str = "") -> Text:
    return Text.assemble((f"{console.printable(name)}: ", "bold"), (console.printable(value), style))
