"""Who may import whom, as docs/design.md states it. The lists below are its exceptions, by name."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.import_rules import (
    Module,
    Rule,
    find_cycle,
    find_imports,
    find_reached,
    find_uses,
    is_within,
    read_module,
    read_package,
)

ROOT = Path(__file__).parent.parent
PACKAGES = ("agent", "orchestrator", "dashboard")

# A name stands for itself and for all below it: orchestrator.db covers orchestrator.db.tables.
READS_ENVIRONMENT = ("orchestrator.config", "agent.runtimes")  # of the latter only what the agent itself has set
SPEAKS_CELERY = ("orchestrator.queue",)
SPEAKS_SSH = ("orchestrator.transport.ssh",)
SERVES_SSH = ("orchestrator.simulator",)
SPEAKS_SQL = (
    "orchestrator.attending.attempts",
    "orchestrator.attending.baseline",
    "orchestrator.attending.equipping",
    "orchestrator.attending.evaluations",
    "orchestrator.attending.ingest",
    "orchestrator.attending.journal_order",
    "orchestrator.attending.known_onsets",
    "orchestrator.attending.leases",
    "orchestrator.attending.links",
    "orchestrator.attending.picking",
    "orchestrator.attending.references",
    "orchestrator.attending.results",
    "orchestrator.attending.scoring",
    "orchestrator.attending.tenure",
    "orchestrator.boards.fleet",
    "orchestrator.boards.quota",
    "orchestrator.boards.surroundings",
    "orchestrator.canary",
    "orchestrator.catalog",
    "orchestrator.datasets.catalog",
    "orchestrator.db",
    "orchestrator.evaluation_plan",
    "orchestrator.events",
    "orchestrator.farm",
    "orchestrator.published",
    "orchestrator.queries",
    "orchestrator.studies.choice",
    "orchestrator.studies.ending",
    "orchestrator.studies.extension",
    "orchestrator.studies.narrowing",
    "orchestrator.studies.planting",
    "orchestrator.studies.searching",
)
RUNTIME_PLUGINS = ("orchestrator.simulator",)  # may import agent.runtimes: they travel inside the bundle
# What images and outputs mean, said once: boards answer by it, the farm compares by it.
SHARED_ARITHMETIC = ("agent.detection", "agent.tasks")
COMPUTES_ON_BOARD = (  # numpy too
    *("agent.answer", "agent.detection", "agent.evaluate", "agent.examples", "agent.fitting", "agent.inputs"),
    *("agent.measure", "agent.runtimes", "agent.tasks"),
)
PURE = (
    "orchestrator.analysis",
    "orchestrator.boards.doctor",
    "orchestrator.attending.lifecycle",
    "orchestrator.attending.scheduler",
)

CHANGES_THE_FARM = (  # for the dashboard: only where it is checked who asks
    "orchestrator.attending.attempts",
    "orchestrator.audit",
    "orchestrator.boards.fleet",
    "orchestrator.boards.preparing",
    "orchestrator.boards.surroundings",
    "orchestrator.canary.planting",
    "orchestrator.catalog.add_model",
    "orchestrator.doorbell",
    "orchestrator.queue",
    "orchestrator.studies.ending",
    "orchestrator.studies.extension",
    "orchestrator.studies.planting.submit",
    "orchestrator.transport.ssh",
)
STUDY_VERBS = ("abandon", "cancel", "extend", "prioritise", "retry", "submit")

CELERY = ("celery", "kombu", "billiard")
SSH_CLIENTS = ("fabric", "paramiko", "invoke")
SQL = ("sqlalchemy", "alembic", "psycopg", "sqlite3")
CLOCK_AND_CHANCE = ("datetime", "random", "secrets", "time")
FILES = ("io", "os", "pathlib", "shutil", "tempfile")
PROCESSES = ("asyncio", "multiprocessing", "socket", "subprocess", "threading")
ENVIRONMENT = ("os.environ", "os.environb", "os.getenv", "os.putenv", "os.unsetenv")
EMPTY_NAMES = ("utils", "helpers", "common", "base")
LONGEST_MODULE_LINES = 400


def inside(*prefixes: str) -> Callable[[str], bool]:
    return lambda name: is_within(name, prefixes)


def outside(*prefixes: str) -> Callable[[str], bool]:
    return lambda name: not is_within(name, prefixes)


def below(package: str, but: tuple[str, ...]) -> Callable[[str], bool]:
    return lambda name: is_within(name, (package,)) and not is_within(name, but)


def the_wire_needs_only_the_stdlib(modules: list[Module]) -> list[str]:
    return find_imports(modules, inside("agent.wire"), outside("agent.wire", *sys.stdlib_module_names))


def the_agent_knows_nobody_else(modules: list[Module]) -> list[str]:
    return find_imports(modules, inside("agent"), inside("orchestrator", "dashboard", "tests"))


def others_know_only_the_wire(modules: list[Module]) -> list[str]:
    others = outside("agent", *RUNTIME_PLUGINS)
    found = find_imports(modules, others, below("agent", but=("agent.wire", *SHARED_ARITHMETIC)))
    plugins = inside(*RUNTIME_PLUGINS)
    return found + find_imports(modules, plugins, below("agent", but=("agent.wire", "agent.runtimes")))


def the_board_needs_numpy_and_a_runtime(modules: list[Module]) -> list[str]:
    ours_and_numpy = (*PACKAGES, "numpy", *sys.stdlib_module_names)
    found = find_imports(modules, below("agent", but=COMPUTES_ON_BOARD), inside("numpy"))
    return found + find_imports(modules, below("agent", but=("agent.runtimes",)), outside(*ours_and_numpy))


def celery_lives_in_the_queue(modules: list[Module]) -> list[str]:
    return find_imports(modules, outside(*SPEAKS_CELERY), inside(*CELERY))


def ssh_lives_in_the_transport(modules: list[Module]) -> list[str]:
    clients = find_imports(modules, outside(*SPEAKS_SSH), inside(*SSH_CLIENTS))
    return clients + find_imports(modules, outside(*SERVES_SSH), inside("asyncssh"))


def sql_lives_in_named_modules(modules: list[Module]) -> list[str]:
    return find_imports(modules, outside(*SPEAKS_SQL), inside(*SQL))


def pure_modules_have_no_effects(modules: list[Module]) -> list[str]:
    found = find_imports(modules, inside(*PURE), inside(*CLOCK_AND_CHANCE, *FILES, *PROCESSES, *SQL))
    return found + find_uses(modules, inside(*PURE), ["builtins.open"])


def pure_modules_reach_no_effects(modules: list[Module]) -> list[str]:
    return [
        f"{module.name}: reaches {target} through {by}"
        for module in modules
        if is_within(module.name, PURE)
        for target, by in find_reached(modules, module.name).items()
        if is_within(target, (*SQL, *CELERY, *SSH_CLIENTS))
    ]


def the_environment_is_read_in_one_place(modules: list[Module]) -> list[str]:
    elsewhere = outside(*READS_ENVIRONMENT)
    return find_imports(modules, elsewhere, inside(*ENVIRONMENT)) + find_uses(modules, elsewhere, ENVIRONMENT)


def the_dashboard_acts_in_one_place(modules: list[Module]) -> list[str]:
    pages = below("dashboard", but=("dashboard.actions",))
    found = find_imports(modules, pages, inside(*CHANGES_THE_FARM))
    return found + find_uses(modules, pages, [f"orchestrator.studies.{verb}" for verb in STUDY_VERBS])


def the_dashboard_reads_through_queries(modules: list[Module]) -> list[str]:
    return find_imports(modules, inside("dashboard"), inside("orchestrator.db.tables"))


def imports_are_absolute(modules: list[Module]) -> list[str]:
    return find_imports(modules, lambda _: True, lambda name: name.startswith("."))


def imports_have_no_cycle(modules: list[Module]) -> list[str]:
    cycle = find_cycle(modules)
    return [" -> ".join(cycle)] if cycle else []


def modules_are_short(modules: list[Module]) -> list[str]:
    return [f"{each.name}: {each.lines} lines" for each in modules if each.lines > LONGEST_MODULE_LINES]


def modules_are_named_for_what_they_are(modules: list[Module]) -> list[str]:
    return [each.name for each in modules if each.name.rpartition(".")[2] in EMPTY_NAMES]


def the_dashboard_shadows_no_stdlib_module(modules: list[Module]) -> list[str]:
    inner = [each.name.split(".")[1:] for each in modules if is_within(each.name, ("dashboard",))]
    return [f"dashboard.{'.'.join(parts)}" for parts in inner if set(parts) & sys.stdlib_module_names]


RULES = [
    the_wire_needs_only_the_stdlib,
    the_agent_knows_nobody_else,
    others_know_only_the_wire,
    the_board_needs_numpy_and_a_runtime,
    celery_lives_in_the_queue,
    ssh_lives_in_the_transport,
    sql_lives_in_named_modules,
    pure_modules_have_no_effects,
    pure_modules_reach_no_effects,
    the_environment_is_read_in_one_place,
    the_dashboard_acts_in_one_place,
    the_dashboard_reads_through_queries,
    imports_are_absolute,
    imports_have_no_cycle,
    modules_are_short,
    modules_are_named_for_what_they_are,
    the_dashboard_shadows_no_stdlib_module,
]


@pytest.fixture(scope="module")
def ours() -> list[Module]:
    return [module for package in PACKAGES for module in read_package(ROOT / package)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_repository_keeps_the_rule(rule: Rule, ours: list[Module]) -> None:
    assert rule(ours) == []


def test_every_test_folder_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("*.py")}
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


BREACHES: list[tuple[Rule, str, str, str]] = [
    (the_wire_needs_only_the_stdlib, "agent.wire.spec", "import numpy as np", "imports numpy"),
    (the_wire_needs_only_the_stdlib, "agent.wire.spec", "from agent import measure", "imports agent.measure"),
    (
        the_agent_knows_nobody_else,
        "agent.measure",
        "def f():\n import orchestrator.db",
        ":2: imports orchestr",
    ),
    (others_know_only_the_wire, "orchestrator.attending.ingest", "from agent import protocol", "agent.protocol"),
    (others_know_only_the_wire, "dashboard.data", "import agent", "imports agent"),
    (others_know_only_the_wire, "orchestrator.simulator.pi", "import agent.sensors", "imports agent.sensors"),
    (the_board_needs_numpy_and_a_runtime, "agent.protocol", "import numpy", "imports numpy"),
    (the_board_needs_numpy_and_a_runtime, "agent.measure", "import onnxruntime", "imports onnxruntime"),
    (the_board_needs_numpy_and_a_runtime, "agent.measure", "__import__('tvm')", "imports tvm"),
    (
        the_board_needs_numpy_and_a_runtime,
        "agent.measure",
        "from importlib import import_module as load\nload('onnxruntime')",
        ":2: imports onnxruntime",
    ),
    (celery_lives_in_the_queue, "orchestrator.attending.attend", "from celery import shared_task", "shared_task"),
    (ssh_lives_in_the_transport, "orchestrator.boards.fleet", "import paramiko", "imports paramiko"),
    (ssh_lives_in_the_transport, "orchestrator.boards.fleet", "import asyncssh", "imports asyncssh"),
    (sql_lives_in_named_modules, "orchestrator.report", "from sqlalchemy import select", "sqlalchemy.select"),
    (pure_modules_have_no_effects, "orchestrator.attending.scheduler", "from time import monotonic", "time.monotonic"),
    (pure_modules_have_no_effects, "orchestrator.analysis.thermal", "open('x')", "uses builtins.open"),
    (
        the_environment_is_read_in_one_place,
        "orchestrator.boards.fleet",
        "import os\nos.environ['A']",
        ":2: uses os.env",
    ),
    (the_environment_is_read_in_one_place, "agent.device", "import os as o\no.getenv('A')", "uses os.getenv"),
    (
        the_environment_is_read_in_one_place,
        "agent.device",
        "from os import environ as e",
        "imports os.environ",
    ),
    (
        the_dashboard_acts_in_one_place,
        "dashboard.views.studies",
        "from orchestrator import studies\nstudies.cancel(1)",
        "uses orchestrator.studies.cancel",
    ),
    (
        the_dashboard_acts_in_one_place,
        "dashboard.views.farm",
        "from orchestrator.boards import fleet",
        "orchestrator.boards.fleet",
    ),
    (
        the_dashboard_reads_through_queries,
        "dashboard.data",
        "from orchestrator.db import tables",
        "db.tables",
    ),
    (imports_are_absolute, "orchestrator.boards.fleet", "from .db import tables", "imports .db.tables"),
    (modules_are_short, "agent.measure", "pass\n" * 401, "agent.measure: 401 lines"),
    (modules_are_named_for_what_they_are, "agent.sensors.utils", "", "agent.sensors.utils"),
    (the_dashboard_shadows_no_stdlib_module, "dashboard.calendar", "", "dashboard.calendar"),
]


@pytest.mark.parametrize(("rule", "name", "source", "message"), BREACHES)
def test_a_breach_is_found_and_named(rule: Rule, name: str, source: str, message: str) -> None:
    found = rule([read_module(name, source)])
    assert any(line.startswith(name) and message in line for line in found), found


def test_a_cycle_is_found_over_three_modules() -> None:
    circle = {
        "orchestrator.boards.fleet": "from orchestrator.attending import attend",
        "orchestrator.attending.attend": "from orchestrator.studies import plan",
        "orchestrator.studies": "import orchestrator.boards.fleet",
    }
    assert set(find_cycle(read_all(circle))) == set(circle)


def test_a_pure_module_that_leads_to_sql_through_a_package_is_found() -> None:
    sources = {
        "orchestrator.attending.scheduler": "from orchestrator.rows import Row",
        "orchestrator.rows": "import orchestrator.db.blobs",
        "orchestrator.db": "from sqlalchemy import Engine",
        "orchestrator.db.blobs": "",
    }
    found = pure_modules_reach_no_effects(read_all(sources))
    assert found == ["orchestrator.attending.scheduler: reaches sqlalchemy.Engine through orchestrator.db"]


ALLOWED = {
    "agent": "",
    "agent.detection.detecting": "import numpy as np\nfrom agent.wire.task import Task",
    "agent.wire": '"""Vocabulary."""\nimport json\nfrom agent.wire import spec',
    "agent.wire.spec": "from dataclasses import dataclass\nfrom os import PathLike",
    "agent.measure": "import numpy as np\nfrom agent.wire.spec import RunSpec",
    "agent.runtimes.ort": "import onnxruntime\nimport numpy",
    "orchestrator": "",
    "orchestrator.config": "import os\nHOME = os.environ.get('PIFARM_HOME')",
    "orchestrator.queue": "from celery import Celery",
    "orchestrator.transport.ssh": "import fabric, paramiko",
    "orchestrator.simulator.server": "import asyncssh\nfrom agent.runtimes import ort",
    "orchestrator.db.tables": "import sqlalchemy",
    "orchestrator.attending.scheduler": "import typing\nif typing.TYPE_CHECKING:\n import orchestrator.db.tables",
    "orchestrator.analysis.accuracy": "from agent.detection.detecting import Detections",
    "orchestrator.boards.fleet": "def f():\n  from orchestrator.attending import attend",
    "orchestrator.attending.attend": "from orchestrator.boards import fleet\nreader.open('x')",
    "dashboard.actions": "from orchestrator.boards import fleet",
    "dashboard.charts": "import altair",
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_what_the_design_allows_is_no_breach(rule: Rule) -> None:
    assert rule(read_all(ALLOWED)) == []


def read_all(sources: dict[str, str]) -> list[Module]:
    return [read_module(name, source) for name, source in sources.items()]
