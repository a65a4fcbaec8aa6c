"""Watching a study until it ends, with live progress; used by `submit --wait`, `study watch` and `demo`."""

import time
from collections.abc import Sequence

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from agent.wire.spec import Regime
from orchestrator import embedded
from orchestrator.attending.lifecycle import StudyKind, StudyState
from orchestrator.cli import console
from orchestrator.doorbell import ring
from orchestrator.errors import DatabaseError
from orchestrator.farm import Farm
from orchestrator.queries.farm import list_devices
from orchestrator.queries.progress import RunProgress, run_progress
from orchestrator.queries.rows import DeviceView, StudyView
from orchestrator.queries.studies import get_study
from orchestrator.text.numbers_text import duration
from orchestrator.text.progress_text import answered, newest
from orchestrator.text.waiting_text import at_the_gate, stuck

REFRESH_S = 1.0
LOOK_EVERY = 10  # refreshes from one look at what soaks have brought to the next; it comes once a minute
MOST_LOOKED_AT = 12


def watch_study(farm: Farm, study_id: int) -> bool:
    """Show a study's progress until it ends, starting the farm if none runs; whether all its runs were done.

    What is left of a study may wait for nothing but sick devices: then it stays queued, and that is said instead.
    """
    study = get_study(farm.database, study_id)
    if study.state is StudyState.ACTIVE:
        with embedded.running(farm.settings):
            ring(farm)
            study = _follow(farm, study_id)
    failed = study.counts.get("failed", 0) + study.counts.get("cancelled", 0)
    if study.state is StudyState.ACTIVE:
        reason = stuck(_devices_of(farm, study))
        console.tell(f"study {study_id} waits: {reason}, pifarm study watch {study_id}")
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
    looks, told = 0, dict[str, RunProgress]()
    with Live(progress, console=console.err, refresh_per_second=1) as live:
        while study.state is StudyState.ACTIVE:
            time.sleep(REFRESH_S)
            if farm.settings.has_own_broker:
                embedded.ensure_running(farm.settings)
            try:
                study = get_study(farm.database, study_id)
                shown = _devices_of(farm, study)
                is_answering = study.kind is StudyKind.ACCURACY
                if is_answering or (looks % LOOK_EVERY == 0 and study.regime != Regime.BURST.value):
                    told = _look_at(farm, shown)
            except DatabaseError:
                progress.update(task, eta="waiting for the database")
                continue
            progress.update(task, completed=_ended(study), total=study.total, eta=_time_left(study))
            looks += 1
            live.update(Group(progress, *(_device_line(device, told.get(device.name)) for device in shown)))
            if stuck(shown):
                break
    if not console.err.is_terminal:
        console.err.line()  # rich ends the last line in a terminal only
    return study


def _devices_of(farm: Farm, study: StudyView) -> list[DeviceView]:
    return [device for device in list_devices(farm.database) if device.name in study.devices]


def _time_left(study: StudyView) -> str:
    is_known = study.eta_s is not None and study.state is StudyState.ACTIVE
    return f"about {duration(study.eta_s)} left" if is_known else ""


def _ended(study: StudyView) -> int:
    return sum(study.counts.get(state, 0) for state in ("done", "failed", "cancelled"))


def _look_at(farm: Farm, devices: Sequence[DeviceView]) -> dict[str, RunProgress]:
    """What runs have brought that last for long, by device."""
    active = [(device.name, device.doing_run) for device in devices if device.doing_run][:MOST_LOOKED_AT]
    found = {name: run_progress(farm.database, run) for name, run in active if run}
    return {name: progress for name, progress in found.items() if progress is not None}


def _device_line(device: DeviceView, progress: RunProgress | None = None) -> Text:
    mark = " (simulated)" if device.simulated else ""
    doing = (
        device.state_reason
        if device.state.value != "ready"
        else (device.doing or ("waiting" if device.queued else "done"))
    )
    heat = "" if device.last_temperature_c is None else f"  {device.last_temperature_c:.1f} °C"
    waiting = f" {at_the_gate(device)}" if at_the_gate(device) else ""
    phase = f" [{device.phase}]" if device.doing and device.phase and not waiting else ""
    news = progress if device.doing else None
    came = f"; {newest(news)}" if news is not None and news.last_age_s is not None else ""
    far = f"; {answered(news.answering)}" if news is not None and news.answering is not None else ""
    return Text(console.printable(f"  {device.name}{mark}: {doing}{phase}{waiting}{heat}{far}{came}"))
