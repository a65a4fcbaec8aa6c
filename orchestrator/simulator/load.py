"""How busy a board's active run keeps the host: the heat of a simulated board comes from real processor time.

A run's processes are those that its claim names, and their children. A process younger than the claim that
names it is another one that was given the same number.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from orchestrator.simulator.boards import CORES

_CHILDREN_EVERY_S = 1.0
_CLOCK_SLACK_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Processor seconds that one process has used so far."""

    process: psutil.Process
    cpu_s: float


class RunLoad:
    """Meters the processes of a board's runs. Each call of `utilisation` covers the time since the one
    before."""

    def __init__(self, runs: Path) -> None:
        self._runs = runs
        self._known: dict[int, Spent] = {}
        self._measured_s = time.monotonic()
        self._searched_s = -_CHILDREN_EVERY_S
        self._cores = min(CORES, os.cpu_count() or 1)

    def utilisation(self) -> float:
        """Share (0..1) of the board's cores that its run used; of the host's where it has fewer."""
        now_s = time.monotonic()
        if now_s - self._searched_s >= _CHILDREN_EVERY_S:
            self._find()
            self._searched_s = now_s
        spent_s = sum(self._meter(pid) for pid in list(self._known))
        elapsed_s, self._measured_s = now_s - self._measured_s, now_s
        return min(spent_s / (elapsed_s * self._cores), 1.0) if elapsed_s > 0 else 0.0

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
        for process in self.processes():
            if process.pid not in self._known:
                self._known[process.pid] = Spent(process=process, cpu_s=_cpu_s(process) or 0.0)

    def _meter(self, pid: int) -> float:
        before = self._known[pid]
        cpu_s = _cpu_s(before.process)
        if cpu_s is None:
            del self._known[pid]
            return 0.0
        self._known[pid] = Spent(process=before.process, cpu_s=cpu_s)
        return max(cpu_s - before.cpu_s, 0.0)


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
