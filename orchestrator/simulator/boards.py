"""The boards that can be simulated, as data: what the kernel says of them, and how they warm.

Power is the board's input. Thermal resistances and capacities are fitted to published heating curves of these
boards; voltages are operating points read on them. `load_w` is what neural network inference draws on all
cores.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from orchestrator.errors import NotFoundError
from orchestrator.simulator.thermal import Silicon

CORES = 4
MHZ = 1e6
_A53 = "fp asimd evtstrm crc32 cpuid"
_A76 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardKind:
    """A board in a cooling. `clock_id` is the number that measure_clock answers with."""

    name: str
    model: str
    compatible: tuple[str, str]
    revision: str
    features: str
    clock_id: int
    sensor_step_c: float
    has_fan: bool
    has_power_meter: bool
    silicon: Silicon


_PI5 = Silicon(
    idle_w=2.7,
    load_w=9.5,
    min_hz=1500 * MHZ,
    max_hz=2400 * MHZ,
    clock_step_hz=24 * MHZ,
    voltage=(
        (1500 * MHZ, 0.720),
        (1600 * MHZ, 0.760),
        (1800 * MHZ, 0.785),
        (2000 * MHZ, 0.815),
        (2200 * MHZ, 0.840),
        (2400 * MHZ, 0.870),
    ),
    junction_k_per_w=3.6,
    junction_j_per_k=3.0,
    sink_k_per_w=(5.8,),
    board_j_per_k=60.0,
)
_PI4 = Silicon(
    idle_w=2.7,
    load_w=6.4,
    min_hz=600 * MHZ,
    max_hz=1500 * MHZ,
    clock_step_hz=15 * MHZ,
    voltage=((600 * MHZ, 0.844), (1500 * MHZ, 0.844)),
    junction_k_per_w=4.3,
    junction_j_per_k=3.2,
    sink_k_per_w=(5.7,),
    board_j_per_k=60.0,
)
_PI3 = Silicon(
    idle_w=1.4,
    load_w=3.9,
    min_hz=600 * MHZ,
    max_hz=1200 * MHZ,
    clock_step_hz=53.7 * MHZ,
    voltage=((600 * MHZ, 1.200), (700 * MHZ, 1.319), (1200 * MHZ, 1.319)),
    junction_k_per_w=7.5,
    junction_j_per_k=1.2,
    sink_k_per_w=(11.0,),
    board_j_per_k=25.0,
)
_PI3_PLUS = Silicon(
    idle_w=1.9,
    load_w=5.1,
    min_hz=600 * MHZ,
    max_hz=1400 * MHZ,
    clock_step_hz=50 * MHZ,
    voltage=((600 * MHZ, 1.200), (700 * MHZ, 1.250), (1400 * MHZ, 1.350)),
    junction_k_per_w=2.8,
    junction_j_per_k=2.0,
    sink_k_per_w=(9.0,),
    board_j_per_k=33.0,
    early_limit=(60.0, 1200 * MHZ),
)
_ZERO2 = Silicon(
    idle_w=0.7,
    load_w=2.6,
    min_hz=600 * MHZ,
    max_hz=1000 * MHZ,
    clock_step_hz=53.7 * MHZ,
    voltage=((600 * MHZ, 1.2000), (700 * MHZ, 1.2375), (1000 * MHZ, 1.2375)),
    junction_k_per_w=8.0,
    junction_j_per_k=1.0,
    sink_k_per_w=(15.0,),
    board_j_per_k=9.0,
)
_PI5_BARE = BoardKind(
    name="pi5-bare",
    model="Raspberry Pi 5 Model B Rev 1.0",
    compatible=("raspberrypi,5-model-b", "brcm,bcm2712"),
    revision="c04170",
    features=_A76,
    clock_id=0,
    sensor_step_c=0.55,
    has_fan=False,
    has_power_meter=True,
    silicon=_PI5,
)
_PI5_COOLED = replace(
    _PI5,
    junction_k_per_w=1.8,
    junction_j_per_k=8.0,
    sink_k_per_w=(6.0, 4.0, 3.4, 3.1, 2.8),
)
_PI4_BARE = BoardKind(
    name="pi4-bare",
    model="Raspberry Pi 4 Model B Rev 1.1",
    compatible=("raspberrypi,4-model-b", "brcm,bcm2711"),
    revision="c03111",
    features=_A53,
    clock_id=48,
    sensor_step_c=0.49,
    has_fan=False,
    has_power_meter=False,
    silicon=_PI4,
)
_PI4_HEATSINK = replace(_PI4, junction_k_per_w=2.2, junction_j_per_k=6.0, sink_k_per_w=(6.2,), board_j_per_k=45.0)
_PI4_CASE = replace(_PI4, junction_k_per_w=1.8, junction_j_per_k=10.0, sink_k_per_w=(4.5,), board_j_per_k=150.0)
_PI4_FAN = replace(_PI4, junction_k_per_w=2.0, junction_j_per_k=6.0, sink_k_per_w=(3.0,), board_j_per_k=40.0)
_PI4_BOOST = replace(
    _PI4,
    load_w=7.2,
    max_hz=1800 * MHZ,
    clock_step_hz=18 * MHZ,
    voltage=((600 * MHZ, 0.844), (1500 * MHZ, 0.844), (1600 * MHZ, 0.866), (1700 * MHZ, 0.888), (1800 * MHZ, 0.910)),
)
_PI5_CASE_FAN = replace(_PI5, junction_k_per_w=2.2, sink_k_per_w=(4.5,), board_j_per_k=38.0)
_PI3_BARE = BoardKind(
    name="pi3b",
    model="Raspberry Pi 3 Model B Rev 1.2",
    compatible=("raspberrypi,3-model-b", "brcm,bcm2837"),
    revision="a02082",
    features=_A53,
    clock_id=45,
    sensor_step_c=0.55,
    has_fan=False,
    has_power_meter=False,
    silicon=_PI3,
)
_PI3_PLUS_BARE = replace(
    _PI3_BARE,
    name="pi3b-plus",
    model="Raspberry Pi 3 Model B Plus Rev 1.3",
    compatible=("raspberrypi,3-model-b-plus", "brcm,bcm2837"),
    revision="a020d3",
    silicon=_PI3_PLUS,
)
_ZERO2_BARE = replace(
    _PI3_BARE,
    name="zero2w",
    model="Raspberry Pi Zero 2 W Rev 1.0",
    compatible=("raspberrypi,model-zero-2-w", "brcm,bcm2837"),
    revision="902120",
    silicon=_ZERO2,
)

BOARD_KINDS: Mapping[str, BoardKind] = {
    kind.name: kind
    for kind in (
        replace(_PI5_BARE, name="pi5-active-cooler", has_fan=True, silicon=_PI5_COOLED),
        _PI5_BARE,
        replace(_PI4_BARE, name="pi4-heatsink", silicon=_PI4_HEATSINK),
        _PI4_BARE,
        _PI3_BARE,
        _PI3_PLUS_BARE,
        _ZERO2_BARE,
        replace(_PI4_BARE, name="pi4-case", silicon=_PI4_CASE),
        replace(_PI4_BARE, name="pi4-fan", silicon=_PI4_FAN),
        replace(
            _PI4_BARE,
            name="pi4-bare-1800",
            model="Raspberry Pi 4 Model B Rev 1.4",
            revision="d03114",
            silicon=_PI4_BOOST,
        ),
        replace(_PI5_BARE, name="pi5-case-fan", silicon=_PI5_CASE_FAN),
    )
}


def board_kind(name: str) -> BoardKind:
    """The kind of that name; raises `NotFoundError` that lists all."""
    if name not in BOARD_KINDS:
        raise NotFoundError(f"simulated board {name!r}: expected one of {', '.join(BOARD_KINDS)}")
    return BOARD_KINDS[name]


def individual(kind: BoardKind, rng: random.Random) -> BoardKind:
    """One specimen of a kind: voltage within 4 %, so load power within 8 %; its sink within 10 %."""
    silicon = kind.silicon
    volt = 1 + rng.uniform(-0.04, 0.04)
    sink = 1 + rng.uniform(-0.10, 0.10)
    own = replace(
        silicon,
        load_w=silicon.idle_w + (silicon.load_w - silicon.idle_w) * volt**2,
        voltage=tuple((hz, at * volt) for hz, at in silicon.voltage),
        sink_k_per_w=tuple(value * sink for value in silicon.sink_k_per_w),
    )
    return replace(kind, silicon=own)
