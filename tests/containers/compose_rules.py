"""What the compose file must be like; each rule gives its complaints, none if all is well."""

import importlib.util
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jsonschema
import typer
from sqlalchemy import make_url
from typer.exceptions import TyperException

from orchestrator import health
from orchestrator.attending import attend
from orchestrator.cli import app
from orchestrator.config import Settings
from orchestrator.simulator.boards import BOARD_KINDS
from tests.containers.files import PROJECT, SCHEMA, Compose, Variable, filled_in, variables

Rule = Callable[[Compose], list[str]]
ONE_SHOTS = {"migrate", "authorize"}
KEEPS_THE_KEY = {"worker", "authorize"}
PASSWORD = {"PIFARM_POSTGRES_PASSWORD": "secret"}
_URLS = {"PIFARM_DATABASE_URL": 5432, "PIFARM_BROKER_URL": 6379}


def services(compose: Compose) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from compose["services"].items()


def ours(compose: Compose) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The services that run an image of ours."""
    return ((name, service) for name, service in services(compose) if "build" in service)


def it_fits_the_specification(compose: Compose) -> list[str]:
    checker = jsonschema.Draft7Validator(SCHEMA)
    return [f"{'.'.join(map(str, error.path))}: {error.message}" for error in checker.iter_errors(dict(compose))]


def every_command_exists(compose: Compose) -> list[str]:
    found = []
    for name, service in ours(compose):
        if "entrypoint" in service:
            script = str(service["command"][-1])
            words = shlex.split(script.partition(">")[0])
        else:
            words = ["pifarm", *service["command"]]
        found += [f"{name}: {text}" for text in complaints_about(words)]
    return found


def every_health_check_exists(compose: Compose) -> list[str]:
    found = []
    for name, service in ours(compose):
        if "healthcheck" in service:
            kind, *words = service["healthcheck"]["test"]
            found += [f"{name}: {text}" for text in complaints_about(words if kind == "CMD" else [])]
    return found


def complaints_about(words: list[str]) -> list[str]:
    """What is wrong with a command line that a container of ours runs."""
    if words[:1] == ["pifarm"]:
        return complaints_of_typer(words[1:])
    if words[:2] != ["python", "-m"] or importlib.util.find_spec(words[2]) is None:
        return [f"expected a command of ours, got {words}"]
    try:
        health.parse(words[3:])
    except SystemExit:
        return [f"{words[2]} does not understand {words[3:]}"]
    return []


def complaints_of_typer(words: list[str]) -> list[str]:
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands") and (words or not command.invoke_without_command):
        if not words or words[0] not in command.commands:
            return [f"there is no command {words[:1]}"]
        command, words = command.commands[words[0]], words[1:]
    try:
        context = command.make_context("pifarm", list(words))
    except TyperException as error:
        return [str(error)]
    return [f"there is no board {kind!r}" for kind in context.params.get("kinds") or () if kind not in BOARD_KINDS]


def every_setting_exists(compose: Compose) -> list[str]:
    known = {f"PIFARM_{name.upper()}" for name in Settings.model_fields}
    return [
        f"{name}: there is no setting {variable}"
        for name, service in ours(compose)
        for variable in service.get("environment", {})
        if variable not in known
    ]


def every_url_leads_to_a_service_that_is_reached(compose: Compose) -> list[str]:
    found = []
    for name, service in ours(compose):
        for variable, port in _URLS.items():
            if variable in service.get("environment", {}):
                url = make_url(filled_in(service["environment"][variable], PASSWORD))
                other = compose["services"].get(url.host, {})
                if url.port != port or not set(other.get("networks", ())) & set(service["networks"]):
                    found.append(f"{name}: {variable} leads nowhere: {url}")
    return found


def every_name_resolves(compose: Compose) -> list[str]:
    found = []
    mounted = set()
    for name, service in services(compose):
        volumes = {volume.partition(":")[0] for volume in service.get("volumes", ())}
        mounted |= volumes
        found += [f"{name}: no volume {volume}" for volume in volumes - set(compose["volumes"])]
        found += [f"{name}: no network {each}" for each in set(service.get("networks", ())) - set(compose["networks"])]
        for other, dependency in service.get("depends_on", {}).items():
            found += complaints_about_waiting(compose, name, other, dependency["condition"])
    return found + [f"nobody uses volume {volume}" for volume in set(compose["volumes"]) - mounted]


def complaints_about_waiting(compose: Compose, name: str, other: str, condition: str) -> list[str]:
    """What is wrong where a service waits for another one."""
    if other not in compose["services"]:
        return [f"{name}: no service {other}"]
    service, awaited = compose["services"][name], compose["services"][other]
    found = []
    if not set(awaited.get("profiles", ())) <= set(service.get("profiles", ())):
        found.append(f"{name}: {other} starts in a profile alone")
    if (condition == "service_completed_successfully") != (other in ONE_SHOTS):
        found.append(f"{name}: {other} cannot be awaited by {condition}")
    return found


def only_the_dashboard_is_published_and_on_loopback(compose: Compose) -> list[str]:
    found = []
    for name, service in services(compose):
        for port in service.get("ports", ()):
            address, _, rest = filled_in(str(port), {}).partition(":")
            if name != "dashboard" or address != "127.0.0.1" or not rest.endswith(":8501"):
                found.append(f"{name}: publishes {port}")
        if service.get("network_mode") is not None:
            found.append(f"{name}: network_mode")
    return found


def redis_and_postgres_have_no_way_out(compose: Compose) -> list[str]:
    return [
        f"{name}: is on {network}"
        for name, service in services(compose)
        if "build" not in service
        for network in service.get("networks", ["default"])
        if not (compose["networks"].get(network) or {}).get("internal")
    ]


def every_image_has_its_version(compose: Compose) -> list[str]:
    found = []
    for name, service in services(compose):
        tag = service["image"].partition(":")[2]
        if "build" in service and tag != PROJECT["version"]:
            found.append(f"{name}: expected version {PROJECT['version']}, got {service['image']}")
        if tag in ("", "latest"):
            found.append(f"{name}: {service['image']} may be anything")
    return found


def every_service_is_confined(compose: Compose) -> list[str]:
    wanted: dict[str, Callable[[Any], bool]] = {
        "read_only": lambda value: value is True,
        "cap_drop": lambda value: value == ["ALL"],
        "security_opt": lambda value: value == ["no-new-privileges:true"],
        "pids_limit": lambda value: bool(value),
        "mem_limit": lambda value: bool(value),
        "stop_grace_period": lambda value: bool(value),
        "logging": lambda value: bool(value) and "max-size" in value["options"],
        "privileged": lambda value: not value,
        "cap_add": lambda value: not value,
    }
    found = [
        f"{name}: {key} is {service.get(key)!r}"
        for name, service in services(compose)
        for key, is_right in wanted.items()
        if not is_right(service.get(key))
    ]
    for name, service in services(compose):
        if ("build" not in service or "user" in service) and service.get("user", "0").partition(":")[0] in (
            "0",
            "root",
        ):
            found.append(f"{name}: runs as root")
        found += [f"{name}: mounts {each}" for each in service.get("volumes", ()) if each[0] in "./~"]
    return found


def passwords_are_the_users(compose: Compose) -> list[str]:
    found = []
    for name, service in services(compose):
        environment = service.get("environment", {})
        for variable in ("PIFARM_DATABASE_URL", "POSTGRES_PASSWORD"):
            required = Variable(name="PIFARM_POSTGRES_PASSWORD", is_required=True)
            if variable in environment and list(variables(environment[variable])) != [required]:
                found.append(f"{name}: {variable} has a password that everybody knows")
    return found


def the_farms_key_is_the_workers_alone(compose: Compose) -> list[str]:
    return [
        f"{name}: mounts the state home"
        for name, service in services(compose)
        if name not in KEEPS_THE_KEY and any(volume.startswith("state:") for volume in service.get("volumes", ()))
    ]


def every_service_that_stays_says_how_it_is(compose: Compose) -> list[str]:
    found = []
    for name, service in services(compose):
        if (name in ONE_SHOTS) == ("healthcheck" in service):
            found.append(f"{name}: a health check is for services that stay")
        if service.get("restart") != ("no" if name in ONE_SHOTS else "unless-stopped"):
            found.append(f"{name}: restart is {service.get('restart')!r}")
    return found


def a_worker_may_end_what_it_has_in_hand(compose: Compose) -> list[str]:
    patience_s = float(compose["services"]["worker"].get("stop_grace_period", "10s").removesuffix("s"))
    return [] if patience_s >= attend.ATTENTION_S else [f"worker: ended after {patience_s:g} s"]
