"""`pifarm up | status | key | worker | tick | dashboard | db`: the farm itself."""

from typing import Annotated

import typer

from orchestrator.cli import console

database_app = typer.Typer(help="The database's schema.", no_args_is_help=True)
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, nothing else.")]


def up(
    with_dashboard: Annotated[bool, typer.Option("--dashboard/--no-dashboard", help="Serve the dashboard too.")] = True,
    on_demand: Annotated[
        bool, typer.Option("--on-demand", help="Leave when nobody needs the farm.", hidden=True)
    ] = False,
) -> None:
    """Run the farm: broker, worker, tick and dashboard under one supervisor; Ctrl-C drains it."""
    from orchestrator import embedded

    if on_demand:
        embedded.detach()
    farm = console.the_farm()
    settings = farm.settings
    where = (
        f"dashboard: http://{settings.dashboard_address}:{settings.dashboard_port}"
        if with_dashboard
        else "no dashboard"
    )
    embedded.supervise(
        farm,
        with_dashboard=with_dashboard,
        on_demand=on_demand,
        on_ready=lambda: console.tell(f"pifarm is up ({where}; logs: {settings.logs_dir}); Ctrl-C stops it"),
    )


def status(as_json: JsonOption = False) -> None:
    """What the farm is doing now."""
    from orchestrator import embedded
    from orchestrator.cli.device import device_rows
    from orchestrator.cli.study import study_rows
    from orchestrator.lifecycle import StudyState
    from orchestrator.queries.farm import list_devices
    from orchestrator.queries.studies import list_studies

    farm = console.the_farm()
    devices = list_devices(farm.database)
    studies = [study for study in list_studies(farm.database) if study.state is StudyState.ACTIVE]
    is_up = embedded.is_running(farm.settings) or not farm.settings.has_own_broker
    if as_json:
        console.print_json({"is_up": is_up, "home": str(farm.settings.home), "devices": devices, "studies": studies})
        return
    console.say(f"farm {farm.farm_id}: {'up' if is_up else 'not running; start it with `pifarm up`'}")
    console.print_table("devices", *device_rows(devices))
    console.print_table("active studies", *study_rows(studies))


def key() -> None:
    """The farm's public key, one line for authorized_keys on a board."""
    from orchestrator.transport.keys import FarmKey

    console.say(FarmKey.in_folder(console.the_farm().settings.keys_dir).public_line)


def worker() -> None:
    """Run a worker alone; `pifarm up` runs one for you."""
    from orchestrator import queue
    from orchestrator.config import load_settings
    from orchestrator.farm import open_farm

    settings = load_settings()
    queue.run_worker(settings, open_farm(settings))


def tick() -> None:
    """Run the tick alone; `pifarm up` runs one for you. One per farm is enough, two do no harm."""
    from orchestrator import queue
    from orchestrator.config import load_settings

    queue.run_tick(load_settings())


def dashboard() -> None:
    """Serve the dashboard alone; `pifarm up` serves it for you."""
    import os

    from dashboard.launch import dashboard_command

    settings = console.the_farm().settings
    command = dashboard_command(settings.dashboard_address, settings.dashboard_port)
    os.execvpe(command[0], command, settings.environment())


@database_app.command("upgrade")
def upgrade() -> None:
    """Bring the database to this version's schema."""
    from orchestrator.db.migrate import current_revision

    console.say(f"database is at revision {current_revision(console.the_farm().database)}")
