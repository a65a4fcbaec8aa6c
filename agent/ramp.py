"""What leads a die along a ramp, as pure rules: how much burner and fan do, when a slot may begin, when it is over.

    COOL -> UP (-> HOLD -> UP ...) -> DOWN -> OVER

COOL waits, nothing burning, for `low_c` or until cooling stalls. UP follows a line; where the board cannot follow, the
line waits for it. It ends at `high_c`, near the safety limit, or where full heat no longer warms the board.
DOWN follows a line where cooling is faster than the ramp; it ends as COOL does. A fan turns in COOL and DOWN alone.

Stalled: less than `STALL_C` of change in `STALL_S`, between means of `STALL_MEAN_S`, at full heat or at none. With a
slow time constant of 6 minutes that is within about 1.5 C of where the board would settle. Time comes in with every
reading; no I/O. Part of the measuring hash.
"""

import enum
import itertools
import math
from collections import deque
from collections.abc import Iterable

from agent.protocol import Reading
from agent.thermostat import Thermostat
from agent.wire.ramp import Level, Ramp, Reach, Swept

STALL_C, STALL_S, STALL_MEAN_S = 0.3, 90.0, 15.0
MEAN_S = 2.0
LIMIT_MARGIN_C = 1.0  # heating ends so far below the safety limit: a die overshoots, and a sensor is noisy
LEAD_C = 3.0  # of the line before the die
MOST_RISE_C = 1.0  # of the die by one inference, for a level to be held
LEAST_SLOTS, NEWEST_SLOTS = 3, 12
MOST_LOAD, MOST_LOAD_COOLING = 0.5, 0.1  # of the time that inferences may take: they heat too
FULL_HEAT = 0.98
_BEYOND_C = 0.5  # what a line aims at beyond its end, so that the end is passed


class Leg(enum.Enum):
    """Where on the ramp a sweep is."""

    COOL = "cooling before"
    UP = "heating"
    HOLD = "holding"
    DOWN = "cooling"
    OVER = "over"


