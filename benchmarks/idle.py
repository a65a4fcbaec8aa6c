"""What an idle farm costs the machine that it runs on, and whether it grows: nobody wants to restart it every month.

After a minute of rest ticks are sent much faster than once a second, which is what an idle farm does for hours.
"""

import argparse
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.command import run_command, tell
from benchmarks.figure import Estimate, Figure
from benchmarks.processes import cpu_s, rss_mb
from benchmarks.running_farm import RunningFarm, running_farm
from orchestrator import queue

SETTLE_S = 15.0
TICKS_PER_S = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """A process of the farm: its share of a core at rest, its memory at rest, and after many ticks."""

    cpu_percent: float
    rss_mb: float
    rss_after_mb: float


def measure(options: argparse.Namespace) -> list[Figure]:
    """A farm at rest, then under many ticks."""
    with tempfile.TemporaryDirectory(prefix="pifarm-idle-") as name, running_farm(Path(name) / "farm") as farm:
        time.sleep(SETTLE_S)
        parts = farm.parts()
        cpu_percent = watch(parts, options.seconds)
        before_mb = {part: rss_mb(process) for part, process in parts.items()}
        tick_fast(farm, options.ticks)
        after_mb = {part: rss_mb(process) for part, process in parts.items()}
    return judge(
        {
            part: Footprint(cpu_percent=cpu_percent[part], rss_mb=before_mb[part], rss_after_mb=after_mb[part])
            for part in parts
        },
        options.ticks,
    )


def watch(parts: Mapping[str, psutil.Process], seconds: float) -> dict[str, float]:
    """Share of one core that each process uses over the next `seconds`, in percent."""
    before = {part: cpu_s(process) for part, process in parts.items()}
    began_s = time.monotonic()
    tell(f"idle: resting for {seconds:.0f} s")
    time.sleep(seconds)
    lasted_s = time.monotonic() - began_s
    return {part: 100 * (cpu_s(process) - before[part]) / lasted_s for part, process in parts.items()}


def tick_fast(farm: RunningFarm, ticks: int) -> None:
    """Send many ticks, and wait until the last must have been served."""
    app = queue.make_app(farm.farm.settings)
    tell(f"idle: {ticks} ticks")
    for _ in range(ticks):
        app.send_task(queue.TICK)
        time.sleep(1 / TICKS_PER_S)
    time.sleep(2.0)


def judge(parts: Mapping[str, Footprint], ticks: int) -> list[Figure]:
    """Figures of each part and of all together; none has a target."""
    total = Footprint(
        cpu_percent=sum(part.cpu_percent for part in parts.values()),
        rss_mb=sum(part.rss_mb for part in parts.values()),
        rss_after_mb=sum(part.rss_after_mb for part in parts.values()),
    )
    figures = []
    for name, part in {**parts, "all": total}.items():
        figures += [
            Figure(what=f"{name}: processor", unit="% of a core", ours=Estimate(center=part.cpu_percent)),
            Figure(what=f"{name}: memory", unit="MB RSS", ours=Estimate(center=part.rss_mb)),
            Figure(
                what=f"{name}: memory after {ticks} ticks more",
                unit="MB RSS",
                ours=Estimate(center=part.rss_after_mb),
                reference=Estimate(center=part.rss_mb),
            ),
        ]
    return figures


if __name__ == "__main__":
    run_command("idle", "what an idle farm costs", measure, {"seconds": 60.0, "ticks": 4000})
