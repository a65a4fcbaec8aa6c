"""docker-compose.yml keeps every rule, and each rule finds what breaks it."""

from typing import Any

import pytest

from tests.containers import compose_rules as rules
from tests.containers.compose_rules import Rule
from tests.containers.files import Variable, changed, filled_in, read_compose, variables

COMPOSE = read_compose()
RULES = [
    rules.it_fits_the_specification,
    rules.every_command_exists,
    rules.every_health_check_exists,
    rules.every_setting_exists,
    rules.every_url_leads_to_a_service_that_is_reached,
    rules.every_name_resolves,
    rules.only_the_dashboard_is_published_and_on_loopback,
    rules.redis_and_postgres_have_no_way_out,
    rules.every_image_has_its_version,
    rules.every_service_is_confined,
    rules.passwords_are_the_users,
    rules.the_farms_key_is_the_workers_alone,
    rules.every_service_that_stays_says_how_it_is,
    rules.a_worker_may_end_what_it_has_in_hand,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_compose_file_keeps_the_rule(rule: Rule) -> None:
    assert rule(COMPOSE) == []


URL = "postgresql+psycopg://pifarm:${PIFARM_POSTGRES_PASSWORD:?}@"
BREACHES: list[tuple[Rule, str, Any, str]] = [
    (rules.it_fits_the_specification, "services.tick.mem_limit", [], "mem_limit"),
    (rules.it_fits_the_specification, "services.tick.healthchecks", {}, "healthchecks"),
    (rules.every_command_exists, "services.worker.command", ["work"], "worker: there is no command ['work']"),
    (rules.every_command_exists, "services.migrate.command", ["db", "migrate"], "no command ['migrate']"),
    (rules.every_command_exists, "services.tick.command", ["tick", "--slowly"], "tick: No such option"),
    (rules.every_command_exists, "services.tick.command", ["tick", "tock"], "tick: Got unexpected extra argument"),
    (rules.every_command_exists, "services.sim-pi4.command", ["simulate", "pi9"], "there is no board 'pi9'"),
    (rules.every_command_exists, "services.sim-pi4.command", ["simulate", "--port", "ssh"], "a valid integer"),
    (rules.every_command_exists, "services.authorize.command", ["pifarm keys > /file"], "no command ['keys']"),
    (rules.every_health_check_exists, "services.tick.healthcheck.test", ["CMD", "true"], "a command of ours"),
    (rules.every_health_check_exists, "services.tick.healthcheck.test.4", "clock", "understand ['clock']"),
    (rules.every_health_check_exists, "services.tick.healthcheck.test.3", "orchestrator.sick", "command of ours"),
    (rules.every_setting_exists, "services.worker.environment.PIFARM_COLOUR", "red", "no setting PIFARM_COLOUR"),
    (
        rules.every_url_leads_to_a_service_that_is_reached,
        "services.worker.environment.PIFARM_DATABASE_URL",
        f"{URL}database:5432/pifarm",
        "PIFARM_DATABASE_URL leads nowhere",
    ),
    (
        rules.every_url_leads_to_a_service_that_is_reached,
        "services.tick.environment.PIFARM_BROKER_URL",
        "redis://redis:6380/0",
        "PIFARM_BROKER_URL leads nowhere",
    ),
    (
        rules.every_url_leads_to_a_service_that_is_reached,
        "services.dashboard.networks",
        ["default"],
        "dashboard: PIFARM_DATABASE_URL leads nowhere",
    ),
    (rules.every_name_resolves, "services.redis.volumes", ["ram:/data"], "redis: no volume ram"),
    (rules.every_name_resolves, "volumes.spare", {}, "nobody uses volume spare"),
    (rules.every_name_resolves, "services.redis.networks", ["outside"], "redis: no network outside"),
    (rules.every_name_resolves, "services.migrate.depends_on", {"mysql": {"condition": "x"}}, "no service mysql"),
    (rules.every_name_resolves, "services.migrate.profiles", ["sim"], "migrate starts in a profile alone"),
    (
        rules.every_name_resolves,
        "services.worker.depends_on.migrate.condition",
        "service_healthy",
        "migrate cannot be awaited by service_healthy",
    ),
    (
        rules.only_the_dashboard_is_published_and_on_loopback,
        "services.dashboard.ports",
        ["8501:8501"],
        "dashboard: publishes 8501:8501",
    ),
    (
        rules.only_the_dashboard_is_published_and_on_loopback,
        "services.dashboard.ports",
        ["0.0.0.0:${PIFARM_DASHBOARD_PORT:-8501}:8501"],
        "dashboard: publishes 0.0.0.0",
    ),
    (
        rules.only_the_dashboard_is_published_and_on_loopback,
        "services.redis.ports",
        ["127.0.0.1:6379:6379"],
        "redis: publishes",
    ),
    (
        rules.only_the_dashboard_is_published_and_on_loopback,
        "services.worker.network_mode",
        "host",
        "worker: network_mode",
    ),
    (rules.redis_and_postgres_have_no_way_out, "services.postgres.networks", None, "postgres: is on default"),
    (rules.redis_and_postgres_have_no_way_out, "networks.inside.internal", False, "redis: is on inside"),
    (rules.every_image_has_its_version, "services.tick.image", "pifarm:0.0.9", "tick: expected version"),
    (rules.every_image_has_its_version, "services.redis.image", "redis", "redis may be anything"),
    (rules.every_service_is_confined, "services.worker.read_only", False, "worker: read_only is False"),
    (rules.every_service_is_confined, "services.redis.cap_drop", None, "redis: cap_drop is None"),
    (rules.every_service_is_confined, "services.tick.mem_limit", None, "tick: mem_limit is None"),
    (rules.every_service_is_confined, "services.tick.stop_grace_period", None, "tick: stop_grace_period is None"),
    (rules.every_service_is_confined, "services.tick.logging.options", {}, "tick: logging"),
    (rules.every_service_is_confined, "services.tick.privileged", True, "tick: privileged is True"),
    (rules.every_service_is_confined, "services.postgres.user", None, "postgres: runs as root"),
    (rules.every_service_is_confined, "services.worker.user", "0:0", "worker: runs as root"),
    (rules.every_service_is_confined, "services.tick.volumes", ["/var/run:/var/run"], "tick: mounts /var/run"),
    (
        rules.passwords_are_the_users,
        "services.postgres.environment.POSTGRES_PASSWORD",
        "${PIFARM_POSTGRES_PASSWORD:-pifarm}",
        "postgres: POSTGRES_PASSWORD has a password",
    ),
    (
        rules.passwords_are_the_users,
        "services.worker.environment.PIFARM_DATABASE_URL",
        "postgresql+psycopg://pifarm:pifarm@postgres:5432/pifarm",
        "worker: PIFARM_DATABASE_URL has a password",
    ),
    (
        rules.the_farms_key_is_the_workers_alone,
        "services.dashboard.volumes",
        ["state:/var/lib/pifarm"],
        "dashboard: mounts the state home",
    ),
    (rules.every_service_that_stays_says_how_it_is, "services.tick.healthcheck", None, "tick: a health check"),
    (rules.every_service_that_stays_says_how_it_is, "services.tick.restart", "no", "tick: restart is 'no'"),
    (rules.every_service_that_stays_says_how_it_is, "services.migrate.restart", "always", "migrate: restart"),
    (rules.a_worker_may_end_what_it_has_in_hand, "services.worker.stop_grace_period", None, "ended after 10 s"),
]


@pytest.mark.parametrize(("rule", "place", "value", "complaint"), BREACHES)
def test_a_breach_is_found_and_named(rule: Rule, place: str, value: object, complaint: str) -> None:
    found = rule(changed(COMPOSE, place, value))
    assert any(complaint in each for each in found), found


def test_every_rule_has_a_breach() -> None:
    assert {breach[0] for breach in BREACHES} == set(RULES)


def test_what_the_issue_asks_for_is_there_and_boards_start_in_their_profile_alone() -> None:
    in_profile = {name: tuple(service.get("profiles", ())) for name, service in rules.services(COMPOSE)}
    assert {name for name, profiles in in_profile.items() if not profiles} == {
        "redis",
        "postgres",
        "migrate",
        "worker",
        "tick",
        "dashboard",
    }
    assert {name for name, profiles in in_profile.items() if profiles == ("sim",)} == {
        "authorize",
        "sim-pi5",
        "sim-pi4",
    }


@pytest.mark.parametrize("name", ["sim-pi5", "sim-pi4"])
def test_a_simulated_board_is_called_as_its_service_is(name: str) -> None:
    assert COMPOSE["services"][name]["hostname"] == name


@pytest.mark.parametrize(
    ("text", "names", "filled"),
    [
        ("redis://redis", [], "redis://redis"),
        ("${A:-1}:${B:?say it}", [("A", False), ("B", True)], "1:two"),
        ("${B}", [("B", False)], "two"),
    ],
)
def test_variables_are_found_and_filled_in(text: str, names: list[tuple[str, bool]], filled: str) -> None:
    assert list(variables({"a": [text]})) == [Variable(name=name, is_required=required) for name, required in names]
    assert filled_in(text, {"B": "two"}) == filled
