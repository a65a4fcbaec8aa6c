"""What can go wrong on the board, by whose fault it is, and the one table of a failed run's codes.

    AgentError
    ├── RefusedError     nothing was changed; becomes `Answer(refused)`
    ├── RunFault         a run that failed; becomes `Ended(failed)`, its fault is looked up in `FAULT_OF`
    └── RunAborted       a run that was ended on request; becomes `Ended(aborted)`

Only a device's fault is worth another attempt, so a code stands under DEVICE only where the same run can succeed later.
A code may carry a detail after a colon: ``crashed:SIGILL``.
"""

import signal
from collections.abc import Mapping

from agent.wire.answers import RefusedBecause
from agent.wire.records import Fault

FAULT_OF: Mapping[str, Fault] = {
    # the request
    "unknown_runtime": Fault.SPEC,  # no such file in agent/runtimes
    "unknown_option": Fault.SPEC,  # the runtime does not know the option, or not this value
    "unknown_input": Fault.SPEC,  # an input that cannot be invented; the message names it and the option that helps
    "no_temperature": Fault.SPEC,  # a sweep on a board that does not tell how warm its die is
    "wall_limit": Fault.SPEC,  # load to end of window took longer than limits.wall_s
    "no_profiler": Fault.SPEC,  # a profile of a runtime that has none
    "too_many_inferences": Fault.SPEC,  # the window holds more than limits.journal_bytes can keep
    "too_many_answers": Fault.SPEC,  # a data set's answers are more than limits.journal_bytes can keep
    "bad_example": Fault.SPEC,  # the staged data set has no such example, or it is none
    "unfit_input": Fault.SPEC,  # an example that the network does not take: type, size or batch
    # the model, on this kind of board
    "bad_model": Fault.MODEL,  # the runtime refuses the file
    "unfit_output": Fault.MODEL,  # the task does not describe what the network answers, or that is no number
    "inference_failed": Fault.MODEL,  # the runtime gives up while running it
    "memory_limit": Fault.MODEL,  # it grew beyond limits.rss_bytes
    "out_of_memory": Fault.MODEL,  # the kernel ended it: it does not fit this board
    "crashed": Fault.MODEL,  # ended by a signal of its own while loading, or by SIGILL: it will do so again
    # the board
    "runtime_missing": Fault.DEVICE,  # the runtime cannot be imported
    "crashed_running": Fault.DEVICE,  # ended by a signal of its own after it had loaded well
    "killed": Fault.DEVICE,  # somebody else sent SIGKILL or SIGTERM
    "no_slot": Fault.DEVICE,  # in a sweep the die was never below its safety limit
    "isolation_failed": Fault.DEVICE,  # the board refused the isolation that it had just allowed
    "no_space": Fault.DEVICE,  # the disk filled up in spite of the reserve
    # pifarm
    "measuring_failed": Fault.AGENT,  # the measuring process ended without a word
    "agent_failed": Fault.AGENT,  # an unforeseen error; the traceback is in agent.log
}
_NOT_FOUND = (126, 127)  # what env(1) says of a program that it cannot run
_KILLERS = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class AgentError(Exception):
    """Root of every error that the agent raises on purpose."""


class RefusedError(AgentError):
    """A request that the board does not follow; nothing was changed."""

    def __init__(
        self, because: RefusedBecause, message: str, *, owner: str | None = None, number: int | None = None
    ) -> None:
        super().__init__(message)
        self.because, self.message, self.owner, self.number = because, message, owner, number


class RunFault(AgentError):
    """A run that failed, with a code of `FAULT_OF` and what to do about it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message
        self.fault = FAULT_OF[code.partition(":")[0]]


class RunAborted(AgentError):
    """A run that was asked to end."""


def explain_death(return_code: int, *, loaded: bool, last_words: str) -> RunFault:
    """Why a measuring process is gone that nobody here ended; negative codes are signals, as subprocess gives them."""
    words = f": {last_words}" if last_words else ""
    if return_code in _NOT_FOUND:
        return RunFault("runtime_missing", f"the runtime's interpreter cannot be run{words}")
    if return_code >= 0:
        return RunFault("measuring_failed", f"the measuring process ended with exit code {return_code}{words}")
    number = -return_code
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    if number in _KILLERS:
        return RunFault(f"killed:{name}", f"the measuring process was killed by {name} from outside{words}")
    if number == signal.SIGILL:
        return RunFault(f"crashed:{name}", f"killed by {name}: this runtime does not run on this board{words}")
    code = "crashed_running" if loaded else "crashed"
    return RunFault(f"{code}:{name}", f"the runtime was killed by {name}{words}")
