"""Hypothesis strategies for everything that goes over the wire."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from agent.wire.answers import (
    MAX_WORDS,
    Answer,
    BusyProcess,
    Examined,
    LostCause,
    Probe,
    Progress,
    Refused,
    RefusedBecause,
    RunState,
    Setting,
    Status,
    Timer,
    Tuned,
    Way,
)
from agent.wire.codec import LARGEST_NUMBER
from agent.wire.evaluation import CLASS_ROW, DETECTION_ROW, Evaluation, Predicted, pack_predictions
from agent.wire.ramp import Level, Ramp, Reach, Swept
from agent.wire.records import (
    MAX_NS,
    Claimed,
    Ended,
    Environment,
    Fault,
    GatePassed,
    Inferences,
    Loaded,
    Outcome,
    Phase,
    PhaseEntered,
    Record,
    StoppedBy,
    Telemetry,
    TensorFact,
)
from agent.wire.spec import (
    MAX_FENCE,
    MAX_SEGMENTS,
    Fence,
    Gate,
    Inputs,
    Limits,
    Pace,
    Protocol,
    Regime,
    RunSpec,
    WarmUp,
    Window,
)
from agent.wire.task import Decoder, Detection, ImageInput, Task, TaskKind

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
HEX = st.from_regex(r"[0-9a-f]{8,64}", fullmatch=True)
NUMBERS = st.floats(-LARGEST_NUMBER, LARGEST_NUMBER)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
TIMES_NS = st.integers(0, MAX_NS)
CELSIUS = st.floats(-273, 1000)
FENCES = st.integers(0, MAX_FENCE - 1)
SIZES = st.integers(0, 2**62)
SECONDS = st.floats(0, 1e6)
POSITIVE = st.floats(1e-6, 1e6)
SCALARS = st.one_of(TEXT, INTEGERS, NUMBERS, st.booleans())
FACTS = st.dictionaries(TEXT, SCALARS, max_size=4)
SHAPES = st.lists(st.integers(1, 4096), max_size=5).map(tuple)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The strategy, or None."""
    return st.none() | strategy


GATES = st.builds(
    Gate,
    max_c=maybe(NUMBERS), start_c=maybe(NUMBERS), above_idle_c=maybe(NUMBERS), idle_s=POSITIVE, band_c=POSITIVE,
    hold_s=SECONDS, foreign_cpu_max=maybe(st.floats(0.001, 1)), load_window_s=POSITIVE,
    live_bits_clear=st.booleans(), timeout_s=SECONDS,
)  # fmt: skip


@st.composite
def bounds(draw: st.DrawFn, /, cls: Callable[..., Any], fewest: int, **more: st.SearchStrategy[Any]) -> Any:
    """A warm-up or a window, whose maximum is never below its minimum."""
    min_s = draw(SECONDS)
    extra = {name: draw(strategy) for name, strategy in more.items()}
    longer_s = draw(st.floats(0, 1e3))
    return cls(min_inferences=draw(st.integers(fewest, 10**6)), min_s=min_s, max_s=min_s + longer_s, **extra)


@st.composite
def ramps(draw: st.DrawFn) -> Ramp:
    """A ramp, with levels between its ends."""
    low_c, high_c = sorted(draw(st.lists(st.floats(0, 120), min_size=2, max_size=2, unique=True)))
    levels = draw(st.lists(st.floats(low_c, high_c), max_size=4, unique=True))
    return Ramp(
        low_c=min(low_c, 94.0),
        high_c=high_c,
        rate_c_per_min=draw(st.floats(0.1, 120)),
        every_s=draw(st.floats(0.2, 600)),
        slot_s=draw(st.floats(0.01, 60)),
        levels_c=tuple(sorted(levels)),
        hold_s=draw(st.floats(0, 3600)),
        limit_c=95.0,
    )


