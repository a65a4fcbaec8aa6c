"""How busy a board's active run keeps the host: the heat of a simulated board comes from real processor time.

A run's processes are those that its claim names, and their children. A process younger than the claim that
names it is another one that was given the same number.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from orchestrator.simulator.boards import CORES
from orchestrator.simulator.scaled_time import ScaledClock

_HOST = ScaledClock()
_CHILDREN_EVERY_S = 1.0
_CLOCK_SLACK_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Processor seconds that one process has used so far."""

    process: psutil.Process
    cpu_s: float


class RunLoad:
    """Meters the processes of a board's runs. Each call of `utilisation` covers the time since the one before.

    Where time is scaled, agent and measuring process are kept busy by the scale itself: only the children that they
    have, such as the burner's, heat the board then, each that would run by a whole core. What they get of the host says
    nothing there: it would have to be exact to a few milliseconds.
    """

    def __init__(self, runs: Path, clock: ScaledClock = _HOST) -> None:
        self._runs = runs
        self._clock = clock
        self._known: dict[int, Spent] = {}
        self._measured_s = clock()
        self._searched_s = -_CHILDREN_EVERY_S
        self.cores = min(CORES, os.cpu_count() or 1)

    def utilisation(self) -> float:
        """Share (0..1) of the board's cores that its run used; of the host's where it has fewer."""
        now_s = time.monotonic()
        if now_s - self._searched_s >= _CHILDREN_EVERY_S:
            self._find()
            self._searched_s = now_s
        if self._clock.scale != 1.0:
            return min(sum(map(self._is_running, list(self._known))) / self.cores, 1.0)
        spent_s = sum(map(self._meter, list(self._known)))
        board_s = self._clock()
        elapsed_s, self._measured_s = board_s - self._measured_s, board_s
        return min(spent_s / (elapsed_s * self.cores), 1.0) if elapsed_s > 0 else 0.0

    def processes(self) -> list[psutil.Process]:
        """The processes of every run that are alive now, children included."""
        found = {}
        for claim in self._runs.glob("*/claim.json"):
            for process in _claimed(claim):
                try:
                    for each in (process, *process.children(recursive=True)):
                        found[each.pid] = each
                except psutil.Error:
                    continue
        return list(found.values())

    def _find(self) -> None:
        ours = self._claimed_pids() if self._clock.scale != 1.0 else ()
        for process in self.processes():
            if process.pid not in self._known and process.pid not in ours:
                self._known[process.pid] = Spent(process=process, cpu_s=_cpu_s(process) or 0.0)

    def _claimed_pids(self) -> set[int]:
        return {process.pid for claim in self._runs.glob("*/claim.json") for process in _claimed(claim)}

    def _is_running(self, pid: int) -> bool:
        try:
            status: str = self._known[pid].process.status()
        except psutil.Error:
            del self._known[pid]
            return False
        return status == psutil.STATUS_RUNNING

    def _meter(self, pid: int) -> float:
        before = self._known[pid]
        cpu_s = _cpu_s(before.process)
        if cpu_s is None:
            del self._known[pid]
            return 0.0
        self._known[pid] = Spent(process=before.process, cpu_s=cpu_s)
        return max(cpu_s - before.cpu_s, 0.0)


class ToldLoad:
    """The load that a run tells of because the host's processors do not show it: inference that was slowed, or
    pretended. Each call of `utilisation` covers the time since the one before."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told_s = 0.0
        self._asked_s = clock()

    def utilisation(self, told_s: float, since_s: float, share: float) -> float:
        """Share (0..1) of all cores, from what `WORK_FORM` says: seconds told, and what is under way since when."""
        now_s = self._clock()
        total_s = told_s + (share * (now_s - since_s) if 0.0 < since_s < now_s else 0.0)
        elapsed_s, self._asked_s = now_s - self._asked_s, now_s
        more_s, self._told_s = total_s - self._told_s, total_s
        return min(max(more_s / elapsed_s, 0.0), 1.0) if elapsed_s > 0 else 0.0


def _claimed(claim: Path) -> list[psutil.Process]:
    try:
        data = json.loads(claim.read_bytes())
        written_s = claim.stat().st_mtime
    except (OSError, ValueError):
        return []
    pids = [data[role]["pid"] for role in ("agent", "measuring") if isinstance(data.get(role), dict)]
    alive = []
    for pid in pids:
        try:
            process = psutil.Process(pid)
            if process.create_time() <= written_s + _CLOCK_SLACK_S:
                alive.append(process)
        except psutil.Error:
            continue
    return alive


def _cpu_s(process: psutil.Process) -> float | None:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return None
    return float(times.user + times.system)