class Pilot:
    """Leads one sweep. Times are seconds of the monotonic clock.

    Lifecycle: one per window; `take` with every reading in order of time, `begin_slot` and `end_slot` around each slot,
    until `leg` is OVER or `give_up` was called; then `swept`.
    """

    def __init__(self, ramp: Ramp) -> None:
        self.ramp = ramp
        self.leg = Leg.COOL
        self.duty = 0.0
        self.is_measuring = False
        self._thermostat = Thermostat(ramp.low_c)
        self._trace: deque[tuple[float, float, float]] = deque()  # second, die, duty
        self._at_s = 0.0
        self._die_c: float | None = None
        self._line: tuple[float, float] = (0.0, 0.0)
        self._coolest_c, self._hottest_c = math.inf, -math.inf
        self._low, self._high = Reach.TIME, Reach.TIME
        self._up_from_s: float | None = None
        self._began_c = -math.inf
        self._down_from_s: float | None = None
        self._levels: list[tuple[float, float, float, str]] = []  # level, second, held, why not
        self._waiting_levels = deque(ramp.levels_c)
        self._limited = 0
        self._slot_from: tuple[float, float] | None = None
        self._slot_ended: tuple[float, float] = (-math.inf, 0.0)  # second, how long it took
        self._slots: deque[tuple[float, int]] = deque(maxlen=NEWEST_SLOTS)  # kelvin, inferences
        self._unread: int | None = None

    @property
    def inference_c(self) -> float | None:
        """By how much one inference warms the die, from the newest slots; None where these are too few."""
        if len(self._slots) < LEAST_SLOTS:
            return None
        return math.fsum(rise_c for rise_c, _ in self._slots) / sum(count for _, count in self._slots)

    def take(self, reading: Reading) -> float:
        """The share of all cores (0..1) that the burner keeps busy until the next reading, unless a slot begins."""
        self._at_s, self._die_c = reading.at_s, reading.temperature_c
        if self._die_c is None:
            self.duty = 0.0
            return self.duty
        self._remember(self._die_c)
        if not self.is_measuring:
            self._learn(self._die_c)
        self._go_on()
        if self._is_at_limit(self._die_c):
            self.duty = 0.0
        elif not self.is_measuring:
            self.duty = self._burn(self._die_c)
        return self.duty

    def may_begin_slot(self) -> bool:
        """Whether a slot may begin now, right after the reading that was taken."""
        if self.is_measuring or self.leg is Leg.OVER or self._die_c is None:
            return False
        ended_s, took_s = self._slot_ended
        is_wanted = self.leg is Leg.UP and not self._is_ahead
        load = MOST_LOAD if is_wanted else MOST_LOAD_COOLING
        pause_s = max(self.ramp.every_s, took_s * (1 / load - 1))
        return self._at_s - ended_s >= pause_s and self._die_c + self._slot_c < self.ramp.limit_c

    def begin_slot(self, at_s: float) -> None:
        """A slot begins."""
        self.is_measuring, self._slot_from = True, (at_s, self._mean_c(MEAN_S))

    def end_slot(self, at_s: float, inferences: int) -> None:
        """It has ended, with so many inferences."""
        self.is_measuring, self._unread = False, inferences
        self._slot_ended = (at_s, at_s - (self._slot_from or (at_s, 0.0))[0])

    def give_up(self) -> None:
        """No time is left: the sweep is over wherever it is."""
        if self.leg is Leg.HOLD:
            self._end_level()
        self.leg, self.duty = Leg.OVER, 0.0

    def swept(self, origin_ns: int, stand_ns: int) -> Swept | None:
        """What came of it, in nanoseconds since `origin_ns`; None where the die's temperature was never read."""
        if self._hottest_c < self._coolest_c:
            return None
        why = f"{self._high.value}: the hottest was {self._hottest_c:.1f} C"
        missed = [(level_c, self._at_s, 0.0, why) for level_c in self._waiting_levels]

        def since_ns(at_s: float | None) -> int | None:
            return None if at_s is None else max(0, round(at_s * 1e9) - origin_ns)

        return Swept(
            low_c=self._coolest_c,
            high_c=self._hottest_c,
            low=self._low,
            high=self._high,
            up_from_ns=since_ns(self._up_from_s),
            down_from_ns=since_ns(self._down_from_s),
            levels=tuple(
                Level(level_c=level_c, at_ns=since_ns(at_s) or 0, held_s=held_s, why=why)
                for level_c, at_s, held_s, why in (*self._levels, *missed)
            ),
            limited=self._limited,
            inference_c=self.inference_c,
            stand_ns=stand_ns,
        )

    @property
    def fan(self) -> float:
        """The share (0..1) of full speed that a fan that can be steered turns at: none while the die is to warm."""
        is_warming = self.leg in (Leg.UP, Leg.HOLD) and self._die_c is not None and self._die_c < self.ramp.limit_c
        return 0.0 if is_warming else 1.0

    @property
    def _top_c(self) -> float:
        return min(self.ramp.high_c, self.ramp.limit_c - LIMIT_MARGIN_C)

    @property
    def _is_ahead(self) -> bool:
        """Whether inferences have warmed the die beyond the line, so that it waits for the line."""
        return self._mean_c(MEAN_S) > self._thermostat.target_c + _BEYOND_C

    @property
    def _slot_c(self) -> float:
        """What the newest slots warmed the die by, each; 0 while there are none."""
        rises = [rise_c for rise_c, _ in self._slots]
        return max(0.0, _mean(rises)) if rises else 0.0

    def _is_at_limit(self, die_c: float) -> bool:
        is_at_limit = die_c >= self.ramp.limit_c
        self._limited += is_at_limit
        return is_at_limit

    def _remember(self, die_c: float) -> None:
        self._trace.append((self._at_s, die_c, self.duty))
        while self._trace[0][0] < self._at_s - STALL_S - STALL_MEAN_S:
            self._trace.popleft()
        mean_c = self._mean_c(MEAN_S)
        self._coolest_c, self._hottest_c = min(self._coolest_c, mean_c), max(self._hottest_c, mean_c)

    def _learn(self, die_c: float) -> None:
        """The first reading after a slot tells what it did to the die."""
        if self._unread and self._slot_from is not None:
            self._slots.append((die_c - self._slot_from[1], self._unread))
        self._unread = None

    def _go_on(self) -> None:
        mean_c = self._mean_c(MEAN_S)
        if self.leg is Leg.COOL and (mean_c <= self.ramp.low_c or self._is_stalled(0.0, 0.0)):
            self._low = Reach.REACHED if mean_c <= self.ramp.low_c else Reach.STALLED
            self.leg, self._up_from_s, self._began_c = Leg.UP, self._at_s, mean_c
            self._start_line(mean_c)
        elif self.leg is Leg.UP:
            self._go_up(mean_c)
        elif self.leg is Leg.HOLD:
            if self._at_s - self._levels[-1][1] >= self.ramp.hold_s:
                self._end_level()
                self.leg = Leg.UP
                self._start_line(mean_c)
        elif self.leg is Leg.DOWN and (mean_c <= self.ramp.low_c or self._is_stalled(0.0, 0.0)):
            self._low = Reach.REACHED if mean_c <= self.ramp.low_c else Reach.STALLED
            self.leg = Leg.OVER

    def _go_up(self, mean_c: float) -> None:
        if mean_c >= self._top_c:
            self._turn(Reach.REACHED if self.ramp.high_c <= self._top_c else Reach.LIMIT, mean_c)
        elif self._is_stalled(FULL_HEAT, 1.0):
            self._turn(Reach.STALLED, mean_c)
        elif self._waiting_levels and mean_c >= self._waiting_levels[0]:
            self._meet_level(self._waiting_levels.popleft(), mean_c)

    def _turn(self, why: Reach, mean_c: float) -> None:
        self._high, self.leg, self._down_from_s, self.duty = why, Leg.DOWN, self._at_s, 0.0
        while self._waiting_levels and self._waiting_levels[0] <= mean_c:
            self._levels.append((self._waiting_levels.popleft(), self._at_s, 0.0, f"the ramp ended at it: {why.value}"))
        self._start_line(mean_c)

    def _meet_level(self, level_c: float, mean_c: float) -> None:
        rise_c = self.inference_c
        why = ""
        if level_c < self._began_c - _BEYOND_C:
            why = f"heating began above it, at {self._began_c:.1f} C"
        elif rise_c is None:
            why = "too few inferences so far to tell by how much one warms the die"
        elif abs(rise_c) >= MOST_RISE_C:
            why = f"one inference changes the die by {rise_c:+.1f} C, wanted less than {MOST_RISE_C:g} C"
        self._levels.append((level_c, self._at_s, 0.0, why))
        if not why:
            self.leg = Leg.HOLD

    def _end_level(self) -> None:
        level_c, at_s, _, _ = self._levels[-1]
        self._levels[-1] = (level_c, at_s, self._at_s - at_s, "")

    def _start_line(self, mean_c: float) -> None:
        self._line = (self._at_s, mean_c)

    def _burn(self, die_c: float) -> float:
        """What the thermostat asks for, its target moving along the line."""
        if self.leg in (Leg.COOL, Leg.OVER):
            return 0.0
        from_s, from_c = self._line
        passed_c = self.ramp.rate_c_per_min / 60.0 * (self._at_s - from_s)
        mean_c = self._mean_c(MEAN_S)
        if self.leg is Leg.HOLD:
            target_c = self._levels[-1][0]
        elif self.leg is Leg.DOWN:
            target_c = max(from_c - passed_c, self.ramp.low_c - _BEYOND_C)
        else:
            target_c = from_c + passed_c
            if target_c > mean_c + LEAD_C:
                target_c = mean_c + LEAD_C
                self._line = (self._at_s, target_c)
            target_c = min(target_c, self._top_c + _BEYOND_C)
        self._thermostat.target_c = target_c
        return self._thermostat.duty(self._at_s, die_c)

    def _is_stalled(self, least: float, most: float) -> bool:
        """Whether the die hardly moved the way that so much heat ought to move it, for long enough."""
        if not self._trace or self._at_s - self._trace[0][0] < STALL_S:
            return False
        newest = itertools.takewhile(lambda each: each[0] > self._at_s - STALL_S, reversed(self._trace))
        if not all(least <= duty <= most for _, _, duty in newest):
            return False
        until_s = self._trace[0][0] + STALL_MEAN_S
        before_c = _mean(die_c for at_s, die_c, _ in itertools.takewhile(lambda each: each[0] <= until_s, self._trace))
        change_c = self._mean_c(STALL_MEAN_S) - before_c
        return (change_c if least > 0 else -change_c) < STALL_C

    def _mean_c(self, over_s: float) -> float:
        newest = itertools.takewhile(lambda each: each[0] > self._at_s - over_s, reversed(self._trace))
        return _mean(die_c for _, die_c, _ in newest)


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return math.fsum(known) / len(known)
