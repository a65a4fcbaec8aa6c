"""What the analysis says of simulated soaks, beside what was true. One function a question; each gives its figures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.figure import Estimate, Figure, Target, median_of, share_of
from benchmarks.thermal_truth.soaks import KINDS, Plan, Truth, effective, simulate, specimen
from orchestrator.analysis.thermal import predicting
from orchestrator.analysis.thermal.cooling import cooling_of
from orchestrator.analysis.thermal.fit import ThermalFit, fit
from orchestrator.analysis.thermal.frame import Drive, Refusal
from orchestrator.analysis.thermal.onset import Cause, onset_of
from orchestrator.analysis.thermal.power_law import VOLTAGES
from orchestrator.analysis.thermal.prediction import NEAR_NEVER_C, Predictor, check
from orchestrator.analysis.thermal.stability import stability_of
from orchestrator.simulator.boards import BoardKind

ALL = (Target(at_least=1.0),)
NONE = (Target(at_most=0.0),)
WITHIN_ERRORS = 1.96
STEP_C = 2.0
THROTTLING = ("pi5-bare", "pi4-bare", "pi3b", "zero2w")
# constant voltage: what a wrong power law looks like
WRONG = dict.fromkeys(VOLTAGES, ((500000000.0, 1.0), (2400000000.0, 1.0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One simulated board."""

    name: str
    seed: int

    @property
    def kind(self) -> BoardKind:
        """The specimen that it is."""
        return specimen(self.name, self.seed)

    def soak(self, plan: Plan | None = None, noise: int = 0) -> Truth:
        """A soak of it; `noise` makes another one of the same board."""
        return simulate(self.kind, plan or Plan(), 1000 * self.seed + noise)


def boards(seed: int, each: int) -> Iterator[Board]:
    """So many specimens of each kind, kinds in turn."""
    for number in range(each):
        for name in KINDS:
            yield Board(name=name, seed=seed + number)


def fits(chosen: Sequence[Board]) -> Iterator[Figure]:
    """Gains and constants against the simulator's, of the fits that call themselves reliable."""
    gain, resistance, fast, slow, cool = (list[tuple[float, float]]() for _ in range(5))
    good = []
    for board in chosen:
        truth = board.soak()
        k, k_per_w, fast_s, slow_s = effective(truth.silicon, truth.level)
        found = _try(truth, Drive.LOAD)
        good.append(found is not None and found.is_reliable)
        if found is not None and found.is_reliable:
            slow.append((found.taus_s[-1].value / slow_s - 1, found.taus_s[-1].error / slow_s))
            if len(found.taus_s) > 1:
                fast.append((found.taus_s[0].value / fast_s - 1, found.taus_s[0].error / fast_s))
            if found.gain is not None:
                gain.append((found.gain.value / k - 1, found.gain.error / k))
        measured = _try(truth, Drive.POWER) if board.kind.has_power_meter else None
        if measured is not None and measured.is_reliable and measured.gain is not None:
            resistance.append((measured.gain.value / k_per_w - 1, measured.gain.error / k_per_w))
        if not board.kind.has_fan:
            own = cooling_of(truth.soak)
            if own.is_long_enough:
                cool.append((own.taus_s[-1].value / slow_s - 1, own.taus_s[-1].error / slow_s))
    yield Figure(what="fits that call themselves reliable", unit="of boards", ours=share_of(sum(good), len(good)))
    for words, pairs, within in (
        ("gain at full load", gain, 0.05),
        ("R_total, power measured", resistance, 0.05),
        ("fast constant", fast, 0.20),
        ("slow constant", slow, 0.10),
        ("slow constant of the cooling alone", cool, 0.10),
    ):
        yield from _errors(words, pairs, within)


def not_reported_as_good(chosen: Sequence[Board]) -> Iterator[Figure]:
    """A step of the room that nobody recorded, and a wrong power law."""
    room, law, still = [], [], []
    for board in chosen:
        if board.name != "pi5-active-cooler":
            room.append(_is_flagged(board.soak(Plan(has_ambient=False, extra_c=(600.0, STEP_C)))))
            still.append(_is_flagged(board.soak(Plan(has_ambient=False)))[0])
        if board.name in THROTTLING:
            truth = board.soak()
            law.append(_is_flagged(truth, wrong_law=True))
    yield _share("room unrecorded, but still: refused or flagged all the same", still, "of fits")
    for words, answers in ((f"room {STEP_C:.0f} C warmer at 600 s, unrecorded", room), ("power law without V(f)", law)):
        flagged = [is_flagged for is_flagged, _ in answers]
        wrong = [not is_flagged and is_off for is_flagged, is_off in answers]
        yield Figure(what=f"{words}: refused or flagged", unit="of fits", ours=share_of(sum(flagged), len(flagged)))
        what = f"{words}: called reliable, gain over 5 % off"
        yield Figure(what=what, unit="of fits", ours=share_of(sum(wrong), len(wrong)), targets=NONE)


