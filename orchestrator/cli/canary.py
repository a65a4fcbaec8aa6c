"""`pifarm canary show | run | reset`: whether devices still are what they were."""

from collections.abc import Iterable
from typing import Annotated

import typer

from orchestrator.attending.lifecycle import DeviceState
from orchestrator.cli import console
from orchestrator.cli.farm import JsonOption
from orchestrator.errors import SpecError
from orchestrator.queries.canary import CanaryChart, CanaryPoint

app = typer.Typer(help="Canaries: a small fixed workload that shows when a device has changed.", no_args_is_help=True)
Table = tuple[list[str], list[list[str]], list[str]]
SHOWN = 10


@app.command()
def show(
    device: Annotated[str | None, typer.Argument(help="Only this device, with its last canaries.")] = None,
    as_json: JsonOption = False,
) -> None:
    """The control chart of each device: its last canary against its limits."""
    from orchestrator.queries.canary import list_charts

    farm = console.the_farm()
    charts = list_charts(farm.database, device)
    if as_json:
        console.print_json(charts)
        return
    if farm.settings.canary_every_s <= 0:
        console.tell("canaries are off (canary_every_s is 0); pifarm canary run DEVICE measures one all the same")
    console.print_table("", *_rows(charts))
    if device is not None:
        console.print_table("its last canaries", *_points(charts[0].points[-SHOWN:]))


@app.command()
def run(
    devices: Annotated[list[str] | None, typer.Argument(help="The devices; see `pifarm device list`.")] = None,
    all_devices: Annotated[bool, typer.Option("--all", help="Every device that takes work.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Until they have ended; starts the farm if none runs.")] = False,
) -> None:
    """Queue a canary on devices now. Exit code 1, with --wait, where one is out of service afterwards."""
    from orchestrator.canary.planting import plant
    from orchestrator.cli.watch import watch_study
    from orchestrator.queries.canary import list_charts

    farm = console.the_farm()
    ready = [chart.device for chart in list_charts(farm.database) if chart.state is DeviceState.READY]
    names = ready if all_devices else devices or []
    if not names:
        raise SpecError("canary run: expected DEVICE..., or --all")
    studies = plant(farm, names)
    console.note(farm, "canary run", ", ".join(names))
    if not wait:
        console.say(f"canary queued on {', '.join(names)}; see it: pifarm canary show")
        return
    for study in studies:
        watch_study(farm, study)
    charts = [chart for chart in list_charts(farm.database) if chart.device in names]
    console.print_table("", *_rows(charts))
    if any(chart.state is DeviceState.SICK for chart in charts):
        raise typer.Exit(1)


@app.command()
def reset(
    device: Annotated[str, typer.Argument(help="The device's name; see `pifarm device list`.")],
) -> None:
    """Begin a device's baseline anew, after a change that is meant, e.g. of its cooling or firmware."""
    from orchestrator.boards import fleet

    farm = console.the_farm()
    fleet.reset_canaries(farm.database, device)
    console.note(farm, "canary reset", device)
    console.say(f"{device}: its next canaries are its new baseline")


def _rows(charts: Iterable[CanaryChart]) -> Table:
    from orchestrator.text.numbers_text import ms, ms_interval

    columns = ["device", "state", "last", "limits", "baseline", "remarks"]
    rows = [
        [
            chart.device + (" (simulated)" if chart.simulated else ""),
            chart.state.value,
            ms(chart.points[-1].median_ms) if chart.points else "none yet",
            ms_interval(chart.low_ms, chart.high_ms),
            f"of {chart.baseline}",
            chart.state_reason or ("a canary comes before its next run" if chart.needs_canary else ""),
        ]
        for chart in charts
    ]
    return columns, rows, ["last", "limits", "baseline"]


def _points(points: Iterable[CanaryPoint]) -> Table:
    from orchestrator.text.numbers_text import age, ms, ms_interval

    columns = ["when", "median", "limits then", "in control", "run"]
    rows = [
        [
            age(point.age_s),
            ms(point.median_ms),
            ms_interval(point.low_ms, point.high_ms),
            ("NO" if point.is_out else "yes") + ("" if point.is_clear else ", disturbed from outside"),
            point.run,
        ]
        for point in points
    ]
    return columns, rows, ["median", "limits then"]
