"""What an hour of soak costs: processor time, memory and disk of a board, and the time of the farm that stores it.

A scripted runtime sleeps, so that nothing else is measured; telemetry comes at 1 Hz from the tree of a simulated board.
Soaks run side by side. Two are on a board without the program ``vcgencmd``: what the agent does on a Pi whose mailbox
it may use, but for the mailbox's own calls. A third asks the program once a second, as where there is no mailbox.
Soaks that are shorter than an hour are extrapolated, and the journal that is stored repeats their window.
"""

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from agent.wire.journal import encode_line
from agent.wire.records import Inferences, Phase, Record, Telemetry
from agent.wire.spec import Gate, Limits, Protocol, Regime, Scalar, WarmUp, Window
from benchmarks import stored_soak
from benchmarks.command import CannotMeasureError, run_command, tell
from benchmarks.figure import Estimate, Figure, Target, median_of
from benchmarks.lone_board import LoneBoard, Started
from benchmarks.processes import cpu_s, reaped_cpu_s, rss_mb
from orchestrator.simulator.board import BoardBody
from orchestrator.simulator.boards import board_kind

ASKING = "20 ms, vcgencmd asked"
PACES_MS: Mapping[str, float] = {"20 ms": 20.0, "0.3 ms": 0.3, ASKING: 20.0}
KIND = "pi4-bare"
HOUR_MIN = 60.0
LEAST_MIN = 3.0
REPORT_S = 60.0
SETTLE_S = 5.0
MEMORY_BYTES = 2**30  # what a run may use, as every run of a farm is told; it has to be watched
LEFT_S = 5.0  # of the window when the last look is taken
SHARE, DISK, EACH = Target(at_most=0.1), Target(at_most=2.0), Target(at_most=4.0)
PAGE = Target(at_most=1.0)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A soak while it ran: percent of a core of the agent and of programs that it asks, MB that both have grown by."""

    own_percent: float
    asked_percent: float
    agent_mb: float
    agent_growth_mb: float
    measuring_growth_mb: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bytes:
    """What a soak left: MB of journal in an hour, of which telemetry, and bytes a window's inference."""

    journal_mb: float
    telemetry_mb: float
    each: float
    inferences: int


def measure(options: argparse.Namespace) -> list[Figure]:
    """The soaks side by side, then one of them stored."""
    if options.minutes < LEAST_MIN:
        raise CannotMeasureError(f"--minutes: expected {LEAST_MIN:g} or more, got {options.minutes:g}")
    with tempfile.TemporaryDirectory(prefix="pifarm-soak-") as name:
        seen, journals = soak(Path(name), options.minutes)
        times = max(1, round(HOUR_MIN / options.minutes))
        longest = stored_soak.repeated(journals[ASKING], times)
        tell(f"soak_cost: storing {times} times {options.minutes:g} min")
        stored = stored_soak.store(longest, protocol(options.minutes), Path(name) / "farm", options.opened)
    return [
        *(figure for pace in PACES_MS for figure in judge(pace, seen[pace], weigh(journals[pace], options.minutes))),
        *judge_stored(stored, sum(len(each.starts_ns) for each in longest if isinstance(each, Inferences))),
    ]


def soak(folder: Path, minutes: float) -> tuple[dict[str, Seen], dict[str, list[Record]]]:
    """What was seen of each soak, and its records."""
    asking, mute = (BoardBody(folder / name, KIND, board_kind(KIND)) for name in ("asking", "mute"))
    for body in (asking, mute):
        body.power_on()
    (mute.tree.root / "usr/bin/vcgencmd").unlink()
    boards, started = dict[str, LoneBoard](), dict[str, Started]()
    for number, (pace, median_ms) in enumerate(PACES_MS.items()):
        home = folder / f"home{number}"
        home.mkdir()
        body = asking if pace == ASKING else mute
        (home / "board.json").write_bytes((body.farm_folder / "board.json").read_bytes())
        boards[pace] = board = LoneBoard.in_folder(home)
        model = home / "nothing.onnx"
        model.touch()
        options: dict[str, Scalar] = {"median_ms": median_ms}
        spec = board.spec(board.stage(model), protocol(minutes), runtime="scripted", options=options)
        limits = Limits(wall_s=minutes * 60 + 600, rss_bytes=MEMORY_BYTES)
        started[pace] = board.start(dataclasses.replace(spec, limits=limits))
    seen = watch({pace: each.agent for pace, each in started.items()}, (asking, mute), minutes)
    return seen, {pace: boards[pace].finish(each) for pace, each in started.items()}


