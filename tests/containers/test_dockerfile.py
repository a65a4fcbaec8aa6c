"""The Dockerfile builds what the compose file runs, from what .dockerignore lets in, and not as root."""

import re
from collections.abc import Mapping, Sequence

import pytest

from orchestrator.config import Settings
from tests.containers.compose_rules import ours
from tests.containers.files import PROJECT, ROOT, Instruction, is_ignored, read_compose, read_dockerfile

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PATTERNS = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
KEPT_OUT = (
    ".git/config",
    ".venv/bin/python",
    ".env",
    "tests/conftest.py",
    "docs/design.md",
    "benchmarks/x.py",
    "orchestrator/__pycache__/x.pyc",
    "agent/runtimes/__pycache__/x.cpython-313.pyc",
    "dashboard/x.pyc",
)
Stages = Mapping[str, Sequence[Instruction]]


def complaints(text: str, patterns: Sequence[str] = PATTERNS) -> list[str]:
    """What is wrong with a Dockerfile; empty if nothing is."""
    stages = read_dockerfile(text)
    return [
        *(f"there is no target {target}" for target in targets() if target not in stages),
        *complaints_about_copies(stages, patterns),
        *complaints_about_users(stages),
        *complaints_about_settings(stages),
        *complaints_about_extras(stages),
        *complaints_about_python(stages),
    ]


def targets() -> set[str]:
    """What the compose file builds."""
    return {service["build"]["target"] for _, service in ours(read_compose())}


def complaints_about_copies(stages: Stages, patterns: Sequence[str]) -> list[str]:
    copied = [
        source
        for instructions in stages.values()
        for each in instructions
        if each.word in ("COPY", "ADD") and not any(option.startswith("--from=") for option in each.options)
        for source in each.text.split()[:-1]
    ]
    missing = [f"{source} does not exist" for source in copied if not (ROOT / source).exists()]
    return missing + [f"{source} is ignored" for source in copied if is_ignored(source, patterns)]


def complaints_about_users(stages: Stages) -> list[str]:
    """A name says nothing of the number, and orchestrators check the number."""
    found = []
    for name, instructions in stages.items():
        users = [each.text for each in instructions if each.word == "USER"]
        if not users or re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]) is None:
            found.append(f"{name or 'the default'}: runs as {users[-1:]}")
    return found


def complaints_about_settings(stages: Stages) -> list[str]:
    known = {f"PIFARM_{name.upper()}" for name in Settings.model_fields}
    texts = [each.text for instructions in stages.values() for each in instructions if each.word == "ENV"]
    return [f"no setting {name}" for text in texts for name in re.findall(r"PIFARM_\w+", text) if name not in known]


def complaints_about_extras(stages: Stages) -> list[str]:
    """Each extra exists, and boards alone get one: asyncssh is theirs."""
    found = []
    for name, instructions in stages.items():
        wanted = {
            each
            for line in instructions
            for extras in re.findall(r"\[([\w,]+)\]", run_text(line))
            for each in extras.split(",")
        }
        found += [f"there is no extra {extra}" for extra in wanted - set(PROJECT["optional-dependencies"])]
        if wanted and name != "sim":
            found.append(f"{name or 'the default'}: installs {wanted}")
        if name == "sim" and wanted != {"sim"}:
            found.append("sim: cannot simulate boards")
    return found


def run_text(instruction: Instruction) -> str:
    return instruction.text if instruction.word == "RUN" else ""


def complaints_about_python(stages: Stages) -> list[str]:
    base = next(each.text for instructions in stages.values() for each in instructions if each.word == "FROM")
    found = re.match(r"python:(\d\.\d+)-slim", base)
    supported = {each.rpartition(" ")[2] for each in PROJECT["classifiers"] if "Python :: 3." in each}
    return [] if found and found[1] in supported else [f"no Python that pifarm supports: {base}"]


def test_the_dockerfile_is_right() -> None:
    assert complaints(TEXT) == []


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("AS sim", "AS boards", "there is no target sim"),
        ("COPY agent agent", "COPY agents agents", "agents does not exist"),
        ("COPY agent agent", "COPY tests tests", "tests is ignored"),
        ("COPY agent agent", "USER root\nCOPY agent agent", None),
        ("USER 10001:10001\nENTRYPOINT", "USER pifarm\nENTRYPOINT", "farm: runs as ['pifarm']"),
        ("USER 10001:10001\nENTRYPOINT", "ENTRYPOINT", "farm: runs as []"),
        ("USER 10001:10001\n\nFROM farm\n", "USER 0:0\n\nFROM farm\n", "sim: runs as ['0:0']"),
        ("USER 10001:10001\n\nFROM farm\n", "\nFROM farm\n", "sim: runs as ['root']"),
        ("ENV PIFARM_HOME=", "ENV PIFARM_HOUSE=", "no setting PIFARM_HOUSE"),
        ("pifarm[sim]", "pifarm[simulator]", "there is no extra simulator"),
        ("pifarm[sim]", "pifarm", "sim: cannot simulate boards"),
        ("constraints.txt .\n", 'constraints.txt ".[sim]"\n', "farm: installs {'sim'}"),
        ("FROM python:3.13-slim", "FROM python:3.9-slim", "no Python that pifarm supports"),
        ("FROM python:3.13-slim", "FROM python", "no Python that pifarm supports"),
    ],
)
def test_what_is_wrong_is_found(right: str, wrong: str, complaint: str | None) -> None:
    assert right in TEXT
    found = complaints(TEXT.replace(right, wrong, 1))
    assert found == [] if complaint is None else any(complaint in each for each in found), found


def test_the_default_target_is_the_one_without_simulated_boards() -> None:
    stages = read_dockerfile(TEXT)
    assert [each for each in stages[""] if each.word != "FROM"] == [
        each for each in stages["farm"] if each.word != "FROM"
    ]


def test_a_container_is_the_command_line() -> None:
    for instructions in read_dockerfile(TEXT).values():
        assert [each.text for each in instructions if each.word == "ENTRYPOINT"] == ['["pifarm"]']
    assert PROJECT["scripts"]["pifarm"]


@pytest.mark.parametrize("path", KEPT_OUT)
def test_what_an_image_does_not_need_stays_out(path: str) -> None:
    assert is_ignored(path, PATTERNS)
    assert not is_ignored(path, [])


@pytest.mark.parametrize("path", ["orchestrator/db/migrations/env.py", "orchestrator/demo/files/metrics.json"])
def test_what_it_needs_is_let_in(path: str) -> None:
    assert (ROOT / path).exists()
    assert not is_ignored(path, PATTERNS)


@pytest.mark.parametrize(
    ("path", "patterns", "ignored"),
    [
        ("a/b", ["a"], True),
        ("ab", ["a"], False),
        ("a/b", ["*", "!a"], False),
        ("a/b.pyc", ["*", "!a", "**/*.pyc"], True),
        ("b.pyc", ["**/*.pyc"], True),
        ("a/b/c/d.pyc", ["**/c"], True),
    ],
)
def test_patterns_mean_what_the_builder_takes_them_for(path: str, patterns: list[str], ignored: bool) -> None:
    assert is_ignored(path, patterns) is ignored
