"""docs/containers.md says what docker-compose.yml is: its services, variables, profile and limits."""

import itertools
import re
import shlex

import pytest

from orchestrator.health import STALE_S
from tests.containers.compose_rules import complaints_of_typer, services
from tests.containers.files import Compose, read_compose, variables
from tests.docs.pages import read_page

COMPOSE = read_compose()
PAGE = read_page("docs/containers.md")
TAKES_A_VALUE = {"--volume", "--entrypoint", "--tail", "--profile"}


def shown(text: str) -> list[list[str]]:
    """Each ``docker compose ...`` of a block, as words, without what a shell does with it."""
    lines = (shlex.split(line, comments=True) for line in re.findall(r"(?m)^docker compose (.*)$", text))
    return [list(itertools.takewhile(lambda word: word not in "<>", words)) for words in lines]


def complaint(words: list[str], compose: Compose) -> str | None:
    """What is wrong with a ``docker compose`` line: it names no service, a wrong one, or a command we do not have."""
    profiles: list[str] = []
    rest = list(words)
    while rest and rest[0] == "--profile":
        profiles, rest = [*profiles, rest[1]], rest[2:]
    known = {profile for _, service in services(compose) for profile in service.get("profiles", ())}
    if unknown := set(profiles) - known:
        return f"there is no profile {unknown}"
    verb, rest = rest[0], rest[1:]
    has_entrypoint = "--entrypoint" in rest
    while rest and rest[0].startswith("--"):
        rest = rest[2:] if rest[0] in TAKES_A_VALUE else rest[1:]
    named = rest[:1] if verb in ("exec", "run") else rest
    if unknown := set(named) - set(compose["services"]):
        return f"there is no service {unknown}"
    if verb == "run" and not has_entrypoint:
        return next(iter(complaints_of_typer(rest[1:])), None)
    return None


def test_every_line_is_about_services_that_there_are() -> None:
    lines = shown(PAGE.text)
    assert len(lines) > 20
    assert {" ".join(words): text for words in lines if (text := complaint(words, COMPOSE))} == {}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("docker compose --profile boards up", "there is no profile {'boards'}"),
        ("docker compose exec --no-TTY workers cat /x > x", "there is no service {'workers'}"),
        ("docker compose logs --tail 50 worker clock", "there is no service {'clock'}"),
        ("docker compose run --rm worker modell add", "there is no command ['modell']"),
        ("docker compose run --rm --entrypoint sh workers -c 'cat'", "there is no service {'workers'}"),
    ],
)
def test_a_line_about_something_else_is_found(line: str, expected: str) -> None:
    (words,) = shown(line)
    assert complaint(words, COMPOSE) == expected


@pytest.mark.parametrize(
    "line",
    [
        "docker compose stop                  # the worker ends",
        "docker compose run --rm --entrypoint sh worker -c 'cat > /x' < x",
        "docker compose --profile sim up --build --detach",
    ],
)
def test_a_line_that_is_right_is_no_complaint(line: str) -> None:
    (words,) = shown(line)
    assert complaint(words, COMPOSE) is None


def test_every_variable_is_in_the_table_and_no_other() -> None:
    in_table = {row[0].strip("`") for row in PAGE.table_below("### What can be set")}
    assert in_table == {variable.name for variable in variables(COMPOSE)}


def test_the_page_knows_how_long_a_sign_of_life_counts() -> None:
    assert PAGE.text.count(f"in the last {STALE_S:g} s") == 2


def test_every_service_of_production_is_in_the_table() -> None:
    in_table = {row[0].strip("`") for row in PAGE.table_below("## Start")}
    assert in_table == {name for name, service in services(COMPOSE) if "profiles" not in service}