def watch(agents: Mapping[str, psutil.Process], bodies: Sequence[BoardBody], minutes: float) -> dict[str, Seen]:
    """Look at each agent from the beginning of the windows to just before their end; growth counts from the second
    report on."""
    _pass(bodies, SETTLE_S)
    before = {pace: (time.monotonic(), cpu_s(agent), reaped_cpu_s(agent)) for pace, agent in agents.items()}
    measuring = {pace: agent.children()[0] for pace, agent in agents.items()}
    _pass(bodies, 2 * REPORT_S)
    settled = {pace: (rss_mb(agent), rss_mb(measuring[pace])) for pace, agent in agents.items()}
    _pass(bodies, minutes * 60 - SETTLE_S - 2 * REPORT_S - LEFT_S)
    found = {}
    for pace, agent in agents.items():
        began_s, own_s, asked_s = before[pace]
        lasted_s = time.monotonic() - began_s
        found[pace] = Seen(
            own_percent=100 * (cpu_s(agent) - own_s) / lasted_s,
            asked_percent=100 * (reaped_cpu_s(agent) - asked_s) / lasted_s,
            agent_mb=rss_mb(agent),
            agent_growth_mb=rss_mb(agent) - settled[pace][0],
            measuring_growth_mb=rss_mb(measuring[pace]) - settled[pace][1],
        )
    return found


def weigh(records: Sequence[Record], minutes: float) -> Bytes:
    """The journal's lines by what they hold; those of warm-up and ends do not grow with the window."""
    window, telemetry, fixed, inferences = 0, 0, 0, 0
    for seq, record in enumerate(records):
        size = len(encode_line(seq, record))
        if isinstance(record, Inferences) and record.phase is Phase.WINDOW:
            window, inferences = window + size, inferences + len(record.starts_ns)
        elif isinstance(record, Telemetry):
            telemetry += size
        else:
            fixed += size
    times = HOUR_MIN / minutes
    return Bytes(
        journal_mb=(fixed + (window + telemetry) * times) / 1e6,
        telemetry_mb=telemetry * times / 1e6,
        each=window / inferences,
        inferences=round(inferences * times),
    )


def judge(pace: str, seen: Seen, size: Bytes) -> list[Figure]:
    """The figures of a soak; disk is promised for 20 ms and more, bytes an inference for less."""
    is_slow = PACES_MS[pace] >= 20.0
    return [
        _figure(f"{pace}: agent with telemetry at 1 Hz", "% of a core", seen.own_percent, SHARE),
        _figure(f"{pace}: programs that it asks", "% of a core", seen.asked_percent),
        _figure(f"{pace}: inferences in an hour", "", size.inferences),
        _figure(f"{pace}: journal of an hour", "MB", size.journal_mb, *([DISK] if is_slow else [])),
        _figure(f"{pace}: of which telemetry", "MB", size.telemetry_mb),
        _figure(f"{pace}: journal for an inference", "bytes", size.each, *([] if is_slow else [EACH])),
        _figure(f"{pace}: agent's memory at the end", "MB RSS", seen.agent_mb),
        _figure(f"{pace}: agent's growth since its second report", "MB RSS", seen.agent_growth_mb),
        _figure(f"{pace}: measuring process's growth since then", "MB RSS", seen.measuring_growth_mb),
    ]


def judge_stored(stored: stored_soak.Stored, inferences: int) -> list[Figure]:
    """The farm's side of an hour."""
    what = f"an hour of 20 ms, {inferences} inferences"
    page = Figure(what=f"{what}: page Run", unit="s", ours=median_of(stored.page_s), targets=(PAGE,))
    return [
        _figure(f"{what}: ingest of all", "s", stored.ingest_s),
        _figure(f"{what}: figures and verdict", "s", stored.judge_s),
        _figure(f"{what}: run show", "s", stored.account_s),
        page,
    ]


def protocol(minutes: float) -> Protocol:
    """An open gate, a short warm-up, and a window of so many minutes."""
    return Protocol(
        name="soak",
        regime=Regime.SUSTAINED,
        gate=Gate(live_bits_clear=False),
        warm_up=WarmUp(min_inferences=1, min_s=0.5),
        window=Window(min_inferences=1, min_s=minutes * 60, max_s=minutes * 60 + 60),
        telemetry_period_s=1.0,
        report_every_s=REPORT_S,
    )


def _pass(bodies: Sequence[BoardBody], seconds: float) -> None:
    """Let time pass, for the simulated boards too."""
    ends_s = time.monotonic() + seconds
    while (left_s := ends_s - time.monotonic()) > 0:
        time.sleep(min(left_s, 1.0))
        for body in bodies:
            body.tick()


def _figure(what: str, unit: str, value: float, *targets: Target) -> Figure:
    return Figure(what=what, unit=unit, ours=Estimate(center=value), targets=targets)


if __name__ == "__main__":
    run_command("soak_cost", "an hour of soak on a board and in a farm", measure, {"minutes": 6.0, "opened": 7})
