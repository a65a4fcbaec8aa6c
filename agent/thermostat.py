"""How much a burner has to burn to hold a temperature: a duty that is learnt while it holds. Pure, no I/O.

Full heat from far below; how fast it warms the die tells the die's gain (kelvin at full load; its time constant is 7 to
17 s on every board, 14 s is taken). Near the target the duty that this gain asks for, a proportional part, and a learnt
part that follows the slow warming of the board (PI control). Readings are averaged over 2 s.
"""

import math
from collections import deque
from collections.abc import Sequence

_SMOOTH, _REMEMBERED = 4, 20
_DIE_TAU_S = 14.0
_USUAL_GAIN_C, _LEAST_GAIN_C, _MOST_GAIN_C = 10.0, 3.0, 40.0
_NEAR_C = 2.0
_LAG_S = 1.5
_PROPORTIONAL = 2.2  # times 1 / gain: a deviation halves in about 3 s
_LEARNS_IN_S = 20.0
_STEP_S = 1.0


class Thermostat:
    """Holds a die at `target_c` with a burner that can only heat.

    Lifecycle: one per pass of the gate; `duty` with every reading in order of time, also while it is too warm.
    """

    def __init__(self, target_c: float) -> None:
        self.target_c = target_c
        self.is_engaged = False
        self._newest: deque[tuple[float, float]] = deque(maxlen=_REMEMBERED)
        self._gain_c = _USUAL_GAIN_C
        self._learnt: float | None = None
        self._far_since: tuple[float, float] | None = None

    def duty(self, at_s: float, temperature_c: float) -> float:
        """The share of all cores (0..1) that should be busy until the next reading."""
        elapsed_s = min(at_s - self._newest[-1][0], _STEP_S) if self._newest else 0.0
        self._newest.append((at_s, temperature_c))
        below_c = self.target_c - _mean([value_c for _, value_c in self._newest][-_SMOOTH:])
        if not self.is_engaged:
            if temperature_c >= self.target_c or self._mean_below_c <= 0:
                return 0.0
            self.is_engaged = True
        if self._is_far(at_s, below_c):
            return 1.0
        if self._learnt is None:
            self._learnt = self._first_guess(at_s, below_c)
        proportional = _PROPORTIONAL / self._gain_c
        self._learnt = min(max(self._learnt + proportional / _LEARNS_IN_S * below_c * elapsed_s, 0.0), 1.0)
        return min(max(self._learnt + proportional * below_c, 0.0), 1.0)

    @property
    def _mean_below_c(self) -> float:
        return self.target_c - _mean([value_c for _, value_c in self._newest])

    def _is_far(self, at_s: float, below_c: float) -> bool:
        if self._learnt is not None:
            return below_c > 2 * _NEAR_C
        if self._far_since is None:
            if below_c <= _NEAR_C:
                return False
            self._far_since = (at_s, self._mean_below_c)
        since_s, from_c = self._far_since
        rate = (from_c - below_c) / (at_s - since_s) if at_s > since_s else 0.0
        return below_c - _LAG_S * max(rate, 0.0) > _NEAR_C

    def _first_guess(self, at_s: float, below_c: float) -> float:
        """What holds the temperature at first, from how full heat warmed the die, or from how fast it falls."""
        if self._far_since is None or at_s <= self._far_since[0]:
            return min(max(-self._slope() * _DIE_TAU_S / self._gain_c, 0.0), 1.0)
        since_s, from_c = self._far_since
        risen = 1 - math.exp(-(at_s - since_s) / _DIE_TAU_S)
        self._gain_c = min(max((from_c - below_c) / risen, _LEAST_GAIN_C), _MOST_GAIN_C)
        return min(1.0, from_c / self._gain_c)

    def _slope(self) -> float:
        """Kelvin a second over the remembered readings, from the means of their halves."""
        half = len(self._newest) // 2
        if half < _SMOOTH:
            return 0.0
        readings = list(self._newest)
        older, newer = readings[:half], readings[half:]
        rise_c = _mean([value_c for _, value_c in newer]) - _mean([value_c for _, value_c in older])
        return rise_c / (_mean([at_s for at_s, _ in newer]) - _mean([at_s for at_s, _ in older]))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
