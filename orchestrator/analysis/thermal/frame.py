"""A soak made ready for the fit: which of its samples can be used, and what heats the board in them."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.thermal.curve import Flags, Floats, Integers, Soak
from orchestrator.analysis.thermal.power_law import Points, relative_power
from orchestrator.analysis.thermal.projection import Design

LEAST_SAMPLES, LEAST_STRETCH = 60, 20
LEAST_KNOWN = 0.9
LEAST_LOW_S = 90.0
LAST_S = 300.0
LEAST_MOVE_C = 1.0  # two steps of the coarsest sensors


class Drive(enum.Enum):
    """What heats in the fit: the relative power of load and clock, or the watts that the board measured."""

    LOAD = "load"
    POWER = "power"


class Refusal(Exception):
    """There can be no fit; the message says why. The soak is at fault, not the program."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """A design with what turns its solution into figures. `anchor_c` is the room where it may stand for no drive.

    `room_c` was measured where `is_room_recorded`, else somebody said it, or nobody did.
    """

    design: Design
    anchor_c: float | None
    room_c: float | None
    is_room_recorded: bool
    last_c: float | None
    end_drive: float
    full_drive: float

    def values(self, terms: Floats, logs: Floats) -> Floats:
        """Asymptote without drive, total gain, settled temperature, gains, constants."""
        nodes, has = len(logs), self.design.has_contrast
        gains = terms[1 : 1 + nodes] if has else np.full(nodes, np.nan)
        total = float(gains.sum())
        settled_c = terms[0] + (total * self.end_drive if has else 0.0)
        if not has and self.anchor_c is not None:
            total = (settled_c - self.anchor_c) / self.end_drive
        values: Floats = np.concatenate(([terms[0], total, settled_c], gains, np.exp(logs)))
        return values


def main_level(soak: Soak) -> int:
    """The fan level that most of the load ran at; raises `Refusal`."""
    loaded = soak.fan_levels()[soak.is_loaded]
    if not len(loaded):
        raise Refusal("load: expected samples of it, got none")
    return int(np.bincount(loaded).argmax())


def drive_of(soak: Soak, drive: Drive, voltages: Mapping[str, Points], is_whole: bool) -> Floats:
    """What heats, from each sample to the next."""
    if drive is Drive.POWER:
        known = np.isfinite(soak.power_w)
        if known.mean() < LEAST_KNOWN:
            raise Refusal("power: expected it in 90 % of the samples, so that the fit can be in K/W")
        watts: Floats = np.interp(soak.at_s, soak.at_s[known], soak.power_w[known])
        return watts
    busy, top_hz, points = soak.busy(), soak.top_hz, voltages.get(soak.board_type)
    if top_hz is None or points is None or not is_whole:
        return busy
    known = np.isfinite(soak.clock_hz)
    clock = np.interp(soak.at_s, soak.at_s[known], soak.clock_hz[known])
    middle = (clock + np.append(clock[1:], clock[-1])) / 2
    return busy * relative_power(middle, top_hz, points)


def require_movement(die_c: Floats) -> None:
    """Refuse temperatures that hardly move: there is no curve in them."""
    moved_c = float(np.ptp(die_c))
    if moved_c < LEAST_MOVE_C:
        raise Refusal(f"temperature: expected it to move by {LEAST_MOVE_C:g} C, got {moved_c:.1f} C")


def framed(soak: Soak, wanted: Flags, signal: Floats, drive: Drive) -> Frame:
    """The stretches of wanted samples that are long enough; raises `Refusal`."""
    runs = np.split(np.arange(len(wanted)), np.flatnonzero(np.diff(wanted.astype(np.int8))) + 1)
    stretches = [run for run in runs if wanted[run[0]] and len(run) >= LEAST_STRETCH]
    count = sum(map(len, stretches))
    if count < LEAST_SAMPLES:
        raise Refusal(f"samples: expected {LEAST_SAMPLES} that can be fitted, got {count}")
    kept: Integers = np.concatenate(stretches)
    require_movement(soak.die_c[kept])
    loaded = kept[soak.is_loaded[kept]]
    if max((int(soak.is_loaded[each].sum()) for each in stretches), default=0) < LEAST_STRETCH:
        raise Refusal(f"load: expected {LEAST_STRETCH} samples of it in a row that can be fitted")
    known = np.isfinite(soak.ambient_c)
    is_recorded = soak.is_room_recorded
    room = np.interp(soak.at_s, soak.at_s[known], soak.ambient_c[known]) if is_recorded else np.zeros(len(known))
    middle = signal[loaded].mean() / 2 if drive is Drive.LOAD else np.ptp(signal) / 2 + signal.min()
    has_contrast = float((signal[kept] < middle).sum()) * soak.period_s >= LEAST_LOW_S
    if not has_contrast:
        stretches = [run for run in (each[soak.is_loaded[each]] for each in stretches) if len(run) >= LEAST_STRETCH]
        kept = np.concatenate(stretches)
    last = loaded[soak.at_s[loaded] > soak.end_s - LAST_S]
    is_long = soak.end_s >= LAST_S and len(last) * soak.period_s >= LEAST_KNOWN * LAST_S
    ending = last if len(last) > LEAST_STRETCH else loaded[-LEAST_STRETCH:]
    return Frame(
        design=Design(
            at_s=soak.at_s[kept],
            die_c=soak.die_c[kept],
            drive=signal[kept],
            room_c=room[kept] - room[kept].mean(),
            stretch=np.repeat(np.arange(len(stretches)), [len(run) for run in stretches]),
            has_contrast=has_contrast,
        ),
        anchor_c=float(room[kept].mean()) if drive is Drive.POWER and is_recorded else None,
        room_c=soak.room_c,
        is_room_recorded=is_recorded,
        last_c=float(soak.die_c[last].mean()) if is_long else None,
        end_drive=float(signal[ending][:-1].mean()),
        full_drive=float(soak.busy()[loaded].mean() if drive is Drive.LOAD else np.median(signal[loaded])),
    )
