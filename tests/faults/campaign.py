"""One campaign: runs are submitted, faults come as planned, an operator mends what people mend, then all is counted."""

import contextlib
import heapq
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.arena import Arena, arena
from tests.faults.checker import Finding, check
from tests.faults.faults import inject
from tests.faults.plan import FaultKind, PlannedFault
from tests.faults.records import BoardLog, Books, read_board, read_books

OPERATOR_PERIOD_S = 1.0
STANDSTILL_S = 120.0
STUDIES = 4

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a campaign came to."""

    faults: Counter[FaultKind]
    boards: Sequence[BoardLog]
    books: Books
    findings: Sequence[Finding]
    took_s: float


@dataclass(kw_only=True)
class Campaign:
    """The timetable of one campaign. Lifecycle: `run` once."""

    arena: Arena
    plan: Sequence[PlannedFault]
    run_count: int
    tell: Tell
    began_s: float = field(default_factory=time.monotonic)
    faults: Counter[FaultKind] = field(default_factory=Counter)

    def run(self, give_up_s: float) -> None:
        """Submit, inject, mend, and wait until the farm is at rest, or stands still: the count tells."""
        blocks = max(round(self.run_count / STUDIES / len(self.arena.boards)), 1)
        for _ in range(STUDIES):
            self.arena.submit(blocks)
        self.arena.call_all()
        self._fire(time.monotonic() + give_up_s)
        self._rest(time.monotonic() + give_up_s)

    def _fire(self, ends_s: float) -> None:
        order, pause = itertools.count(), threading.Event()
        undos: list[tuple[float, int, Callable[[], None]]] = []
        waiting = list(reversed(self.plan))
        next_s, operator_s = time.monotonic() + (waiting[-1].after_s if waiting else 0.0), 0.0
        while (waiting or undos) and time.monotonic() < ends_s:
            now_s = time.monotonic()
            if undos and undos[0][0] <= now_s:
                self._take_back(heapq.heappop(undos)[2])
            elif waiting and next_s <= now_s:
                fault = waiting.pop()
                if (lasts := self._inject(fault)) is not None:
                    heapq.heappush(undos, (now_s + lasts[0], next(order), lasts[1]))
                next_s = time.monotonic() + (waiting[-1].after_s if waiting else 0.0)
            elif operator_s <= now_s:
                operator_s = now_s + OPERATOR_PERIOD_S
                self._mend()
                ended, total = self.arena.progress()
                if ended == total:
                    waiting.clear()
            else:
                pause.wait(0.02)
        for _, _, undo in undos:
            self._take_back(undo)

    def _inject(self, fault: PlannedFault) -> tuple[float, Callable[[], None]] | None:
        done = inject(self.arena, fault)
        if done is None:
            return None
        self.faults[fault.kind] += 1
        self._say(f"{fault.kind.value}: {done.text}" + (f" for {done.lasts_s:.1f} s" if done.undo else ""))
        return None if done.undo is None else (done.lasts_s, done.undo)

    def _take_back(self, undo: Callable[[], None]) -> None:
        with contextlib.suppress(OSError):
            undo()

    def _mend(self) -> None:
        self.arena.keep_running()
        self.arena.resume_sick()

    def _rest(self, ends_s: float) -> None:
        pause = threading.Event()
        for process in list(self.arena.frozen):
            self.arena.thaw(process)
        for board in self.arena.boards:
            board.accept_connections()
        self._say("no more faults")
        called_s, moved_s, seen = 0.0, time.monotonic(), self.arena.progress()
        while not self.arena.is_at_rest():
            if self.arena.progress() != seen:
                moved_s, seen = time.monotonic(), self.arena.progress()
            if time.monotonic() > min(ends_s, moved_s + STANDSTILL_S):
                self._say("the farm did not come to rest")
                return
            if called_s + 5.0 < time.monotonic():
                called_s = time.monotonic()
                self._mend()
                self.arena.call_all()
            pause.wait(0.1)

    def _say(self, text: str) -> None:
        ended, total = self.arena.progress()
        self.tell(f"{time.monotonic() - self.began_s:7.1f} s  {ended:3d}/{total} runs  {text}")


def fight(home: Path, plan: Sequence[PlannedFault], *, runs: int, boards: int, give_up_s: float, tell: Tell) -> Outcome:
    """Run one campaign in `home`, then count from the logs what it cost."""
    began_s = time.monotonic()
    with arena(home, boards) as ours:
        campaign = Campaign(arena=ours, plan=plan, run_count=runs, tell=tell)
        campaign.run(give_up_s)
        logs = [read_board(board.name, board.home / ".pifarm") for board in ours.boards]
        books = read_books(ours.settings.database_url)
    return Outcome(
        faults=campaign.faults,
        boards=logs,
        books=books,
        findings=check(logs, books),
        took_s=time.monotonic() - began_s,
    )
