"""The protocols, as data: the table of docs/measurement.md in figures, and how a study overrides them.

A protocol is stored whole with its study, so that a later change here changes no study that exists.
"""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.wire.codec import WireError, decode, dumps, encode, essence
from agent.wire.ramp import Ramp
from agent.wire.spec import Gate, Pace, Protocol, Regime, WarmUp, Window
from orchestrator.analysis.rate_search import Search
from orchestrator.errors import NotFoundError, SpecError

_OWN_SETTINGS = ("telemetry_period_s", "recorded_idle_s", "recorded_cooling_s", "report_every_s")
LEAST_TO_HOLD = 299  # inferences without a miss from which `analysis.pacing` can say that a rate is held
LONGEST_STEPS = 3.0
PACE_COOLING_S = 300.0
SWEEP_COOLING_S = 3600.0  # what a sweep may take beyond its ramp: a bare board cools passively for long


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A named protocol with its usual number of blocks; provisional ones rank with a mark."""

    protocol: Protocol
    blocks: int
    provisional: bool


def _sweep(ramp: Ramp) -> Protocol:
    return Protocol(
        name="sweep",
        regime=Regime.SWEEP,
        gate=Gate(foreign_cpu_max=0.02, load_window_s=5.0, timeout_s=600.0),
        warm_up=WarmUp(min_inferences=2, min_s=0.0, max_s=60.0),
        window=Window(min_inferences=1, min_s=ramp.shortest_s, max_s=2 * ramp.shortest_s + SWEEP_COOLING_S),
        telemetry_period_s=0.5,
        ramp=ramp,
    )


PROFILE = Protocol(
    name="profile",
    regime=Regime.BURST,
    gate=Gate(max_c=75.0, timeout_s=60.0),
    warm_up=WarmUp(min_inferences=3, min_s=0.5, max_s=30.0),
    window=Window(min_inferences=10, min_s=1.0, max_s=60.0),
)
"""Of a run that is profiled after its window, for its operators' sake; never ranked."""

ACCURACY = Protocol(
    name="accuracy",
    regime=Regime.BURST,
    gate=Gate(max_c=75.0, timeout_s=60.0),
    warm_up=WarmUp(min_inferences=0, min_s=0.0),
    window=Window(min_inferences=1, min_s=0.0, max_s=7 * 86_400.0),
)
"""Of a run that answers a data set in place of a window: nothing is timed; `answering` says of how many examples."""

PRESETS: Mapping[str, Preset] = {
    "quick": Preset(
        protocol=Protocol(
            name="quick",
            regime=Regime.BURST,
            gate=Gate(max_c=65.0, timeout_s=1200.0),
            warm_up=WarmUp(min_inferences=3, min_s=3.0),
            window=Window(min_inferences=20, min_s=15.0, max_s=120.0, stop_c=77.0),
        ),
        blocks=1,
        provisional=True,
    ),
    "standard": Preset(
        protocol=Protocol(
            name="standard",
            regime=Regime.BURST,
            gate=Gate(
                above_idle_c=6.0,
                idle_s=300.0,
                band_c=2.0,
                hold_s=60.0,
                foreign_cpu_max=0.02,
                load_window_s=5.0,
            ),
            warm_up=WarmUp(min_inferences=5, min_s=10.0, steady_within=0.02, max_s=120.0),
            window=Window(min_inferences=30, min_s=60.0, max_s=300.0, stop_c=77.0, segments=4),
        ),
        blocks=5,
        provisional=False,
    ),
    "sustained": Preset(
        protocol=Protocol(
            name="sustained",
            regime=Regime.SUSTAINED,
            gate=Gate(
                above_idle_c=6.0,
                idle_s=300.0,
                band_c=0.5,
                mean_s=30.0,
                hold_s=30.0,
                foreign_cpu_max=0.02,
                load_window_s=5.0,
            ),
            warm_up=WarmUp(min_inferences=0, min_s=0.0),
            window=Window(min_inferences=1, min_s=1200.0, max_s=3600.0),
            telemetry_period_s=1.0,
            recorded_idle_s=120.0,
            recorded_cooling_s=600.0,
        ),
        blocks=3,
        provisional=False,
    ),
    "sweep": Preset(protocol=_sweep(Ramp(low_c=45.0, high_c=80.0)), blocks=3, provisional=False),
    "demo": Preset(
        protocol=Protocol(
            name="demo",
            regime=Regime.BURST,
            gate=Gate(max_c=75.0, timeout_s=60.0),
            warm_up=WarmUp(min_inferences=1, min_s=0.3, max_s=10.0),
            window=Window(min_inferences=20, min_s=0.7, max_s=10.0, stop_c=77.0),
        ),
        blocks=3,
        provisional=True,
    ),
}


def preset(name: str) -> Preset:
    """The preset of a name; raises `NotFoundError` that lists what there is."""
    if name not in PRESETS:
        raise NotFoundError(f"protocol: expected one of {', '.join(PRESETS)}, got {name!r}")
    return PRESETS[name]


