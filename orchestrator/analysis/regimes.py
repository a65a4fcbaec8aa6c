"""Two regimes side by side: where the order of variants turns round, and how long a load runs unthrottled. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.analysis.comparison import Answer
from orchestrator.analysis.ranking import Ranked
from orchestrator.analysis.thermal.onset import Cause
from orchestrator.analysis.thermal.survival import survival_of

_OTHER_CAUSES = (Cause.POWER, Cause.CAP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One sustained run, watched for throttling until `until_s`; `onset_s` is when it began, None: not by then."""

    onset_s: float | None
    until_s: float
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeToThrottle:
    """When half of the runs had throttled, None: not reached; `known_until_s` is how long the longest was watched."""

    after_s: float | None
    known_until_s: float


def flips(here: Ranked, there: Ranked) -> tuple[str, ...]:
    """The variants that this one is slower than here and faster than there, both beyond doubt; a tie is no flip.

    `here` and `there` are the same variant, ranked in two regimes; each answer is corrected for the pairs of its own.
    """
    return tuple(
        other
        for other, found in here.against.items()
        if found.answer is Answer.SLOWER and other in there.against and there.against[other].answer is Answer.FASTER
    )


def time_to_throttle(runs: Sequence[Watched]) -> TimeToThrottle | None:
    """The median time to throttle by heat (Kaplan-Meier) of sustained runs alike; None where there are none.

    A board that slowed down for want of power, or because somebody capped its clock, says of heat only that it had not
    throttled by then.
    """
    if not runs:
        return None
    curve = survival_of([_outcome(run) for run in runs])
    return TimeToThrottle(after_s=curve.median_s, known_until_s=curve.watched_s)


def _outcome(run: Watched) -> tuple[float, bool]:
    if run.onset_s is None:
        return run.until_s, False
    return run.onset_s, run.cause not in _OTHER_CAUSES
