"""What a sustained run shows of its board: when and why it throttled, how steady it stayed, where it settles.

Made from the raw data by `analysis.thermal`: for the columns of a run when it ends, and in full whenever it is asked
for. docs/thermal.md says what each figure means.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from agent.wire.codec import WireError
from agent.wire.spec import Regime
from orchestrator.analysis.facts import RunFacts
from orchestrator.analysis.thermal.cooling import cooling_of
from orchestrator.analysis.thermal.curve import Soak, soak_of, thinned
from orchestrator.analysis.thermal.energy import Energy, energy_of
from orchestrator.analysis.thermal.fit import Estimate, fit
from orchestrator.analysis.thermal.frame import Refusal
from orchestrator.analysis.thermal.onset import Onset, onset_of
from orchestrator.analysis.thermal.stability import Residency, Stability, residency_of, stability_of

MOST_FITTED = 8000
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class FitView:
    """The thermal fit: constants, fastest first, and the settled temperature, each with its standard error.

    `flaws` say why it is not to be relied on; none: it is. `is_settled` is null where that cannot be said.
    `is_unthrottled`: it settles there if nothing throttles; else with what throttling did to the load.
    """

    taus_s: tuple[Estimate, ...]
    gain_c: Estimate | None
    settled_c: Estimate
    is_settled: bool | None
    rise_c: float | None
    rms_c: float
    flaws: tuple[str, ...]
    is_unthrottled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SoakView:
    """A sustained run's account. Onsets are seconds of load, null where none was seen until `known_until_s`.

    `agree` is null where fewer than two signs saw one; `not_read` names the signs that the board could not give. Ratios
    are of rates: 1 is perfectly steady; `expected` is what noise alone would give. Where there is no fit or no cooling
    constant, `no_fit` and `no_cooling` say why. `energy` is that of an inference, gross and net of idle.
    """

    onset_by_bits_s: float | None
    onset_by_clock_s: float | None
    onset_by_latency_s: float | None
    known_until_s: float
    cause: str
    agree: bool | None
    not_read: tuple[str, ...]
    stability: float | None
    worst_best: float | None
    expected: float | None
    is_steady: bool | None
    sustained_ratio: float | None
    settled_ms: float | None
    throttled_by_bits_s: float | None
    throttled_by_clock_s: float | None
    fit: FitView | None
    no_fit: str
    cooling_tau_s: Estimate | None
    no_cooling: str
    energy: Energy

    @property
    def onset_s(self) -> float | None:
        """When the board throttled: by the firmware's own word, else by the true clock."""
        return self.onset_by_bits_s if self.onset_by_bits_s is not None else self.onset_by_clock_s

    @property
    def censored_s(self) -> float | None:
        """Until when a throttled board would have been seen; None where it has neither bits nor a true clock."""
        return None if {"throttled", "clock_hz"} <= set(self.not_read) else self.known_until_s

    @property
    def throttled_s(self) -> float | None:
        """How long it throttled, by the bits or else by the clock."""
        return self.throttled_by_bits_s if self.throttled_by_bits_s is not None else self.throttled_by_clock_s

    @property
    def settled_c(self) -> float | None:
        """Where this load settles unless the board throttles; None without a reliable fit that tells it."""
        fit = self.fit
        return fit.settled_c.value if fit is not None and fit.is_unthrottled and not fit.flaws else None


def soak_view(facts: RunFacts) -> SoakView | None:
    """The account of a sustained run; None for a burst, and where there are fewer than two telemetry samples."""
    if facts.protocol.regime is not Regime.SUSTAINED:
        return None
    try:
        soak = soak_of(facts)
    except WireError:
        return None
    onset = onset_of(soak)
    slow = thinned(soak, MOST_FITTED)  # temperatures change slowly: more samples cost much and tell little
    fitted, no_fit = _or_why(lambda: _fit(slow, onset))
    cooled, no_cooling = _or_why(lambda: cooling_of(slow).taus_s[-1])
    steady, residency = stability_of(soak, onset), residency_of(soak, ())
    return _view(onset, steady, residency, (fitted, no_fit), (cooled, no_cooling), energy_of(soak))


def _view(
    onset: Onset,
    steady: Stability,
    residency: Residency,
    fitted: tuple[FitView | None, str],
    cooled: tuple[Estimate | None, str],
    energy: Energy,
) -> SoakView:
    return SoakView(
        onset_by_bits_s=onset.by_bits_s,
        onset_by_clock_s=onset.by_clock_s,
        onset_by_latency_s=onset.by_latency_s,
        known_until_s=onset.known_until_s,
        cause=onset.cause.value,
        agree=onset.agree,
        not_read=onset.missing,
        stability=steady.stability,
        worst_best=steady.worst_best,
        expected=steady.expected,
        is_steady=steady.is_steady,
        sustained_ratio=steady.sustained_ratio,
        settled_ms=None if steady.settled_latency_s is None else steady.settled_latency_s * 1e3,
        throttled_by_bits_s=residency.throttled_by_bits_s,
        throttled_by_clock_s=residency.throttled_by_clock_s,
        fit=fitted[0],
        no_fit=fitted[1],
        cooling_tau_s=cooled[0],
        no_cooling=cooled[1],
        energy=energy,
    )


def _fit(soak: Soak, onset: Onset) -> FitView:
    found = fit(soak)
    return FitView(
        taus_s=found.taus_s,
        gain_c=found.gain,
        settled_c=found.settled_c,
        is_settled=found.is_settled,
        rise_c=found.rise_c,
        rms_c=found.rms_c,
        flaws=tuple(flaw.value for flaw in found.flaws),
        is_unthrottled=onset.is_censored or not found.is_whole,
    )


def _or_why(ask: Callable[[], T]) -> tuple[T | None, str]:
    try:
        return ask(), ""
    except Refusal as refused:
        return None, str(refused)
