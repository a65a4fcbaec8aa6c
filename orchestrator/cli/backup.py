"""`pifarm backup` and `pifarm restore`: a whole farm in one file, and back."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import console


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write, or a folder that gets one named by the time.")],
    keep: Annotated[
        int | None, typer.Option("--keep", min=1, help="In a folder: how many backups stay, the oldest go.")
    ] = None,
) -> None:
    """Write database, model files, agent bundles, keys and settings into one file, while the farm works."""
    from orchestrator.backup.make import back_up
    from orchestrator.config import keep_private
    from orchestrator.text.numbers_text import size

    keep_private()
    made = back_up(console.the_farm(), file.absolute(), keep=keep)
    written = size(made.path.stat().st_size)
    console.say(f"{made.path}: {len(made.manifest.pieces)} pieces, {written}, revision {made.manifest.revision}")
    for path in made.removed:
        console.tell(f"removed {path}")
    console.tell("it holds the farm's private key, which opens every board: keep it where only you can read it")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `pifarm backup` has written.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Where a farm is kept already: put it aside, in the state home.")
    ] = False,
) -> None:
    """Make this state home what it was in a backup; the farm must be stopped."""
    from orchestrator.backup.restore import restore as put_back
    from orchestrator.config import keep_private, load_settings

    keep_private()
    done = put_back(load_settings(), file.absolute(), replace=replace)
    console.say(f"farm {done.manifest.farm} is as it was: {len(done.manifest.pieces)} pieces, all checked")
    if done.kept_aside is not None:
        console.tell(f"what was here before: {done.kept_aside}")
    if done.settings_beside is not None:
        console.tell(f"the backup's settings differ from those in use; they are in {done.settings_beside}")
    console.tell("next: pifarm up; the farm that the backup is of must not run anywhere else")