def answering(examples: int) -> Protocol:
    """The protocol of a run that answers so many examples: the number of its inferences, for a forecast of its time."""
    return dataclasses.replace(ACCURACY, window=dataclasses.replace(ACCURACY.window, min_inferences=examples))


def is_provisional(protocol_name: str) -> bool:
    """Whether results of a protocol rank only provisionally; so do those of a protocol with overrides."""
    return protocol_name not in PRESETS or PRESETS[protocol_name].provisional


def with_overrides(protocol: Protocol, overrides: Sequence[str]) -> Protocol:
    """The protocol with settings like ``window.min_s=30`` applied; raises `SpecError` that names the setting.

    It gets a name of its own, such as ``standard-1f3a9c``: results of different procedures are never ranked together.
    """
    data = encode(protocol)
    for override in overrides:
        _apply(data, override)
    try:
        changed = decode(Protocol, data)
    except WireError as error:
        raise SpecError(str(error)) from error
    return protocol if changed == protocol else _renamed(changed)


def paced(protocol: Protocol, rate_per_s: float, deadline_s: float | None) -> Protocol:
    """The protocol with its loop open: inferences are due at a rate; raises `SpecError` for a rate that is none.

    It gets a name of its own, as with overrides. The window is made long enough to tell a rate that is held
    (`LEAST_TO_HOLD` inferences without a miss) where its `max_s` allows that.
    """
    try:
        pace = Pace(rate_per_s=rate_per_s, deadline_s=deadline_s)
    except WireError as error:
        raise SpecError(str(error)) from error
    window = protocol.window
    if window.max_s * rate_per_s >= LEAST_TO_HOLD:
        window = dataclasses.replace(window, min_inferences=max(window.min_inferences, LEAST_TO_HOLD))
    return _renamed(dataclasses.replace(protocol, window=window, pace=pace))


def sweeping(ramp: Ramp) -> Protocol:
    """The protocol of a sweep along this ramp; with another ramp than the preset's it gets a name of its own.

    The window ends with the ramp: `min_s` is what that takes a board that follows it, `max_s` when it is given up.
    """
    protocol = _sweep(ramp)
    return protocol if protocol == PRESETS["sweep"].protocol else _renamed(protocol)


def for_search(search: Search) -> Protocol:
    """The protocol of a search for the highest rate: a soak whose loop is open. Each run has a rate of its own.

    It cools while that is recorded as it would at the next gate, so it costs no time.
    """
    window = Window(min_inferences=1, min_s=search.step_s, max_s=search.step_s)
    pace = Pace(rate_per_s=1.0, deadline_s=search.deadline_s)
    soak = PRESETS["sustained"].protocol
    return _renamed(dataclasses.replace(soak, name="pace", window=window, pace=pace, recorded_cooling_s=PACE_COOLING_S))


def of_run(stored: Mapping[str, Any], rate_per_s: float | None, step_s: float | None) -> Protocol:
    """A study's stored protocol as one of its runs follows it, with a rate and a length of its own where it has some.

    A step lasts long enough to tell a rate that is held, at most `LONGEST_STEPS` times as long as asked.
    """
    protocol = decode(Protocol, stored)
    if rate_per_s is None or protocol.pace is None:
        return protocol
    asked_s = protocol.window.min_s if step_s is None else step_s
    length_s = min(max(asked_s, (LEAST_TO_HOLD + 1) / rate_per_s), LONGEST_STEPS * asked_s)
    window = dataclasses.replace(protocol.window, min_s=length_s, max_s=length_s)
    return dataclasses.replace(protocol, window=window, pace=dataclasses.replace(protocol.pace, rate_per_s=rate_per_s))


def shortest_s(protocol: Protocol) -> float:
    """The least time that a run of this protocol takes, without gate, load and transfer."""
    warm_up, window = protocol.warm_up, protocol.window
    rests_s = protocol.recorded_idle_s + protocol.recorded_cooling_s
    if protocol.pace is None:
        return rests_s + warm_up.min_s + window.min_s
    needed_s = [(part.min_inferences - 1) / protocol.pace.rate_per_s for part in (warm_up, window)]
    return rests_s + max(warm_up.min_s, needed_s[0]) + min(max(window.min_s, needed_s[1]), window.max_s)


def _renamed(protocol: Protocol) -> Protocol:
    digest = hashlib.sha256(dumps(essence(protocol)).encode()).hexdigest()
    return dataclasses.replace(protocol, name=f"{protocol.name}-{digest[:6]}")


def _apply(data: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    if not equals or path not in setting_names():
        raise SpecError(f"--set {override}: expected SETTING=VALUE with one of {', '.join(setting_names())}")
    part, _, name = path.rpartition(".")
    place = data[part] if part else data
    place[name] = _value(text)


def _value(text: str) -> object:
    if text.lower() in ("none", "null"):
        return None
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def setting_names() -> tuple[str, ...]:
    """The names that an override may use."""
    parts = {"gate": Gate, "warm_up": WarmUp, "window": Window}
    nested = (f"{part}.{field.name}" for part, cls in parts.items() for field in dataclasses.fields(cls))
    return (*nested, *_OWN_SETTINGS)
