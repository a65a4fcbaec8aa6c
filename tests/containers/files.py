"""Reads what containers are made from: docker-compose.yml, Dockerfile, .dockerignore.

`compose-spec.json` is the schema of the Compose Specification (Apache-2.0, by its authors), unchanged, as release 2.9.1
of the specification's reference implementation, compose-go, carries it.
"""

import fnmatch
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((Path(__file__).parent / "compose-spec.json").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same in C is ten times as fast, where it is built
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<mark>:-|:\?)(?P<rest>[^}]*))?\}")

Compose = Mapping[str, Any]


def read_compose() -> dict[str, Any]:
    """docker-compose.yml with its anchors resolved, its variables not."""
    document = yaml.load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"), _LOADER)
    assert isinstance(document, dict)
    return document


def changed(document: Compose, path: str, value: object) -> dict[str, Any]:
    """A copy in which the place ``a.b.3`` holds `value`, or is gone for None; nothing else changes with it."""
    other: dict[str, Any] = json.loads(json.dumps(document))  # what anchors share is apart in the copy
    *parents, last = (int(key) if key.isdigit() else key for key in path.split("."))
    place: Any = other
    for key in parents:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return other


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A variable that the user may set; `is_required` where the file has no value of its own."""

    name: str
    is_required: bool


def variables(value: object) -> Iterator[Variable]:
    """Each ``${NAME...}`` in a document."""
    if isinstance(value, str):
        for found in _VARIABLE.finditer(value):
            yield Variable(name=found["name"], is_required=found["mark"] == ":?")
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from variables(each)
    elif isinstance(value, list):
        for each in value:
            yield from variables(each)


def filled_in(text: str, values: Mapping[str, str]) -> str:
    """A text with its variables replaced by `values`, else by their defaults."""
    return _VARIABLE.sub(lambda found: values.get(found["name"], found["rest"] if found["mark"] == ":-" else ""), text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction of a Dockerfile, its lines joined; `options` are its words that begin with ``--``."""

    word: str
    options: tuple[str, ...]
    text: str


def read_dockerfile(text: str) -> dict[str, list[Instruction]]:
    """The instructions of each stage, those of the stage that it is built from first; the last one is ``""``."""
    joined = re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", text))
    stages: dict[str, list[Instruction]] = {}
    name = ""
    for line in filter(None, map(str.strip, joined.splitlines())):
        word, _, rest = line.partition(" ")
        words = rest.split()
        options = tuple(each for each in words if each.startswith("--")) if word in ("COPY", "ADD") else ()
        if word == "FROM":
            name = words[2] if len(words) > 2 else ""
            stages[name] = list(stages.get(words[0], []))
        instruction = Instruction(word=word, options=options, text=" ".join(w for w in words if w not in options))
        stages[name].append(instruction)
    return stages


def is_ignored(path: str, patterns: Sequence[str]) -> bool:
    """Whether a file stays out of the build, by a .dockerignore: the last pattern that fits it or a parent counts."""
    parts = path.split("/")
    names = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    ignored = False
    for pattern in patterns:
        plain = pattern.removeprefix("!").rstrip("/")
        forms = (plain, plain.removeprefix("**/"), f"*/{plain.removeprefix('**/')}") if "**/" in plain else (plain,)
        if any(fnmatch.fnmatchcase(name, form) for name in names for form in forms):
            ignored = not pattern.startswith("!")
    return ignored
