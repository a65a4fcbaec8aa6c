"""The command line: one file per noun, each command a few lines around a function of the orchestrator.

Exit codes: 0 done; 1 what was asked for failed; 2 wrong use or bad input; 3 the data cannot tell. Errors are one line
on standard error that says what to do next; `--json` prints one document on standard output and nothing else.
"""

import functools
import sys
from collections.abc import Callable

import typer

from orchestrator.cli import (
    accuracy,
    audit,
    backup,
    canary,
    choose,
    compare,
    console,
    dashboard,
    dataset,
    demo,
    device,
    farm,
    leaderboard,
    logs,
    model,
    profile,
    published,
    run,
    service,
    simulate,
    status,
    study,
    submit,
    thermal,
    variant,
)
from orchestrator.config import keep_private
from orchestrator.errors import CannotTellError, ModelError, PifarmError, SpecError, TransportError

app = typer.Typer(
    name="pifarm",
    help="Queue a model across a farm of Raspberry Pis, measure every variant under control, rank them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for out_of_service in (service.drain, service.quarantine, service.resume):
    device.app.command()(out_of_service)
app.add_typer(device.app, name="device")
app.add_typer(model.app, name="model")
app.add_typer(dataset.app, name="dataset")
app.add_typer(variant.app, name="variant")
app.add_typer(study.app, name="study")
run.app.command("profile")(profile.show_profile)
app.add_typer(run.app, name="run")
app.add_typer(canary.app, name="canary")
app.add_typer(thermal.app, name="thermal")
app.add_typer(farm.database_app, name="db")
app.add_typer(dashboard.app, name="dashboard")
app.command("audit")(audit.audit)
app.command("up")(farm.up)
app.command("status")(status.status)
app.command("logs")(logs.logs)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("key")(farm.key)
app.command("worker")(farm.worker)
app.command("tick")(farm.tick)
app.command("demo")(demo.demo)
app.command("submit")(submit.submit)
app.command("leaderboard")(leaderboard.leaderboard)
app.command("compare")(compare.compare)
app.command("choose")(choose.choose)
app.command("profile")(profile.profile)
app.command("accuracy")(accuracy.accuracy)
app.command("export")(study.export)
app.command("report")(study.report)
app.command("import")(published.import_results)
app.command("recompute")(run.recompute)
app.command("simulate")(simulate.simulate)

FAILED = 1
BAD_INPUT = 2
CANNOT_TELL = 3
INTERRUPTED = 130


@functools.cache
def command_line() -> Callable[..., object]:
    """The whole command line as one program, put together once in a process."""
    return typer.main.get_command(app)


def main() -> None:
    """Run the command line; every error that pifarm raises on purpose ends here."""
    keep_private()
    try:
        command_line()(prog_name="pifarm")  # else it is called after whoever imported it
    except (SpecError, ModelError, TransportError) as error:
        console.complain(str(error))
        sys.exit(BAD_INPUT)
    except CannotTellError as error:
        console.complain(str(error))
        sys.exit(CANNOT_TELL)
    except PifarmError as error:
        console.complain(str(error))
        sys.exit(FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        console.leave()
