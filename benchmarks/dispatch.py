"""From a stored study to its first inference, and from the end of one window to the next run's loaded model.

A farm as `pifarm up` runs it, a board over loopback SSH that is prepared and whose gate asks nothing. Studies are
submitted by the command line, one after the other, each when the farm has come to rest and at a random moment of its
tick. The reference is what a person's shell script needs: a fresh `ssh` that imports the runtime and loads the model.
"""

import argparse
import contextlib
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.command import CannotMeasureError, run_command, tell
from benchmarks.figure import Figure, Target, median_of
from benchmarks.openssh import client_options, find_sshd, openssh_server
from benchmarks.running_farm import RunningFarm, running_farm
from benchmarks.trace import ClaimWatch, Journey, Steps, read_journey
from orchestrator import demo
from orchestrator.simulator.process import simulator_process
from orchestrator.transport.address import SshAddress
from orchestrator.transport.keys import HostKey
from orchestrator.transport.local import adopt_own_python

TARGET = Target(at_most=1.5)
SIMULATED, OPENSSH = "simulated", "openssh"
VARIANT = "onnx"
OPEN_GATE = ("gate.max_c=none", "gate.live_bits_clear=false", "warm_up.min_s=0.1", "window.min_s=0.5")
LEAST_STUDIES = 3
MOST_LEFT_OUT = 2
SEED = 4
_BARE = (
    "import sys, time, numpy, onnxruntime; s = onnxruntime.InferenceSession(sys.argv[1]); x = s.get_inputs()[0];"
    " f = {x.name: numpy.zeros([d if isinstance(d, int) else 1 for d in x.shape], numpy.float32)};"
    " t = time.monotonic_ns(); s.run(None, f); print(t)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A board on this host: how to reach it, and its home."""

    name: str
    address: SshAddress
    host_key: HostKey
    home: Path


def measure(options: argparse.Namespace) -> list[Figure]:
    """Each kind of SSH server in turn."""
    servers = chosen_servers(options.server)
    figures = []
    for server in servers:
        with tempfile.TemporaryDirectory(prefix="pifarm-dispatch-") as name:
            folder = Path(name)
            journeys, bare_s = measure_server(server, folder, options.studies, options.minutes * 60 / len(servers))
        figures += judge(server, journeys, bare_s)
    return figures


def chosen_servers(asked: str) -> list[str]:
    """The servers to measure: all that are installed for "all"."""
    if asked != "all":
        return [asked]
    with contextlib.suppress(CannotMeasureError):
        find_sshd()
        return [SIMULATED, OPENSSH]
    tell("dispatch: sshd is not installed; only a simulated board's server is measured")
    return [SIMULATED]


def measure_server(server: str, folder: Path, studies: int, within_s: float) -> tuple[list[Journey], list[float]]:
    """The journeys of studies to one board, and a bare `ssh` after each."""
    with running_farm(folder / "farm") as farm, _board(server, folder, farm) as site:
        farm.add_board(site.name, site.address, site.host_key)
        bare = bare_ssh(folder, site, farm)
        watch = ClaimWatch(site.home / ".pifarm" / "runs")
        watch.start()
        try:
            return _travel(farm, site, watch, bare, studies, within_s)
        finally:
            watch.stop()


def judge(server: str, journeys: Sequence[Journey], bare_s: Sequence[float]) -> list[Figure]:
    """The two figures with their steps, beside the bare `ssh`."""
    ways = {
        "stored to first inference": [journey.steps_to_first_inference() for journey in journeys],
        "end of window to next model loaded": [journey.steps_to_next_load() for journey in journeys],
    }
    figures = []
    for way, steps in ways.items():
        figures.append(
            Figure(
                what=f"{server}: {way} (reference: bare ssh)",
                unit="s",
                ours=median_of([sum(each.values()) for each in steps]),
                reference=median_of(bare_s) if bare_s else None,
                targets=(TARGET,),
            )
        )
        figures += [_step(name, steps) for name in steps[0]]
    return figures


def bare_ssh(folder: Path, site: Site, farm: RunningFarm) -> Callable[[], float] | None:
    """What takes seconds from a fresh `ssh` to a first inference on a board; None where there is no ssh."""
    if shutil.which("ssh") is None:
        tell("dispatch: ssh is not installed, so there is no reference")
        return None
    (variant,) = [each for each in demo.demo_variants() if each.label == VARIANT]
    options = client_options(folder, site.address, site.host_key, farm.key.private_file)
    remote = shlex.join(["env", "ORT_DISABLE_TELEMETRY=1", sys.executable, "-c", _BARE, str(variant.path)])
    command = ["ssh", *options, f"{site.address.user}@{site.address.host}", remote]

    def run() -> float:
        began_s = time.monotonic()
        done = subprocess.run(command, capture_output=True, check=False, timeout=60.0)
        if done.returncode != 0:
            raise CannotMeasureError(f"ssh failed: {done.stderr.decode(errors='replace')[-300:]}")
        return int(done.stdout) / 1e9 - began_s

    return run


def _travel(
    farm: RunningFarm,
    site: Site,
    watch: ClaimWatch,
    bare: Callable[[], float] | None,
    studies: int,
    within_s: float,
) -> tuple[list[Journey], list[float]]:
    """The first journey brings model and agent to the board and is not counted; few may go wrong, and are said."""
    journeys: list[Journey] = []
    bare_s: list[float] = []
    left_out = 0
    chance = random.Random(SEED)
    ends_s = time.monotonic() + within_s
    for number in range(studies + 1):
        if len(journeys) >= LEAST_STUDIES and time.monotonic() > ends_s:
            break
        time.sleep(chance.uniform(0.0, 1.0))
        study = submit(farm, site.name)
        farm.wait_for_end(study)
        try:
            journey = read_journey(farm.farm.database, study, watch.origins_ns)
        except CannotMeasureError as reason:
            tell(f"dispatch: left out: {reason}")
            left_out += 1
            if left_out > MOST_LEFT_OUT:
                raise
            continue
        if number > 0:
            journeys.append(journey)
            bare_s += [bare()] if bare else []
        tell(f"dispatch: {site.name}: study {number} of {studies}")
    return journeys, bare_s


def submit(farm: RunningFarm, device: str) -> int:
    """Submit two runs of one variant as a person does; the study's id."""
    words = ["submit", demo.MODEL_NAME, "--variant", VARIANT, "--device", device, "--protocol", "demo"]
    settings = [word for setting in OPEN_GATE for word in ("--set", setting)]
    study: int = farm.pifarm(*words, *settings, "--blocks", "2", "--threads", "1")["study"]
    return study


@contextlib.contextmanager
def _board(server: str, folder: Path, farm: RunningFarm) -> Iterator[Site]:
    public_line = farm.key.public_line
    if server == SIMULATED:
        with simulator_process(folder / "boards", ["pi5-active-cooler"], [public_line]) as (notice,):
            yield Site(name=server, address=notice.address, host_key=notice.host_key, home=notice.home)
        return
    with openssh_server(folder / "sshd", public_line) as running:
        adopt_own_python(running.home / ".pifarm")
        yield Site(name=server, address=running.address, host_key=running.host_key, home=running.home)


def _step(name: str, steps: Sequence[Steps]) -> Figure:
    return Figure(what=f"    {name}", unit="s", ours=median_of([each[name] for each in steps]))


if __name__ == "__main__":
    run_command(
        "dispatch",
        "time from a stored study to its first inference, and between runs",
        measure,
        {"studies": 20, "minutes": 12.0, "server": "all"},
    )
