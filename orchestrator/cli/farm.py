"""`pifarm up | key | worker | tick | db`: the farm's processes, its key, its database."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import console

if TYPE_CHECKING:
    from orchestrator.config import Settings

database_app = typer.Typer(help="The database's schema.", no_args_is_help=True)
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, nothing else.")]


def up(
    with_dashboard: Annotated[bool, typer.Option("--dashboard/--no-dashboard", help="Serve the dashboard too.")] = True,
    on_demand: Annotated[
        bool, typer.Option("--on-demand", help="Leave when nobody needs the farm.", hidden=True)
    ] = False,
) -> None:
    """Run the farm: broker, worker, tick and dashboard under one supervisor; Ctrl-C drains it, a second one ends it."""
    import os

    from dashboard.launch import require_safe
    from orchestrator import embedded
    from orchestrator.config import complaints, keep_private
    from orchestrator.log_lines import log_to
    from orchestrator.supervisor.rotation import part_log
    from orchestrator.supervisor.supervise import supervise

    keep_private()
    if on_demand:
        embedded.detach()
    farm = console.the_farm()
    if with_dashboard:
        require_safe(farm.settings)
    with os.fdopen(part_log(farm.settings, "supervisor").open(), "a", encoding="utf-8") as lines:
        log_to(lines, keys_dir=farm.settings.keys_dir)
        for complaint in complaints(farm.settings):
            console.tell(f"warning: {complaint}")
        supervise(farm, with_dashboard=with_dashboard, on_demand=on_demand, tell=console.tell)


def key() -> None:
    """The farm's public key, one line for authorized_keys on a board."""
    from orchestrator.transport.keys import FarmKey

    console.say(FarmKey.in_folder(console.the_farm().settings.keys_dir).public_line)


def worker() -> None:
    """Run a worker alone; `pifarm up` runs one for you."""
    from orchestrator import queue
    from orchestrator.farm import open_farm

    settings = _settings_of_a_part("worker")
    queue.run_worker(settings, open_farm(settings))


def tick() -> None:
    """Run the tick alone; `pifarm up` runs one for you. One per farm is enough, two do no harm."""
    from orchestrator import queue

    queue.run_tick(_settings_of_a_part("tick"))


def _settings_of_a_part(name: str) -> "Settings":
    """The settings of a process whose log lines go to standard error."""
    import os
    import sys

    from orchestrator.config import keep_private, load_settings
    from orchestrator.events import log
    from orchestrator.log_lines import log_to

    keep_private()
    settings = load_settings()
    log_to(sys.stderr, keys_dir=settings.keys_dir)
    log.info("process started", part=name, pid=os.getpid(), home=str(settings.home))
    return settings


@database_app.command("upgrade")
def upgrade() -> None:
    """Bring the database to this version's schema."""
    from orchestrator.db.migrate import current_revision

    console.say(f"database is at revision {current_revision(console.the_farm().database)}")


@database_app.command("downgrade")
def downgrade(
    revision: Annotated[str, typer.Argument(help="The revision that an older pifarm knows; `base` empties it.")],
) -> None:
    """Take the database back to an older schema, for an older pifarm; make a backup first."""
    from orchestrator.db import migrate
    from orchestrator.supervisor.state import supervisor_lock

    farm = console.the_farm()
    with supervisor_lock(farm.settings, "db downgrade"):
        migrate.downgrade(farm.database, revision)
    console.say(f"database is at revision {revision}; the next command of this pifarm would bring it up again")