_WARM_UPS = bounds(WarmUp, 0, steady_within=maybe(st.floats(0.001, 0.999)))
_HEAT = {"stop_c": maybe(NUMBERS), "onset_s": maybe(POSITIVE)}
PROTOCOLS = st.builds(
    Protocol,
    name=NAMES,
    regime=st.sampled_from([Regime.BURST, Regime.SUSTAINED]),
    gate=GATES,
    warm_up=_WARM_UPS,
    window=bounds(Window, 1, segments=st.integers(1, MAX_SEGMENTS), **_HEAT),
    telemetry_period_s=st.floats(0.05, 60),
    pace=maybe(st.builds(Pace, rate_per_s=st.floats(0.001, 10_000), deadline_s=maybe(POSITIVE))),
) | st.builds(
    Protocol,
    name=NAMES,
    regime=st.just(Regime.SWEEP),
    gate=GATES,
    warm_up=_WARM_UPS,
    window=bounds(Window, 1, **_HEAT),
    ramp=ramps(),
)
EXAMPLES = st.lists(st.lists(NAMES, min_size=1, max_size=2).map("/".join), min_size=1, max_size=5, unique=True)
_TASKS = st.builds(
    Task,
    kind=st.just(TaskKind.DETECTION),
    image=st.builds(ImageInput, width=st.integers(1, 640), height=st.integers(1, 640)),
    classes=st.lists(TEXT, min_size=1, max_size=3, unique=True).map(tuple),
    detection=st.builds(Detection, decoder=st.just(Decoder.YOLOV8), most=st.integers(1, 300)),
)
EVALUATIONS = st.builds(Evaluation, dataset_id=HEX, main_file=NAMES, task=maybe(_TASKS), examples=EXAMPLES.map(tuple))
SPECS = st.builds(
    RunSpec,
    wire_version=st.integers(1, 9),
    run_id=NAMES,
    attempt=st.integers(1, 99),
    fence=st.builds(Fence, farm_id=NAMES, number=st.integers(0, MAX_FENCE)),
    bundle_hash=HEX,
    artifact_id=HEX,
    main_file=st.lists(NAMES, min_size=1, max_size=3).map("/".join),
    runtime=NAMES,
    threads=st.integers(1, 64),
    protocol=PROTOCOLS,
    inputs=st.builds(Inputs, seed=st.integers(0, 2**32 - 1), shapes=st.dictionaries(TEXT, SHAPES, max_size=3)),
    limits=st.builds(
        Limits, wall_s=POSITIVE, rss_bytes=maybe(st.integers(1, 2**50)), journal_bytes=st.integers(1, 2**50)
    ),
    runtime_options=FACTS,
    evaluation=maybe(EVALUATIONS),
)


