"""How commands speak: one console for people, one document for programs, one way to read options.

Names that come from users or boards are escaped before they reach a terminal.
"""

import dataclasses
import enum
import json
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from orchestrator import audit
from orchestrator.config import load_settings
from orchestrator.errors import SpecError
from orchestrator.farm import Farm, open_farm

LARGEST_ID = 2**63 - 1
WIDTH_OF_A_PIPE = 160  # no terminal says how wide it is: wide enough for a table, narrow enough for a page

out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_OF_A_PIPE)
err = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else WIDTH_OF_A_PIPE)
_opened = ExitStack()


def the_farm() -> Farm:
    """The farm of this process's settings, until `leave`; its diary's log lines do not mix with a command's output."""
    import logging

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    farm = open_farm(load_settings())
    _opened.callback(farm.database.engine.dispose)
    return farm


def note(farm: Farm, action: str, target: str) -> None:
    """Write into the audit log what a command has changed; of one that was refused nothing is stored."""
    audit.write(farm.database, audit.user_here(), action, target)


def leave() -> None:
    """Close what the command has opened."""
    _opened.close()


def printable(text: str) -> str:
    """Text from users and boards without the characters that would steer a terminal."""
    steering = (char for char in set(text) - {"\n"} if unicodedata.category(char).startswith("C"))
    return text.translate({ord(char): "\N{REPLACEMENT CHARACTER}" for char in steering})


def shown(text: str) -> str:
    """The same for rich, which would take brackets for markup."""
    return escape(printable(text))


def complain(message: str) -> None:
    """One error line for a person."""
    err.print(f"[bold red]error:[/] {shown(message)}", soft_wrap=True)


def say(message: str) -> None:
    """One line for a person, on standard output."""
    out.print(shown(message), soft_wrap=True)


def tell(message: str) -> None:
    """One line about progress or what to do next, on standard error: never part of a document."""
    err.print(shown(message), soft_wrap=True)


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(as_json(value), indent=2, allow_nan=False) + "\n")


def as_json(value: Any) -> Any:
    """Plain JSON data of facts, enums and containers."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    return value


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> None:
    """A table for a person; `right` names the columns of figures."""
    out.print(make_table(title, columns, rows, right))


def make_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> Table:
    """The same, to be part of something larger."""
    table = Table(
        title=shown(title) if title else None,
        title_justify="left",
        header_style="bold",
        box=None,
        pad_edge=False,
    )
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(shown(cell) for cell in row))
    return table


@contextmanager
def transfer_bar(title: str) -> Iterator[Any]:
    """A progress bar on standard error for bytes; gives a callback (done, total)."""
    with _bar(title, DownloadColumn(), TransferSpeedColumn()) as told:
        yield told


@contextmanager
def count_bar(title: str) -> Iterator[Any]:
    """The same for things that are counted."""
    with _bar(title, MofNCompleteColumn()) as told:
        yield told


@contextmanager
def _bar(title: str, *figures: ProgressColumn) -> Iterator[Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), *figures, TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task(shown(title), total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def parse_pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    """Options like ``cooling=fan`` as a mapping; raises `SpecError` that shows the form."""
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise SpecError(f"{option} {text}: expected NAME=VALUE")
        pairs[name] = value
    return pairs


def parse_numbers(option: str, texts: Sequence[str]) -> dict[str, float]:
    """Options like ``mAP50=0.699`` as numbers; raises `SpecError` that shows the form."""
    numbers = {}
    for name, value in parse_pairs(option, texts).items():
        try:
            numbers[name] = float(value)
        except ValueError as error:
            raise SpecError(f"{option} {name}={value}: expected a number after '='") from error
    return numbers


def parse_integers(option: str, text: str) -> tuple[int, ...]:
    """An option like ``1,4`` as integers; raises `SpecError` that shows the form."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise SpecError(f"{option} {text}: expected whole numbers like 1,4") from error


def parse_share(option: str, text: str) -> float:
    """An option like ``1%`` as a share, here 0.01; raises `SpecError` that shows the form."""
    number, percent, rest = text.strip().partition("%")
    try:
        if not percent or rest:
            raise ValueError("no percentage")
        return float(number) / 100
    except ValueError as error:
        raise SpecError(f"{option} {text}: expected a percentage like 1%") from error
