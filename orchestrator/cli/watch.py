"""Watching a study until it ends, with live progress; used by `submit --wait`, `study watch` and `demo`."""

import time

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from orchestrator import embedded, leases, queue
from orchestrator.broker import is_answering
from orchestrator.cli import console
from orchestrator.errors import DatabaseError
from orchestrator.farm import Farm
from orchestrator.lifecycle import StudyState
from orchestrator.numbers_text import duration
from orchestrator.queries.farm import list_devices
from orchestrator.queries.rows import DeviceView, StudyView
from orchestrator.queries.studies import get_study
from orchestrator.waiting_text import at_the_gate

REFRESH_S = 1.0


def ring(farm: Farm) -> None:
    """Wake the attendants of all devices that are due, if a broker answers; otherwise the next tick does it."""
    if is_answering(farm.settings):
        queue.wake(queue.make_app(farm.settings), leases.claim_due(farm.database))


def watch_study(farm: Farm, study_id: int) -> bool:
    """Show a study's progress until it ends, starting the farm if none runs; whether all its runs were done."""
    study = get_study(farm.database, study_id)
    if study.state is StudyState.ACTIVE:
        with embedded.running(farm.settings):
            ring(farm)
            study = _follow(farm, study_id)
    failed = study.counts.get("failed", 0) + study.counts.get("cancelled", 0)
    if failed:
        console.tell(
            f"study {study_id}: {failed} of {study.total} runs did not end well; see pifarm study show {study_id}"
        )
    return failed == 0 and study.state is StudyState.DONE


def _follow(farm: Farm, study_id: int) -> StudyView:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[eta]}"),
    )
    progress = Progress(*columns, console=console.err)
    study = get_study(farm.database, study_id)
    task = progress.add_task(console.shown(f"study {study_id} {study.model}"), total=study.total, eta="")
    with Live(progress, console=console.err, refresh_per_second=1) as live:
        while study.state is StudyState.ACTIVE:
            time.sleep(REFRESH_S)
            if farm.settings.has_own_broker:
                embedded.ensure_running(farm.settings)
            try:
                study, devices = get_study(farm.database, study_id), list_devices(farm.database)
            except DatabaseError:
                progress.update(task, eta="waiting for the database")
                continue
            progress.update(task, completed=_ended(study), total=study.total, eta=_time_left(study))
            looks += 1
            live.update(Group(progress, *(_device_line(device, told.get(device.name)) for device in shown)))
    return study


def _time_left(study: StudyView) -> str:
    is_known = study.eta_s is not None and study.state is StudyState.ACTIVE
    return f"about {duration(study.eta_s)} left" if is_known else ""


def _ended(study: StudyView) -> int:
    return sum(study.counts.get(state, 0) for state in ("done", "failed", "cancelled"))


def _device_line(device: DeviceView) -> Text:
    mark = " (simulated)" if device.simulated else ""
    doing = (
        device.state_reason
        if device.state.value != "ready"
        else (device.doing or ("waiting" if device.queued else "done"))
    )
    heat = "" if device.last_temperature_c is None else f"  {device.last_temperature_c:.1f} °C"
    waiting = f" {at_the_gate(device)}" if at_the_gate(device) else ""
    phase = f" [{device.phase}]" if device.doing and device.phase and not waiting else ""
    return Text(console.printable(f"  {device.name}{mark}: {doing}{phase}{waiting}{heat}"))
