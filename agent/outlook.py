"""How long a board will still wait at its gate, from the curve on which it cools. Pure, no I/O.

A forecast is made once it can be told: when nearly all curves that fit the readings agree on the whole wait within
`SURE_WITHIN`. What earlier gates of this board found (a `Prior`) helps; it never makes a recorded equilibrium.
"""

import dataclasses
import math

from agent.cooling import NOTHING, Candidate, Cooling, Prior, Trace, fit_cooling, mean_c
from agent.wire.spec import Gate

SURE_WITHIN = 0.1
TIMEOUT_TAUS = 4.0
EQUILIBRIUM_WITHIN_C = 0.8
MOST_IDLE_TIMES = 3.0
_IDLE_TOLD_AFTER = 0.6
_FIT_EVERY_S = 5.0
_FIT_SHARE = 1 / 40
_MEAN_LAG_S = 5.0
_WARMING_S_PER_C = 3.0
_WARMING_MARGIN_C = 1.0
_ROOM_MOVES_C = 1.5
_BOARD_CHANGES = 0.1  # of log tau between two gates: the fan, the case, the air around it


class Outlook:
    """What is known of a board's cooling while it stands at the gate.

    Lifecycle: one per pass of the gate; `take` every reading in order of time, then ask.
    """

    def __init__(self, gate: Gate, known: Prior = NOTHING) -> None:
        self._gate = gate
        self._known = known if gate.start_c is not None else dataclasses.replace(known, asymptote_c=None)
        self._trace = Trace()
        self._began_s: float | None = None
        self._fit: Cooling | None = None
        self._fit_s = 0.0
        self._best: Cooling | None = None
        self._best_s = 0.0
        self._found: Cooling | None = None

    def take(self, at_s: float, temperature_c: float, *, is_heated: bool) -> None:
        """Take a reading; a board that is heated does not cool, and its trace begins anew."""
        self._began_s = at_s if self._began_s is None else self._began_s
        if is_heated:
            self._found = self.equilibrium()
            self._trace, self._fit, self._fit_s = Trace(), None, 0.0
            return
        self._trace.add(at_s, temperature_c)
        if self._trace.lasted_s - self._fit_s >= max(_FIT_EVERY_S, self._trace.lasted_s * _FIT_SHARE) or not self._fit:
            self._fit_s = self._trace.lasted_s
            self._fit = fit_cooling(self._trace, self._known)
            if self._fit is not None and self._trace.lasted_s > self._best_s:
                self._best, self._best_s = self._fit, self._trace.lasted_s

    @property
    def tau_s(self) -> float | None:
        """The time constant as far as it is known now, from this gate's readings and from earlier gates."""
        if self._best is not None and self._best.tau_s is not None:
            return self._best.tau_s
        return math.exp(self._known.log_tau) if self._known.log_tau_error < NOTHING.log_tau_error / 2 else None

    def equilibrium(self) -> Cooling | None:
        """What this gate's readings alone say that the board tends to; None without `idle_s` of cooling or idle."""
        if self._trace.began_s is None or self._trace.lasted_s < self._gate.idle_s:
            return self._found
        return fit_cooling(self._trace) or _mean_only(self._trace)

    def settled(self) -> Cooling | None:
        """The equilibrium where it is known well enough to start from, or where no more time is given to find it."""
        lasted_s, idle_s = self._trace.lasted_s, self._gate.idle_s
        if lasted_s < idle_s or self._fit_s < lasted_s:
            return None
        found = self.equilibrium()
        patience_s = min(MOST_IDLE_TIMES * idle_s, max(idle_s, self._gate.timeout_s / 2))
        is_good = self._fit is None or (found is not None and found.error_c <= EQUILIBRIUM_WITHIN_C)
        return found if is_good or lasted_s >= patience_s else None

    def learnt(self) -> Prior:
        """What the next gate of this board may begin with."""
        fit = self._best
        if fit is None:
            return self._known
        learnt = dataclasses.replace(
            self._known, asymptote_c=fit.asymptote_c, asymptote_error_c=math.hypot(fit.error_c, _ROOM_MOVES_C)
        )
        if fit.tau_s is None:
            return learnt
        error = math.hypot(fit.log_tau_error, _BOARD_CHANGES)
        return dataclasses.replace(learnt, log_tau=math.log(fit.tau_s), log_tau_error=error)

    def whole_wait_s(self, start_c: float | None) -> tuple[float, bool] | None:
        """The whole wait of a board that is left alone, and whether that can be told; None before there is a fit.

        Infinite where the board will not come down to its band. `start_c` is None until the idle temperature is found.
        """
        if self._fit is None or self._trace.began_s is None or self._began_s is None:
            return None
        before_s = self._trace.began_s - self._began_s
        low, middle, high = self._fit.spread(lambda curve: before_s + self._wait_s(curve, start_c))
        is_sure = high <= middle * (1 + SURE_WITHIN) and low >= middle * (1 - SURE_WITHIN)
        if start_c is None:  # finding the idle temperature takes longer where the curve does not tell it in time
            is_early = self._trace.lasted_s < _IDLE_TOLD_AFTER * self._gate.idle_s
            return middle, is_sure and not is_early and self._fit.error_c <= EQUILIBRIUM_WITHIN_C
        return middle, is_sure or low == math.inf

    def _wait_s(self, curve: Candidate, start_c: float | None) -> float:
        """On one curve: (idle,) down to the band or up to the start temperature, then the holding."""
        gate = self._gate
        idle_s = 0.0
        if start_c is None:
            start_c, idle_s = curve.asymptote_c + (gate.above_idle_c or 0.0), gate.idle_s
        reached_s = curve.reaches_s(start_c + gate.band_c) + _MEAN_LAG_S
        now_s = max(idle_s, self._trace.lasted_s if reached_s < idle_s else 0.0)
        if reached_s >= now_s:
            return reached_s + gate.hold_s
        below_c = start_c - curve.at_c(now_s) - _WARMING_MARGIN_C
        return now_s + max(0.0, below_c * _WARMING_S_PER_C) + gate.hold_s


def warming_s(below_c: float) -> float:
    """About how long a burner takes to warm a die by so much."""
    return max(0.0, below_c) * _WARMING_S_PER_C


def _mean_only(trace: Trace) -> Cooling:
    """Too short for a fit (`idle_s` was set so): the mean, with the error that nobody can tell better."""
    level_c = mean_c(trace)
    level = Candidate(share=1.0, tau_s=1.0, asymptote_c=level_c, scale_c=0.0)
    return Cooling(asymptote_c=level_c, error_c=_ROOM_MOVES_C, tau_s=None, log_tau_error=math.inf, candidates=(level,))
