"""`pifarm dashboard`: serving it alone, and the passwords that it asks for."""

from typing import Annotated

import typer

from orchestrator.access import Role
from orchestrator.cli import console

app = typer.Typer(invoke_without_command=True)


@app.callback()
def serve(context: typer.Context) -> None:
    """Serve the dashboard alone; `pifarm up` serves it for you."""
    if context.invoked_subcommand is not None:
        return
    import os

    from dashboard.launch import command_of
    from orchestrator.config import keep_private

    keep_private()
    settings = console.the_farm().settings
    command = command_of(settings)
    os.execvpe(command[0], command, settings.environment())


@app.command("password")
def password(
    role: Annotated[Role, typer.Option("--role", help="Whose it is: operator or viewer.")] = Role.OPERATOR,
) -> None:
    """Make a shared password into a line for the settings file; asks for it, and keeps it nowhere.

    The line alone goes to standard output: pifarm dashboard password >> pifarm.toml.
    """
    from orchestrator.config import load_settings
    from orchestrator.passwords import hash_password

    typed = typer.prompt(f"password of {role.value}s", hide_input=True, confirmation_prompt=True, err=True)
    console.say(f'dashboard_{role.value}_password_hash = "{hash_password(typed)}"')
    console.tell(
        f'next: put that line and dashboard_access = "password" into {load_settings().file}, and start the dashboard '
        "again"
    )
