"""`pifarm device add | list | show | probe | doctor | label | ambient | remove`: the boards."""

from collections.abc import Sequence
from typing import Annotated

import typer

from orchestrator.boards.ambient import VALID_HOURS, in_words
from orchestrator.cli import console
from orchestrator.cli.farm import JsonOption
from orchestrator.errors import SpecError
from orchestrator.farm import Farm
from orchestrator.queries.rows import DeviceView

app = typer.Typer(help="Devices: the registered boards.", no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(help="The device's name.")]


def device_rows(devices: Sequence[DeviceView]) -> tuple[list[str], list[list[str]], list[str]]:
    """Columns, rows and right-aligned columns of a table of devices."""
    from orchestrator.text.numbers_text import age, celsius

    columns = ["device", "board", "state", "doing", "queued", "temperature", "seen", "labels"]
    rows = [
        [
            device.name,
            device.board + (" (simulated)" if device.simulated else ""),
            device.state.value + (f": {device.state_reason}" if device.state_reason else ""),
            " ".join(part for part in (device.doing, device.phase if device.doing else None) if part),
            str(device.queued),
            celsius(device.last_temperature_c),
            age(device.last_seen_age_s),
            ", ".join(f"{key}={value}" for key, value in device.labels.items()),
        ]
        for device in devices
    ]
    return columns, rows, ["queued", "temperature"]


@app.command("add")
def add(
    name: NameArgument,
    ssh: Annotated[str | None, typer.Option("--ssh", help="user@host[:port] of the board.")] = None,
    local: Annotated[bool, typer.Option("--local", help="This very machine, without SSH.")] = False,
    fingerprint: Annotated[
        str | None,
        typer.Option("--fingerprint", help="The host key to expect, SHA256:...; asks if not given."),
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", help="A label, e.g. cooling=fan; may be repeated.")
    ] = None,
    install_key: Annotated[
        bool,
        typer.Option("--install-key", help="Ask for the board's password once, to install the farm's key."),
    ] = False,
    wheelhouse: Annotated[
        str,
        typer.Option("--wheelhouse", help="Where the board's runtime comes from: auto, online or pushed."),
    ] = "auto",
    take_over: Annotated[bool, typer.Option("--take-over", help="Take the board from another farm.")] = False,
    runtime: Annotated[
        list[str] | None,
        typer.Option("--runtime", help="Set up this one now, not only with its first run; may be repeated."),
    ] = None,
) -> None:
    """Register a board: pin its host key, look at its hardware, set up its runtime. Safe to repeat after a failure."""
    from orchestrator.boards import fleet
    from orchestrator.boards.environments import WheelhousePolicy

    if local == (ssh is not None):
        raise SpecError("device add: expected either --ssh user@host[:port] or --local")
    labels = console.parse_pairs("--label", label or [])
    farm = console.the_farm()
    if ssh is None:
        fleet.add_local(farm, name, labels, runtimes=_with_default(runtime), progress=_tell_step)
    else:
        try:
            policy = WheelhousePolicy(wheelhouse)
        except ValueError as error:
            raise SpecError(f"--wheelhouse: expected auto, online or pushed, got {wheelhouse!r}") from error
        request = fleet.NewBoard(
            name=name,
            address=ssh,
            labels=labels,
            runtimes=_with_default(runtime),
            wheelhouse=policy,
            take_over=take_over,
        )
        host_key = fleet.accept_host_key(request.parsed_address, fingerprint, _confirm)
        if install_key:
            password = typer.prompt(f"password of {ssh}", hide_input=True, err=True)
            fleet.install_key(farm, request.parsed_address, host_key, password)
        fleet.add_board(farm, request, host_key, progress=_tell_step)
    console.note(farm, "device add", f"{name}: {ssh or 'this machine'}")
    console.print_table("", *device_rows([_view(farm, name)]))


@app.command("list")
def list_all(as_json: JsonOption = False) -> None:
    """Every device: what it is, what it does, how old that knowledge is."""
    from orchestrator.queries.farm import list_devices

    devices = list_devices(console.the_farm().database)
    if as_json:
        console.print_json(devices)
    elif devices:
        console.print_table("", *device_rows(devices))
    else:
        console.tell("no device yet; add one: pifarm device add NAME --ssh user@host, or --local")


@app.command("show")
def show(name: NameArgument, as_json: JsonOption = False) -> None:
    """A device with all that its probe found."""
    view = _view(console.the_farm(), name)
    if as_json:
        console.print_json(view)
        return
    console.print_table("", *device_rows([view]))
    facts = {
        "address": view.address or "this machine",
        "host key": view.fingerprint or "none",
        "board type": view.board_type,
        "room, as stated": in_words(view.ambient_c, view.ambient_source),
        "prepared by the doctor": "yes" if view.facts.get("prepared") else "no",
        **{f"runtime {runtime}": version for runtime, version in view.runtimes.items()},
        **{f"runtime {runtime}": f"unsupported: {why}" for runtime, why in view.unsupported.items()},
        **view.facts,
        "absent": ", ".join(view.absent) or "nothing",
    }
    console.print_table("facts", ["fact", "value"], [[key, str(value)] for key, value in facts.items()])


