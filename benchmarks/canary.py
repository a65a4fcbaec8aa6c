"""How often a device that did not change is taken out of service by its canaries, and how soon one that did.

Computed, not measured: the seed decides. Each noise cell of `known_truth` has devices with a canary an hour for a
fortnight, judged by the farm's own control chart; canaries scatter by their run and by the hour. In the second part
each device becomes slower after its twentieth canary.
"""

import argparse
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.command import run_command
from benchmarks.figure import Figure, Target, share_of
from benchmarks.known_truth.noise import BAD_BY, BLOCK_SD, CELLS, Cell
from orchestrator.analysis.control import STRIKES, follow

Floats = npt.NDArray[np.float64]
BASE_MS = 5.0
FORTNIGHT = 14 * 24
BEFORE, DAY = 20, 24
SLOWER_BY = (0.05, 0.10, 0.20)
ALLOWED_SHARE = 0.01


def measure(options: argparse.Namespace) -> list[Figure]:
    """Both parts, cell by cell."""
    rng = np.random.default_rng(options.seed)
    cells = [cell for cell in CELLS if cell.correlation == 0.0]  # inside a run its median is all that counts
    figures = [_left_alone(cell, draw(cell, options.devices, FORTNIGHT, rng)) for cell in cells]
    for slower_by in SLOWER_BY:
        figures += [figure for cell in cells for figure in _found(cell, slower_by, options.devices, rng)]
    return figures


def draw(cell: Cell, devices: int, canaries: int, rng: np.random.Generator) -> Floats:
    """Medians of canaries in ms, (device, canary)."""
    shape = (devices, canaries)
    logs = cell.run_sd * rng.standard_normal(shape) + BLOCK_SD * rng.standard_normal(shape)
    logs += np.log1p(BAD_BY) * (rng.random(shape) < cell.bad_share)
    medians: Floats = BASE_MS * np.exp(logs)
    return medians


def found_after(medians: Sequence[float]) -> int | None:
    """How many canaries it took until the device was taken out of service, None where it never was."""
    in_row = 0
    for number, judged in enumerate(follow((value, True) for value in medians).judged, start=1):
        in_row = 0 if judged.is_in_control else in_row + 1
        if in_row >= STRIKES:
            return number
    return None


def _left_alone(cell: Cell, medians: Floats) -> Figure:
    out = sum(found_after(own.tolist()) is not None for own in medians)
    return Figure(
        what=f"unchanged for a fortnight, {cell.text}",
        unit="of devices taken out",
        ours=share_of(out, len(medians)),
        targets=(Target(at_most=ALLOWED_SHARE),),
    )


def _found(cell: Cell, slower_by: float, devices: int, rng: np.random.Generator) -> Iterator[Figure]:
    medians = draw(cell, devices, BEFORE + DAY, rng)
    medians[:, BEFORE:] *= 1 + slower_by
    after = [found_after(own.tolist()) for own in medians]
    for name, limit in (("at once", BEFORE + STRIKES), ("within a day", BEFORE + DAY)):
        hits = sum(number is not None and number <= limit for number in after)
        yield Figure(
            what=f"{slower_by:.0%} slower, {cell.text}: found {name}", unit="of devices", ours=share_of(hits, devices)
        )


if __name__ == "__main__":
    run_command("canary", "devices that canaries take out of service", measure, {"devices": 1000, "seed": 1})