def onsets(seed: int, cases: int) -> Iterator[Figure]:
    """The first live bit, and the cause, of soaks that heat, a brown-out, another program or nothing slows down."""
    near, causes, agree = [], [], []
    for number in range(cases):
        wanted = (Cause.THERMAL, Cause.POWER, Cause.BACKGROUND, Cause.NONE)[number % 4]
        name = THROTTLING[number // 4 % 4] if wanted is Cause.THERMAL else ("pi4-fan", "pi4-case")[number // 4 % 2]
        plan = Plan(
            load_s=900.0,
            latency_s=(0.1, 0.5, 2.0)[number % 3],
            brown_out_s=100.0 + 7 * number if wanted is Cause.POWER else None,
            guest_s=100.0 + 7 * number if wanted is Cause.BACKGROUND else None,
        )
        truth = Board(name=name, seed=seed + number).soak(plan)
        onset = onset_of(truth.soak)
        if wanted is Cause.THERMAL and truth.first_live_s is None:  # a specimen that stays cool enough
            wanted = Cause.NONE
        causes.append(onset.cause is wanted)
        if wanted is Cause.THERMAL and truth.first_live_s is not None:
            near.append(onset.by_bits_s is not None and abs(onset.by_bits_s - truth.first_live_s) <= 2.0)
            agree.append(onset.agree is not None)
    yield _share("onset within 2 samples of the first live bit", near, "of throttled soaks", ALL)
    yield _share("cause of the slowdown is right", causes, "of soaks", ALL)


def predictions(chosen: Sequence[Board]) -> Iterator[Figure]:
    """Held-out soaks of the same boards in other rooms."""
    onset_right, latency_right, latency_covered, far_covered, made = [], [], [], [], []
    for board in chosen:
        truth = board.soak()
        predictor = predictor_of(truth)
        made.append(predictor is not None)
        if predictor is None:
            continue
        for noise, away_c in enumerate((-5.0, -3.0, 3.0, 5.0, -9.0, 9.0), start=1):
            held = board.soak(Plan(room_c=25.0 + away_c), noise)
            soak = held.soak
            start_c = float(soak.die_c[(soak.at_s > -30.0) & (soak.at_s < 0.0)].mean())
            room_c = float(soak.ambient_c.mean())
            latency = check(
                predictor.settled_latency_s(room_c),
                float(np.median(soak.durations_s[soak.starts_s > soak.end_s - 300.0])),
            )
            if abs(away_c) > 5.0:
                far_covered.append(latency.is_covered)
                continue
            seconds = predictor.seconds_to_throttle(start_c, room_c).value
            seen = held.first_live_s
            is_near = abs(predictor.margin_c(room_c).value) <= NEAR_NEVER_C
            never = seen is None and seconds > soak.end_s
            onset_right.append(never or is_near or (seen is not None and abs(seconds / seen - 1) <= 0.15))
            latency_right.append(latency.relative_error is not None and abs(latency.relative_error) <= 0.05)
            latency_covered.append(latency.is_covered)
    yield _share("boards that can be predicted", made, "of boards")
    yield _share("onset in a room within 5 C: within 15 %, or 1.5 C of never", onset_right, "of soaks", ALL)
    yield _share("settled latency in a room within 5 C: within 5 %", latency_right, "of soaks", ALL)
    yield _share("settled latency in a room within 5 C: interval covers", latency_covered, "of soaks")
    yield _share(
        "settled latency in a room 9 C away: interval covers", far_covered, "of soaks", (Target(at_least=0.95),)
    )


def stabilities(seed: int, each: int) -> Iterator[Figure]:
    """Unthrottled boards, from quick models to slow ones."""
    for latency_s in (0.05, 0.5, 3.0, 9.0):
        answers = []
        for number in range(each):
            soak = Board(name="pi4-fan", seed=seed + number).soak(Plan(latency_s=latency_s), number).soak
            onset = onset_of(soak)
            answers.append(onset.is_censored and stability_of(soak, onset).is_steady is True)
        yield _share(f"unthrottled, inferences of {latency_s:g} s: said to be steady", answers, "of soaks", ALL)


def predictor_of(truth: Truth) -> Predictor | None:
    """What predicts other soaks of a board, from one of its soaks; None where its fit has no gain or is unreliable."""
    try:
        made = predicting.predictor_of(truth.soak, truth.silicon.min_hz)
    except Refusal:
        return None
    return made if made.fit.is_reliable else None


def _try(truth: Truth, drive: Drive) -> ThermalFit | None:
    try:
        return fit(truth.soak, drive=drive)
    except Refusal:
        return None


def _is_flagged(truth: Truth, *, wrong_law: bool = False) -> tuple[bool, bool]:
    """Whether a fit is refused or unreliable, and whether its gain is over 5 % off."""
    try:
        found = fit(truth.soak, voltages=WRONG if wrong_law else VOLTAGES)
    except Refusal:
        return True, True
    wanted = effective(truth.silicon, truth.level)[0]
    is_off = found.gain is not None and abs(found.gain.value / wanted - 1) > 0.05
    return not found.is_reliable, is_off


def _errors(words: str, pairs: Sequence[tuple[float, float]], within: float) -> Iterator[Figure]:
    if not pairs:
        return
    hits = [abs(miss) <= within for miss, _ in pairs]
    yield _share(f"{words}: within {within:.0%}", hits, "of reliable fits", ALL)
    yield Figure(what=f"{words}: error", unit="median", ours=median_of([abs(miss) for miss, _ in pairs]))
    worst = max(abs(miss) for miss, _ in pairs)
    yield Figure(what=f"{words}: error", unit="largest", ours=Estimate(center=worst, count=len(pairs)))
    covered = [abs(miss) <= WITHIN_ERRORS * error for miss, error in pairs]
    yield _share(f"{words}: truth within 1.96 stated errors", covered, "of reliable fits")


def _share(what: str, answers: Sequence[bool], unit: str, targets: tuple[Target, ...] = ()) -> Figure:
    return Figure(what=what, unit=unit, ours=share_of(sum(answers), len(answers)), targets=targets)
