"""The agent's door: ``start | status | abort | probe | examine | prepare | restore``. One answer line on standard
output, then raw journal bytes.

Standard output is guarded at file-descriptor level: descriptor 1 is moved away first thing and points to standard
error from then on, so nothing that a library prints can damage an answer. Exit code 0 whenever an answer was given,
refusals too; 1 for a bug and 2 for unusable arguments, both with `Answer(error)`.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from agent.errors import RefusedError
from agent.home import FAN_KEPT, Home, open_home
from agent.report import MAX_BYTES, Reply, report
from agent.wire.answers import Answer, Refused
from agent.wire.codec import WireError, dumps
from agent.wire.names import is_plain_name
from agent.wire.spec import Fence

_WAIT_S = 8.0
PRIVATE_UMASK = 0o077


class Parser(argparse.ArgumentParser):
    """An argument parser that raises instead of printing and leaving."""

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments."""
        raise WireError(message)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and leave."""
    answers = os.dup(1)
    os.dup2(2, 1)
    os.umask(PRIVATE_UMASK)
    try:
        options = _parser().parse_args(arguments)
        if options.command in _INNER:
            sys.exit(_INNER[options.command](options, answers))
        code, reply = _run(options)
    except WireError as error:
        code, reply = 2, Reply(answer=Answer(error=str(error)))
    except Exception as error:  # noqa: BLE001  # the top of the agent: the asker has to learn of a bug
        sys.excepthook(type(error), error, error.__traceback__)
        code, reply = 1, Reply(answer=Answer(error=f"{type(error).__name__}: {error}"))
    _write(answers, dumps(reply.answer).encode() + b"\n" + reply.journal)
    sys.exit(code)


def _run(options: argparse.Namespace) -> tuple[int, Reply]:
    home = open_home(options.home)
    _give_back_fan(home)
    try:
        return 0, _COMMANDS[options.command](home, options)
    except RefusedError as refusal:
        refused = Refused(because=refusal.because, message=refusal.message, owner=refusal.owner, number=refusal.number)
        return 0, Reply(answer=Answer(refused=refused))


# Modules are imported where they are needed: `status` has to be quick on a small board.
def _give_back_fan(home: Home) -> None:
    if (home.path / FAN_KEPT).exists():
        from agent.fan import give_back

        give_back(home)


def _start(home: Home, options: argparse.Namespace) -> Reply:
    from agent.start import start

    return start(home, sys.stdin.buffer.read(), wait_s=options.wait_s)


def _status(home: Home, options: argparse.Namespace) -> Reply:
    return report(home, options.run, options.attempt, first_byte=options.first_byte, max_bytes=options.max_bytes)


def _abort(home: Home, options: argparse.Namespace) -> Reply:
    from agent.abort import abort

    fence = Fence(farm_id=options.farm, number=options.fence)
    return abort(home, options.run, options.attempt, fence)


def _probe(home: Home, options: argparse.Namespace) -> Reply:
    from agent.probe import probe

    return probe(home, options.runtime, options.take_over)


def _examine(home: Home, options: argparse.Namespace) -> Reply:
    from agent.examine import examine
    from agent.idle import nobody_measuring

    with nobody_measuring(home, "examine it when it has ended"):
        return Reply(answer=Answer(examined=examine(home)))


def _prepare(home: Home, options: argparse.Namespace) -> Reply:
    from agent.fence import require_owner
    from agent.idle import nobody_measuring
    from agent.tuning import prepare

    with nobody_measuring(home, "prepare it when it has ended"):
        require_owner(home.path, options.farm)
        return Reply(answer=Answer(tuned=prepare(home)))


def _restore(home: Home, options: argparse.Namespace) -> Reply:
    from agent.fence import require_owner
    from agent.idle import nobody_measuring
    from agent.tuning import restore

    with nobody_measuring(home, "restore it when it has ended"):
        require_owner(home.path, options.farm)
        return Reply(answer=Answer(tuned=restore(home)))


# What the agent runs in processes of its own; not for anybody else.
def _measure(options: argparse.Namespace, answers: int) -> int:
    from agent.measure import run_measurement

    os.close(answers)
    return run_measurement(options.orders, options.results)


def _preflight(options: argparse.Namespace, answers: int) -> int:
    from agent.preflight import try_runtime

    _write(answers, try_runtime(options.runtime).encode() + b"\n")
    return 0


def _describe(options: argparse.Namespace, answers: int) -> int:
    from agent.describe import describe

    _write(answers, describe(options.runtime, options.model, options.memory_bytes).encode() + b"\n")
    return 0


def _answer(options: argparse.Namespace, answers: int) -> int:
    from agent.answer import answer
    from agent.errors import RunFault
    from agent.wire.spec import Inputs

    try:
        answer(
            options.runtime,
            options.model,
            options.output,
            given=options.inputs,
            count=options.count,
            inputs=Inputs(seed=options.seed, shapes=dict(options.shape)),
        )
    except RunFault as fault:
        _write(answers, fault.message.encode() + b"\n")
        return 1
    return 0


_INNER = {"measure": _measure, "preflight": _preflight, "describe": _describe, "answer": _answer}
_COMMANDS = {
    "start": _start,
    "status": _status,
    "abort": _abort,
    "probe": _probe,
    "examine": _examine,
    "prepare": _prepare,
    "restore": _restore,
}


def _parser() -> Parser:
    parser = Parser(prog="agent", description="Measures one run on this board.")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=Parser)
    for name in _COMMANDS:
        command = commands.add_parser(name)
        command.add_argument("--home", type=Path, required=True)
        if name in ("status", "abort"):
            command.add_argument("--run", type=_name, required=True)
            command.add_argument("--attempt", type=int, required=True)
    commands.choices["start"].add_argument("--wait-s", type=float, default=_WAIT_S)
    commands.choices["status"].add_argument("--from", dest="first_byte", type=int, default=0)
    commands.choices["status"].add_argument("--max-bytes", type=int, default=MAX_BYTES)
    for name in ("abort", "prepare", "restore"):
        commands.choices[name].add_argument("--farm", required=True)
    commands.choices["abort"].add_argument("--fence", type=int, required=True)
    commands.choices["probe"].add_argument("--runtime", action="append", default=[])
    commands.choices["probe"].add_argument("--take-over", type=_fence, metavar="FARM:NUMBER")
    inner = commands.add_parser("measure")
    inner.add_argument("--orders", type=int, required=True)
    inner.add_argument("--results", type=int, required=True)
    for name in ("preflight", "describe", "answer"):
        inner = commands.add_parser(name)
        inner.add_argument("--runtime", required=True)
        if name != "preflight":
            inner.add_argument("--model", type=Path, required=True)
    commands.choices["describe"].add_argument("--memory-bytes", type=int)
    inner.add_argument("--output", type=Path, required=True)
    inner.add_argument("--inputs", type=Path)
    inner.add_argument("--count", type=int, default=1)
    inner.add_argument("--seed", type=int, default=0)
    inner.add_argument("--shape", type=_shape, action="append", default=[], metavar="NAME=1,3,640,640")
    return parser


def _name(text: str) -> str:
    if not is_plain_name(text):
        raise WireError(f"--run: expected a plain name, got {text!r}")
    return text


def _fence(text: str) -> Fence:
    farm_id, _, number = text.rpartition(":")
    if not number.isdecimal():
        raise WireError(f"--take-over: expected FARM:NUMBER, got {text!r}")
    return Fence(farm_id=farm_id, number=int(number))


def _shape(text: str) -> tuple[str, tuple[int, ...]]:
    name, _, sizes = text.rpartition("=")
    return name, tuple(map(int, sizes.split(",")))


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


if __name__ == "__main__":
    main()
