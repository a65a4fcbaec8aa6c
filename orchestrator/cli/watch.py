"""Watching a study until it ends, with live progress; used by `submit --wait`, `study watch` and `demo`."""

import math
import time
from collections.abc import Callable, Sequence

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from agent.wire.spec import Regime
from orchestrator import embedded
from orchestrator.attending.lifecycle import DeviceState, StudyKind, StudyState
from orchestrator.cli import console
from orchestrator.doorbell import ring
from orchestrator.errors import DatabaseError
from orchestrator.farm import Farm
from orchestrator.queries.farm import list_devices
from orchestrator.queries.progress import RunProgress, run_progress
from orchestrator.queries.rows import DeviceView, StudyView
from orchestrator.queries.studies import get_study
from orchestrator.text.numbers_text import counted, time_left
from orchestrator.text.progress_text import answered, newest
from orchestrator.text.waiting_text import at_the_gate, stuck

REFRESH_S = 1.0
LOOK_EVERY = 10  # refreshes from one look at what soaks have brought to the next; it comes once a minute
MOST_LOOKED_AT = 12
LOG_EVERY_S = 30.0
"""Where no terminal shows progress: a line so often at most, where something has changed."""


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
        ended = f"{failed} of {counted(study.total, 'run')} did not end well"
        console.tell(f"study {study_id}: {ended}; see pifarm study show {study_id}")
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
    description = console.shown(f"study {study_id} {study.model}")
    task = progress.add_task(description, total=study.total, completed=_ended(study), eta="")
    looks, told = 0, dict[str, RunProgress]()
    log = None if console.err.is_terminal else _Log(console.tell)
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
            if log is not None:
                log.tell(_log_line(study, shown), _time_left(study))
            if stuck(shown):
                break
    if not console.err.is_terminal:
        console.err.line()  # rich ends the last line in a terminal only
    return study


class _Log:
    """Progress for output that nobody watches: what has changed, in a line now and then."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._said, self._said_at_s = say, "", -math.inf

    def tell(self, line: str, left: str) -> None:
        """Say `line` and the time left, unless it is the last line again, by then later, or follows it too closely."""
        now_s = time.monotonic()
        if line != self._said and now_s - self._said_at_s >= LOG_EVERY_S:
            self._say(f"{line}; {left}" if left else line)
            self._said, self._said_at_s = line, now_s


def _log_line(study: StudyView, devices: Sequence[DeviceView]) -> str:
    """`study 3: 4 of 20 runs ended; pi5-a digits/onnx [window]; pi5-b done`."""
    ended = f"study {study.study}: {_ended(study)} of {counted(study.total, 'run')} ended"
    return "; ".join([ended, *(f"{device.name} {_doing(device)}{_where(device)}" for device in devices)])


def _doing(device: DeviceView) -> str:
    if device.state is not DeviceState.READY:
        return device.state_reason
    return device.doing or ("waiting" if device.queued else "done")


def _where(device: DeviceView) -> str:
    """The phase of its run, and at the gate what it waits for."""
    if waits := at_the_gate(device):
        return f" {waits}"
    return f" [{device.phase}]" if device.doing and device.phase else ""


def _devices_of(farm: Farm, study: StudyView) -> list[DeviceView]:
    return [device for device in list_devices(farm.database) if device.name in study.devices]


def _time_left(study: StudyView) -> str:
    return time_left(study.eta_s) if study.state is StudyState.ACTIVE else ""


def _ended(study: StudyView) -> int:
    return sum(study.counts.get(state, 0) for state in ("done", "failed", "cancelled"))


def _look_at(farm: Farm, devices: Sequence[DeviceView]) -> dict[str, RunProgress]:
    """What runs have brought that last for long, by device."""
    active = [(device.name, device.doing_run) for device in devices if device.doing_run][:MOST_LOOKED_AT]
    found = {name: run_progress(farm.database, run) for name, run in active if run}
    return {name: progress for name, progress in found.items() if progress is not None}


def _device_line(device: DeviceView, progress: RunProgress | None = None) -> Text:
    mark = " (simulated)" if device.simulated else ""
    heat = "" if device.last_temperature_c is None else f"  {device.last_temperature_c:.1f} °C"
    news = progress if device.doing else None
    came = f"; {newest(news)}" if news is not None and news.last_age_s is not None else ""
    far = f"; {answered(news.answering)}" if news is not None and news.answering is not None else ""
    return Text(console.printable(f"  {device.name}{mark}: {_doing(device)}{_where(device)}{heat}{far}{came}"))
