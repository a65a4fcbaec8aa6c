"""`probe`: what this board is, and which runtimes really work on it.

A runtime is tried in a process of its own, with a tiny model, because a wheel that was built for another processor
dies with SIGILL and would take the agent with it.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence

from agent import bundle
from agent.device import board_text, board_type, is_simulated, read_facts, serial
from agent.errors import explain_death
from agent.fence import read_fence, take_over
from agent.home import Home
from agent.idle import nobody_measuring
from agent.machine import boot_id, machine_id
from agent.report import Reply
from agent.sensors.discover import find_sensors
from agent.sensors.sysfs import meminfo_bytes
from agent.wire.answers import Answer, Probe
from agent.wire.spec import Fence

_PREFLIGHT_S = 120.0


def probe(home: Home, runtimes: Sequence[str], new_owner: Fence | None = None) -> Reply:
    """Describe the board; with `new_owner` it changes hands first, unless something measures."""
    if new_owner is not None:
        _hand_over(home, new_owner)
    fence = read_fence(home.path)
    sensors = find_sensors(home.root, lambda: [os.getpid()], home.notes.thermometer)
    tried = {name: preflight_apart(home, name) for name in runtimes}
    answer = Probe(
        machine_id=machine_id(),
        serial=serial(home),
        board=board_text(home.root),
        board_type=board_type(home),
        simulated=is_simulated(home),
        cores=os.cpu_count() or 1,
        memory_bytes=meminfo_bytes("MemTotal"),
        disk_free_bytes=shutil.disk_usage(home.path).free,
        boot_id=boot_id(home),
        owner=None if fence is None else fence.farm_id,
        fence_number=None if fence is None else fence.number,
        facts=read_facts(home),
        sources=sensors.sources,
        absent=sensors.absent,
        runtimes={name: version for name, (version, _) in tried.items() if version is not None},
        unsupported={name: reason for name, (version, reason) in tried.items() if version is None},
        adopted_python=home.notes.python,
    )
    return Reply(answer=Answer(probe=answer))


def preflight_apart(home: Home, runtime: str) -> tuple[str | None, str]:
    """Version of a runtime that works here, or None and the reason why it does not."""
    argv = bundle.command_line(home.interpreter(runtime), "preflight", "--runtime", runtime)
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_PREFLIGHT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, f"preflight: {error}"
    if done.returncode < 0:
        return None, explain_death(done.returncode, loaded=False, last_words="").message
    verdict, _, text = done.stdout.strip().rpartition("\n")[2].partition(" ")
    if verdict == "works":
        return text, ""
    return None, text or f"preflight ended with exit code {done.returncode}: {done.stderr.strip()[-300:]}"


def _hand_over(home: Home, new_owner: Fence) -> None:
    with nobody_measuring(home, "take it over when it has ended"):
        take_over(home.path, new_owner)
