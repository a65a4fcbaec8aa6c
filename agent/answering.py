"""The phase in which a data set is answered: one order to the measuring process, and its answers as they come.

Invariants: answers are in the journal as soon as the measuring process has said them, and on the disk about a second
later, with telemetry; what ends the phase early names the example that was at hand. Nothing is timed, so the board may
be spoken to.
"""

import time
from collections.abc import Callable

from agent.chronicle import Chronicle
from agent.errors import RunFault
from agent.frames import Kind, Order
from agent.protocol import Reading
from agent.spool import Spool
from agent.watch import Watch
from agent.wire.answers import Progress
from agent.wire.codec import loads
from agent.wire.evaluation import Predicted
from agent.wire.spec import RunSpec

Tell = Callable[[Progress, int], None]
_PUBLISH_S = 1.0
_CRASHED_RUNNING, _CRASHED = "crashed_running", "crashed"


class Answering:
    """`tell` is told how many examples are answered, and when on the monotonic clock all of them ought to be: at first
    as if each took `first_s`.

    Lifecycle: one per attempt whose spec has an evaluation; `run` returns when every example is answered.
    """

    def __init__(
        self, spec: RunSpec, watch: Watch, chronicle: Chronicle, spool: Spool, *, first_s: float, tell: Tell
    ) -> None:
        self._examples = () if spec.evaluation is None else spec.evaluation.examples
        self._most_bytes = spec.limits.journal_bytes
        self._watch, self._chronicle, self._spool, self._first_s = watch, chronicle, spool, first_s
        self._tell = tell
        self._begun = self._done = 0
        self._began_ns = self._told_ns = 0

    def run(self) -> None:
        """Order the answers and take them; raises what ends a run, with the example that was at hand."""
        assert self._watch.child is not None
        self._began_ns = time.monotonic_ns()
        self._publish()
        self._watch.child.order(Order.EVALUATE)
        try:
            self._take()
        except RunFault as fault:
            raise self._named(fault) from fault
        self._chronicle.settle()

    def _take(self) -> None:
        for event in self._watch.events():
            if isinstance(event, Reading):
                continue
            kind, payload = event
            if kind is Kind.BEGUN:
                self._begun += 1
            elif kind is Kind.PREDICTED:
                self._note(payload)
            elif kind is Kind.DONE:
                return

    def _note(self, payload: bytes) -> None:
        if self._spool.size + len(payload) > self._most_bytes:
            raise RunFault(
                "too_many_answers",
                f"limits.journal_bytes: {self._done} answers fill it; ask for fewer examples, or let detection.most or "
                "detection.score_threshold leave fewer detections",
            )
        predicted = loads(Predicted, payload)
        self._chronicle.note(predicted)
        self._done += len(predicted.examples)
        if time.monotonic_ns() - self._told_ns >= _PUBLISH_S * 1e9:
            self._chronicle.settle()
            self._publish()

    def _publish(self) -> None:
        self._told_ns = time.monotonic_ns()
        progress = Progress(done=self._done, of=len(self._examples))
        each_ns = (self._told_ns - self._began_ns) / self._done if self._done else self._first_s * 1e9
        self._tell(progress, self._told_ns + int(each_ns * (progress.of - progress.done)))

    def _named(self, fault: RunFault) -> RunFault:
        """The fault with the example that was at hand; a crash at an example is the model's, which loaded well."""
        if not self._begun:
            return fault
        cause, colon, detail = fault.code.partition(":")
        code = f"{_CRASHED}{colon}{detail}" if cause == _CRASHED_RUNNING else fault.code
        at_hand = f"example {self._examples[self._begun - 1]}, {self._begun} of {len(self._examples)}"
        return RunFault(code, f"{at_hand}: {fault.message}")
