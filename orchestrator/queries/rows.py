"""What the read door returns: frozen facts, ready to be shown, in the units of their names. No SQL in here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from orchestrator.attending.lifecycle import AttemptState, DeviceState, RunState, StudyKind, StudyState, Verdict
from orchestrator.boards.ambient import AmbientSource

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run as a person wants to see it; `previous` and `next` are its neighbours in the block.

    `labels` are those of its device when it started, null before that; `ambient_c` is what `ambient_source` said then.
    From `onset_s` to `throttled_s` are figures of sustained runs, as `queries.soak` tells them; null for a burst.
    `rate_per_s` is that of a step in a search for the highest rate, null where the protocol's own holds.
    """

    run: str
    study: int
    model: str
    variant: str
    device: str
    board: str
    board_type: str
    simulated: bool
    protocol: str
    regime: str
    block: int
    position: int
    state: RunState
    code: str
    message: str
    verdict: Verdict | None
    reasons: tuple[Mapping[str, Any], ...]
    attempts: tuple["AttemptView", ...]
    started_at_s: float | None
    ended_at_s: float | None
    samples: int | None
    median_ms: float | None
    p90_ms: float | None
    p99_ms: float | None
    first_ms: float | None
    load_ms: float | None
    peak_rss_bytes: int | None
    start_c: float | None
    max_c: float | None
    previous: str | None
    next: str | None
    start_group: int = 0
    end_c: float | None = None
    ambient_c: float | None = None
    ambient_source: AmbientSource | None = None
    labels: Mapping[str, str] | None = None
    window_s: float | None = None
    energy_j: float | None = None
    steadiness: str | None = None
    segments: int | None = None
    missed_deadlines: int | None = None
    rate_per_s: float | None = None
    onset_s: float | None = None
    known_until_s: float | None = None
    onset_cause: str | None = None
    settled_ms: float | None = None
    sustained_ratio: float | None = None
    stability: float | None = None
    settled_c: float | None = None
    cooling_tau_s: float | None = None
    throttled_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptView:
    """One attempt: how it went, and what the board said of itself. Times in `phases` are seconds since the claim.

    `known_onset_s` is what a burst was told of earlier soaks: its window was to end at 80 % of it.
    """

    number: int
    state: AttemptState
    counted: bool
    code: str
    message: str
    opened_at_s: float
    closed_at_s: float | None
    phases: Mapping[str, float]
    environment: Mapping[str, Any]
    sources: Mapping[str, str]
    absent: tuple[str, ...]
    gate: Mapping[str, Any]
    loaded: Mapping[str, Any]
    known_onset_s: float | None = None
    measuring_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSeries:
    """Raw data of the attempt that counts: inferences in order, telemetry columns by name with NaN where absent.

    `start_s` and telemetry's `at_s` are seconds since the claim. `is_counted` marks the window's inferences.
    """

    start_s: Floats
    latency_ms: Floats
    is_counted: npt.NDArray[np.bool_]
    telemetry: Mapping[str, Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePrecision:
    """How narrow a study's intervals are on a device; `half_width` is a share, null where none can be made yet.

    `blocks` counts those that have begun to be measured; `stopped` says why no block is added there any more;
    `left_out` counts the variants that gave no results of late.
    """

    device: str
    blocks: int
    half_width: float | None
    stopped: str | None
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UntilNarrow:
    """A study to which blocks are added until its 95 % intervals are narrow; `coverage` is what those really cover."""

    wanted: float
    max_blocks: int
    coverage: float
    devices: tuple[DevicePrecision, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """How far a run or a study is with its data set: `answered` of `examples`, over all attempts."""

    dataset: str
    answered: int
    examples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyView:
    """A study and how far it is; `counts` by run state. `eta_s` is null once it has ended.

    `blocks` is what was asked for at first or by hand; `blocks_done` of `blocks_planned` counts those of each device.
    `left_s` is, for each device, until its machine may be done with the study: the same for all that share one.
    `answering` is how far its runs are together that answer a data set; null for other kinds.
    """

    study: int
    model: str
    protocol: str
    regime: str
    blocks: int
    seed: int
    priority: int
    state: StudyState
    created_at_s: float
    ended_at_s: float | None
    devices: tuple[str, ...]
    variants: tuple[str, ...]
    counts: Mapping[str, int]
    eta_s: float | None
    simulated: bool
    kind: StudyKind = StudyKind.SUBMITTED
    blocks_done: int = 0
    blocks_planned: int = 0
    left_s: Mapping[str, float] = field(default_factory=dict)
    until_ci: UntilNarrow | None = None
    answering: Answering | None = None

    @property
    def total(self) -> int:
        """How many runs it has."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceView:
    """A device: what it is, what it does, and how old that knowledge is. `doing` is null when it is idle.

    `ready_in_s` is about how long it still waits at its gate, null where nobody can tell.
    `ambient_c` is the room as somebody has stated it, not as a thermometer shows it.
    """

    name: str
    address: str | None
    fingerprint: str | None
    board: str
    board_type: str
    simulated: bool
    labels: Mapping[str, str]
    state: DeviceState
    state_reason: str
    doing: str | None
    doing_run: str | None
    doing_study: int | None
    phase: str | None
    waiting_for: str
    ready_in_s: float | None
    queued: int
    last_seen_age_s: float | None
    last_temperature_c: float | None
    faults_in_row: int
    facts: Mapping[str, Any]
    absent: tuple[str, ...]
    runtimes: Mapping[str, str]
    unsupported: Mapping[str, str]
    ambient_c: float | None = None
    ambient_source: AmbientSource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """A model and its builds; `task` is its task file, null where none was given."""

    model: str
    created_at_s: float
    builds: tuple["BuildView", ...]
    task: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildView:
    """One labelled artifact of a model; `lineage` is how the factory made it, empty for what was handed over.

    `metrics` are declared; `measured` are those that boards have shown on the model's newest data set.
    """

    label: str
    format: str
    size_bytes: int
    artifact: str
    is_baseline: bool
    metrics: Mapping[str, Mapping[str, Any]]
    inputs: tuple[Mapping[str, Any], ...]
    files: tuple[str, ...]
    runtimes: tuple[str, ...]
    lineage: Mapping[str, Any]
    measured: tuple["MeasuredView", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredView:
    """Metrics of a build that a type of board has shown by a runtime; each says its data set and how many examples."""

    board_type: str
    simulated: bool
    runtime: str
    metrics: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """One line of what happened."""

    at_s: float
    kind: str
    message: str
    study: int | None
    run: str | None
    device: str | None
