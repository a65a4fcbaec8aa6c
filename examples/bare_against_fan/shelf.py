"""The shelf: simulated Pi 4s and Pi 5s, bare and with a fan, in a farm of its own, and a soak on each of them.

Nothing is inferred. The model is a stand-in whose inferences take as long, on a cold board, as YOLOv9-c takes on such
a board by published figures (ONNX Runtime, 640 x 640), and keep all cores busy. The boards' clock runs faster than that
on the wall, so a soak of twenty minutes takes one or two; agent, SSH, queue and database are the real ones.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator import demo, protocols, studies
from orchestrator.attending import attempts
from orchestrator.attending.picking import SCRIPTED
from orchestrator.boards import fleet
from orchestrator.boards.bundle import build_bundle
from orchestrator.catalog import NewBuild, add_model
from orchestrator.cli.watch import watch_study
from orchestrator.config import Settings
from orchestrator.farm import Farm, open_farm
from orchestrator.formats.model_file import ModelFile, TensorInfo
from orchestrator.simulator.conditions import Conditions
from orchestrator.simulator.farm import SimulatedBoard, simulated_boards
from orchestrator.simulator.scenario import Scenario, Step
from orchestrator.supervisor.state import is_running
from orchestrator.transport.keys import FarmKey

MODEL = "yolo-like"
ROOM_C = 25.0
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Boards of one kind on the shelf: the label that they bear, and how long an inference takes there when cold."""

    board_type: str
    cooling: str
    latency_ms: float


PLACES: Mapping[str, Place] = {
    "pi4-bare": Place(board_type="pi4", cooling="bare", latency_ms=5100.0),
    "pi4-fan": Place(board_type="pi4", cooling="fan", latency_ms=5100.0),
    "pi5-bare": Place(board_type="pi5", cooling="bare", latency_ms=1600.0),
    "pi5-active-cooler": Place(board_type="pi5", cooling="fan", latency_ms=1600.0),
}


@contextlib.contextmanager
def shelf(home: Path, boards_each: int, time_scale: float, seed: int) -> Iterator[Farm]:
    """A farm in `home` with so many boards of each kind, until the `with` block ends."""
    farm = open_farm(Settings(home=home, canary_every_s=0.0))
    key = FarmKey.in_folder(farm.settings.keys_dir).public_line
    kinds = [kind for kind in PLACES for _ in range(boards_each)]
    with_thermometer = Step(at_s=0.0, conditions=Conditions(room_c=ROOM_C, has_thermometer=True))
    scenario = Scenario(seed=seed, room_c=ROOM_C, time_scale=time_scale, steps=(with_thermometer,))
    add_model(farm, MODEL, [NewBuild(path=demo.FILES / "digits.onnx", label="onnx", is_baseline=True)], read=_stand_in)
    try:
        with simulated_boards(farm.settings.simulated_dir, kinds, [key], scenario=scenario) as boards:
            for kind, board in zip(kinds, boards, strict=True):
                _add(farm, board, PLACES[kind])
            yield farm
            _let_boards_tidy_up(farm)
    finally:
        farm.database.engine.dispose()


def soak(farm: Farm, board_type: str, minutes: float, seed: int) -> int:
    """Submit a soak of every board of a type; the study's number."""
    place = next(place for place in PLACES.values() if place.board_type == board_type)
    seconds = f"{60 * minutes:g}"
    settings = (
        *("gate.above_idle_c=none", "gate.max_c=65", "gate.foreign_cpu_max=none"),  # this machine has other work
        *(f"window.min_s={seconds}", f"window.max_s={seconds}"),
    )
    return studies.submit(
        farm.database,
        studies.Submission(
            model=MODEL,
            protocol=protocols.with_overrides(protocols.preset("sustained").protocol, settings),
            blocks=1,
            bundle_hash=build_bundle(farm.settings.bundles_dir).hash,
            devices=[name for name in fleet.names(farm.database) if name.startswith(board_type)],
            threads=(4,),
            runtimes=(SCRIPTED,),
            runtime_options={"median_ms": place.latency_ms, "sigma": 0.01, "busy": 1.0},
            seed=seed,
        ),
    )


def wait_for(farm: Farm, numbers: Sequence[int]) -> bool:
    """Follow studies until all have ended, with a farm that is started for them; whether every run was done."""
    ended = [watch_study(farm, number) for number in numbers]
    return all(ended)


def wait_until_left(farm: Farm) -> None:
    """Wait until the farm that was started for the studies has gone, so that its files may go."""
    ends_at_s = time.monotonic() + PATIENCE_S
    while is_running(farm.settings) and time.monotonic() < ends_at_s:
        time.sleep(0.2)


def _stand_in(path: Path) -> ModelFile:
    """A file that no runtime reads."""
    return ModelFile(
        format="onnx",
        main=path.name,
        files={path.name: path},
        inputs=(),
        outputs=(TensorInfo(name="boxes", dtype="float32", shape=None),),
        opset={},
        size_bytes=path.stat().st_size,
        runtimes=(SCRIPTED,),
    )


def _add(farm: Farm, board: SimulatedBoard, place: Place) -> None:
    """Register a board, as `pifarm device add NAME --ssh ADDRESS --label cooling=...` does."""
    for governor in board.home.glob("board/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"):
        governor.write_text("performance\n", encoding="utf-8")  # as its owner would
    labels = {"cooling": place.cooling}
    new = fleet.NewBoard(name=board.name, address=str(board.address), labels=labels, runtimes=())
    fleet.add_board(farm, new, board.host_key, progress=lambda step, detail: None)


def _let_boards_tidy_up(farm: Farm) -> None:
    """Keep the boards until the worker has said its last word to them."""
    ends_at_s = time.monotonic() + PATIENCE_S
    while attempts.any_to_forget(farm.database) and time.monotonic() < ends_at_s:
        time.sleep(0.2)