@st.composite
def inferences(draw: st.DrawFn) -> Inferences:
    """A chunk of raw inferences."""
    unit_ns = draw(st.sampled_from([1, 2, 128, 1000]))
    times = st.integers(0, MAX_NS // 64 // unit_ns).map(lambda units: units * unit_ns)
    pairs = draw(st.lists(st.tuples(times, times.filter(bool)), min_size=1, max_size=20))
    starts, end = [], 0
    for pause, duration in pairs:
        starts.append(end + pause)
        end = starts[-1] + duration
    return Inferences(
        phase=draw(st.sampled_from([Phase.WARM_UP, Phase.WINDOW])),
        first_index=draw(st.integers(0, 10**9)),
        starts_ns=tuple(starts),
        durations_ns=tuple(duration for _, duration in pairs),
        segment=draw(st.integers(0, MAX_SEGMENTS - 1)),
        unit_ns=unit_ns,
    )


@st.composite
def predictions(draw: st.DrawFn) -> Predicted:
    """A chunk of answers to a data set, in numbers that single precision holds."""
    width = draw(st.sampled_from([CLASS_ROW, DETECTION_ROW]))
    boxes, classes = st.floats(0, 9000, width=32), st.integers(0, 9999).map(float)
    scores = st.floats(width=32, allow_nan=False, allow_infinity=False)
    row = st.tuples(classes, scores) if width == CLASS_ROW else st.tuples(boxes, boxes, boxes, boxes, scores, classes)
    examples = draw(EXAMPLES)
    return pack_predictions(examples, [draw(st.lists(row, max_size=3)) for _ in examples], width)


@st.composite
def telemetry(draw: st.DrawFn) -> Telemetry:
    """A chunk of telemetry, with holes."""
    count = draw(st.integers(0, 6))

    def column(values: st.SearchStrategy[Any]) -> tuple[Any, ...]:
        return tuple(draw(st.lists(values, min_size=count, max_size=count)))

    numbers, integers = maybe(NUMBERS), maybe(st.integers(0, 2**62))
    return Telemetry(
        at_ns=tuple(sorted(column(TIMES_NS))), temperature_c=column(numbers), clock_hz=column(numbers),
        requested_hz=column(numbers), throttled=column(integers), memory_available_bytes=column(integers),
        rss_bytes=column(integers),
        foreign_cpu=column(numbers), fan_rpm=column(numbers), power_w=column(numbers), ambient_c=column(numbers),
    )  # fmt: skip


@st.composite
def sweeps(draw: st.DrawFn) -> Swept:
    """What came of a sweep."""
    low_c, high_c = sorted(draw(st.tuples(CELSIUS, CELSIUS)))
    up_ns, down_ns = sorted(draw(st.tuples(TIMES_NS, TIMES_NS)))
    levels = st.builds(Level, level_c=CELSIUS, at_ns=TIMES_NS, held_s=SECONDS, why=TEXT)
    return Swept(
        low_c=low_c,
        high_c=high_c,
        low=draw(st.sampled_from(Reach)),
        high=draw(st.sampled_from(Reach)),
        up_from_ns=up_ns,
        down_from_ns=draw(maybe(st.just(down_ns))),
        levels=tuple(draw(st.lists(levels, max_size=3))),
        limited=draw(st.integers(0, 9)),
        inference_c=draw(maybe(CELSIUS)),
        stand_ns=draw(TIMES_NS),
    )


@st.composite
def ends(draw: st.DrawFn) -> Ended:
    """An end record; it names a fault if and only if the run failed."""
    outcome = draw(st.sampled_from(Outcome))
    return Ended(
        at_ns=draw(TIMES_NS),
        outcome=outcome,
        fault=draw(st.sampled_from(Fault)) if outcome is Outcome.FAILED else None,
        code=draw(TEXT),
        message=draw(TEXT),
        stopped_by=draw(maybe(st.sampled_from(StoppedBy))),
        peak_rss_bytes=draw(maybe(st.integers(0, 2**50))),
        back_to_gate=draw(st.integers(0, 4)),
        contacts_ns=tuple(draw(st.lists(TIMES_NS, max_size=3))),
        swept=draw(maybe(sweeps())),
    )


_TENSORS = st.lists(st.builds(TensorFact, name=TEXT, dtype=TEXT, shape=SHAPES), max_size=3).map(tuple)
GATES_PASSED = st.builds(
    GatePassed,
    at_ns=TIMES_NS, waited_s=SECONDS, timed_out=st.booleans(), reason=TEXT, temperature_c=maybe(CELSIUS),
    start_c=maybe(CELSIUS), idle_c=maybe(CELSIUS), foreign_cpu=maybe(NUMBERS), idle_error_c=maybe(SECONDS),
    tau_s=maybe(SECONDS), forecast_s=maybe(SECONDS),
)  # fmt: skip
LOADS = st.builds(
    Loaded,
    at_ns=TIMES_NS, load_ns=TIMES_NS, first_ns=TIMES_NS, runtime_version=TEXT, inputs=_TENSORS, outputs=_TENSORS,
    output_sha256=TEXT, options=FACTS, import_ns=TIMES_NS,
)  # fmt: skip
RECORDS: st.SearchStrategy[Record] = st.one_of(
    st.builds(
        Claimed,
        run_id=TEXT, attempt=st.integers(1, 99), bundle_hash=TEXT, boot_id=TEXT, board_time_s=NUMBERS,
        uptime_s=maybe(NUMBERS),
    ),
    st.builds(
        Environment,
        measuring_hash=TEXT, facts=FACTS, sources=st.dictionaries(TEXT, TEXT, max_size=3),
        absent=st.lists(TEXT, max_size=3).map(tuple),
    ),
    st.builds(PhaseEntered, phase=st.sampled_from(Phase), at_ns=TIMES_NS),
    GATES_PASSED,
    LOADS,
    inferences(),
    telemetry(),
    predictions(),
    ends(),
)  # fmt: skip
_STATUSES = st.builds(
    Status,
    run_id=TEXT, attempt=INTEGERS, state=st.sampled_from(RunState), phase=maybe(st.sampled_from(Phase)),
    cause=maybe(st.sampled_from(LostCause)), next_report_in_s=maybe(NUMBERS), journal_bytes=st.integers(0, 2**40),
    waiting_for=TEXT, temperature_c=maybe(NUMBERS), ready_in_s=maybe(SECONDS),
    progress=maybe(st.builds(Progress, done=st.integers(0, 9), of=st.integers(9, 99))),
)  # fmt: skip
_REFUSALS = st.builds(
    Refused, because=st.sampled_from(RefusedBecause), message=TEXT, owner=maybe(NAMES), number=maybe(FENCES)
)
_PROBES = st.builds(
    Probe,
    machine_id=TEXT, serial=maybe(TEXT), board=TEXT, board_type=TEXT, simulated=st.booleans(),
    cores=st.integers(1, 999), memory_bytes=maybe(SIZES), disk_free_bytes=SIZES, boot_id=TEXT, owner=maybe(NAMES),
    fence_number=maybe(FENCES), facts=FACTS,
)  # fmt: skip
_SHORT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=MAX_WORDS)
_SETTINGS = st.builds(
    Setting,
    name=_SHORT,
    before=st.none() | _SHORT,
    wanted=_SHORT,
    after=_SHORT,
    way=st.sampled_from(Way),
    problem=_SHORT,
)
_TUNED = st.builds(
    Tuned,
    is_prepared=st.booleans(),
    settings=st.lists(_SETTINGS, max_size=3).map(tuple),
    clock_hz=st.none() | st.floats(0, 1e10),
    clock_source=st.none() | _SHORT,
    problem=_SHORT,
)
_EXAMINED = st.builds(
    Examined,
    facts=st.dictionaries(_SHORT, st.integers(0, 2**31) | st.booleans() | _SHORT, max_size=4),
    busy=st.lists(st.builds(BusyProcess, name=_SHORT, cores=st.floats(0, 8)), max_size=3).map(tuple),
    timers=st.lists(st.builds(Timer, name=_SHORT, next_in_s=st.none() | st.floats(0, 1e6)), max_size=3).map(tuple),
)
ANSWERS = st.one_of(
    st.builds(Answer, status=_STATUSES),
    st.builds(Answer, refused=_REFUSALS),
    st.builds(Answer, probe=_PROBES),
    st.builds(Answer, tuned=_TUNED),
    st.builds(Answer, examined=_EXAMINED),
    st.builds(Answer, error=TEXT),
)
