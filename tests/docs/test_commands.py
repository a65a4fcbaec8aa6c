"""Every `pifarm ...` that a page shows exists, with the options and as many arguments as are shown."""

import shlex

import pytest
import typer
from typer.core import TyperGroup

from orchestrator.cli import app
from orchestrator.protocols import PRESETS, setting_names
from tests.docs.pages import Page, read_pages

PIFARM = typer.main.get_command(app)


def complaint(shown: str) -> str | None:
    """What is wrong with a command as a page shows it, None if nothing is."""
    words = [word.strip("[]") for word in shlex.split(shown.replace("...", "")) if word.strip("[]")]
    command, rest = PIFARM, words[1:]
    while isinstance(command, TyperGroup) and rest:
        if rest[0] not in command.commands:
            return f"there is no command {rest[0]!r}"
        command, rest = command.commands[rest[0]], rest[1:]
    options = {name: each for each in command.params for name in (*each.opts, *each.secondary_opts)}
    arguments, values = [], []
    while rest:
        name, equals, value = rest[0].partition("=") if rest[0].startswith("-") else ("", "", rest[0])
        rest = rest[1:]
        if not name:
            arguments.append(value)
        elif name not in options:
            return f"there is no option {name}"
        elif not getattr(options[name], "is_flag", False):
            if not equals and not rest:
                return f"{name} needs a value"
            values.append((name, value if equals else rest.pop(0)))
    most = [each.nargs for each in command.params if each.param_type_name == "argument"]
    if -1 not in most and len(arguments) > sum(most):
        return f"expected at most {sum(most)} arguments, got {arguments}"
    return next((text for name, value in values if (text := complaint_about(name, value))), None)


def complaint_about(option: str, value: str) -> str | None:
    """What is wrong with a value, as far as the value is a name of ours."""
    if option == "--protocol" and value not in PRESETS:
        return f"there is no protocol {value!r}"
    if option == "--set" and value.partition("=")[0] not in setting_names():
        return f"there is no setting {value!r}"
    return None


@pytest.mark.parametrize("page", read_pages(), ids=lambda page: page.name)
def test_every_command_on_the_page_exists(page: Page) -> None:
    wrong = {shown: text for shown in page.commands if (text := complaint(shown)) is not None}
    assert wrong == {}


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("pifarm race", "no command 'race'"),
        ("pifarm device paint shelf-1", "no command 'paint'"),
        ("pifarm device list --colour", "no option --colour"),
        ("pifarm submit yolo --protocol=slow", "no protocol 'slow'"),
        ("pifarm submit yolo --set window.size=3", "no setting 'window.size=3'"),
        ("pifarm study watch 1 2", "at most 1 arguments"),
        ("pifarm study watch --help", "no option --help"),
        ("pifarm submit yolo --blocks", "--blocks needs a value"),
    ],
)
def test_a_command_that_does_not_exist_is_found(shown: str, expected: str) -> None:
    assert expected in (complaint(shown) or "")


@pytest.mark.parametrize(
    "shown",
    [
        "pifarm up --no-dashboard",
        "pifarm model add yolo a.onnx b.onnx",
        "pifarm submit yolo [--variant V]... --set window.min_s=30 --wait",
        "pifarm device add shelf-1 --ssh pi@shelf-1.lan --label cooling=fan --label room=lab",
    ],
)
def test_a_command_that_exists_is_no_complaint(shown: str) -> None:
    assert complaint(shown) is None


def test_commands_are_found_in_blocks_and_in_the_text() -> None:
    block = "```\npifarm up --json   starts it\n 1  pifarm status | less\n```"
    page = Page(name="a page", text=f"Run `pifarm key` and then:\n{block}\n`pifarm.toml`")
    assert page.commands == ["pifarm up --json", "pifarm status", "pifarm key"]


def test_what_a_command_printed_is_no_command() -> None:
    text = "```\n$ pifarm up\npifarm is up\n```"
    assert Page(name="a page", text=text).commands == ["pifarm up"]