@app.command("probe")
def probe(
    name: NameArgument,
    runtime: Annotated[
        list[str] | None, typer.Option("--runtime", help="Set up this one too, e.g. ncnn; may be repeated.")
    ] = None,
) -> None:
    """Look at the board's hardware again and bring its runtimes up to date.

    A runtime that the board did not support is tried anew with the next run that wants it, or now with --runtime.
    """
    from orchestrator.boards import fleet

    farm = console.the_farm()
    fleet.probe_again(farm, name, runtimes=runtime or (), progress=_tell_step)
    console.print_table("", *device_rows([_view(farm, name)]))


@app.command("doctor")
def doctor(
    name: NameArgument,
    fix: Annotated[bool, typer.Option("--fix", help="Offer to set the governor and f_min = f_max.")] = False,
    restore: Annotated[bool, typer.Option("--restore", help="Put back what was there before --fix.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --fix: do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """What stands in the way of good figures on this board; looks again first, changes nothing without --fix.

    With --fix and --restore the exit code is 1 where a setting does not hold afterwards.
    """
    from orchestrator.cli import doctor as doctors

    if fix and restore:
        raise SpecError("device doctor: expected either --fix or --restore")
    if yes and not fix:
        raise SpecError("device doctor: --yes goes with --fix")
    if fix:
        is_done = doctors.fix(name, is_agreed=yes, as_json=as_json)
    elif restore:
        is_done = doctors.restore(name, as_json=as_json)
    else:
        doctors.look(name, as_json=as_json)
        return
    if not is_done:
        raise typer.Exit(1)


@app.command("label")
def label(
    name: NameArgument,
    change: Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", help="e.g. cooling=fan; KEY= takes one away.")],
) -> None:
    """Set or take away labels. Runs keep the labels that the device had when they began; see `compare --by`."""
    from orchestrator.boards import surroundings

    farm = console.the_farm()
    labels = surroundings.relabel(farm.database, name, _changes(change))
    console.note(farm, "device label", f"{name}: {' '.join(change)}")
    shown = ", ".join(f"{key}={value}" for key, value in labels.items()) or "none"
    console.say(f"{name}: labels {shown}; runs that have begun keep their own")


@app.command("ambient")
def ambient(
    name: NameArgument,
    celsius: Annotated[
        float | None, typer.Argument(metavar="DEGREES", help="How warm the room around it is now, C.")
    ] = None,
    hours: Annotated[
        float, typer.Option("--hours", help="How long that holds; 0: until another reading.")
    ] = VALID_HOURS,
    forget: Annotated[bool, typer.Option("--forget", help="Take the reading back.")] = False,
) -> None:
    """Type in how warm the room is: runs that start while it holds keep it, where no thermometer says it."""
    from orchestrator.boards import surroundings

    database = console.the_farm().database
    if forget == (celsius is not None):
        raise SpecError("device ambient: expected either DEGREES, e.g. 23.5, or --forget")
    if celsius is None:
        surroundings.forget_ambient(database, name)
        console.say(f"{name}: the reading was taken back; runs that have begun keep it")
        return
    surroundings.type_in_ambient(database, name, celsius, hours or None)
    console.say(f"{name}: room {celsius:.1f} °C, " + (f"for {hours:g} h" if hours else "until another reading"))


@app.command("remove")
def remove(name: NameArgument, as_json: JsonOption = False) -> None:
    """Forget a device without results, drain one with results for good. Refused while a run is active on it.

    A board that the doctor prepared gets its governor and clock back first, where it can be reached.
    """
    from orchestrator.boards import fleet, preparing

    farm = console.the_farm()
    fleet.require_removable(farm.database, name)
    restored = preparing.restore_before_removal(farm, name)
    said = fleet.remove(farm.database, name)
    console.note(farm, "device remove", name)
    if as_json:
        console.print_json({"restored": restored, "removed": said})
        return
    for line in filter(None, [restored, said]):
        console.say(line)


def _confirm(shown: str) -> bool:
    return typer.confirm(
        f"{shown}\nis that the board's own? (on the board: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub)",
        err=True,
    )


def _changes(texts: Sequence[str]) -> dict[str, str | None]:
    changes: dict[str, str | None] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise SpecError(f"device label {text}: expected KEY=VALUE, or KEY= to take a label away")
        changes[key] = value or None
    return changes


def _with_default(runtimes: list[str] | None) -> list[str]:
    from orchestrator.boards.runtimes import DEFAULT

    return list(dict.fromkeys([DEFAULT, *(runtimes or [])]))


def _tell_step(step: str, detail: str) -> None:
    console.tell(f"  {step}: {detail}" if detail else f"  {step}")


def _view(farm: Farm, name: str) -> DeviceView:
    from orchestrator.queries.farm import get_device

    return get_device(farm.database, name)
