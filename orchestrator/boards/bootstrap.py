"""Makes a board ready for an agent: named steps, each of which looks first whether it is done.

Everything that is known lies on the board, nothing here: a bootstrap that was interrupted anywhere is simply begun
again and goes on where it was. `advance` does what fits into a few seconds; what takes longer runs detached on the
board and is asked after. A step that fails says which it was, the end of its log, and what to do.
"""

import contextlib
import enum
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.wire.answers import Probe
from orchestrator.boards.board import Board
from orchestrator.boards.bundle import AgentBundle
from orchestrator.boards.environments import Environment, Interpreter, WheelhousePolicy, require_space
from orchestrator.errors import DeviceError
from orchestrator.transport import Transport
from orchestrator.transport.errands import Survey, take_survey

OLDEST_PYTHON = (3, 11)
SPACE_BYTES = 200 * 1024 * 1024
SLICE_S = 8.0
_POLL_S = 0.5
_PYTHON_REMEDY = (
    "Raspberry Pi OS 12 (bookworm) and newer have one: sudo apt install python3 python3-venv; or install one"
    ' anywhere and write {"python": "/its/path"} into ~/.pifarm/board.json on the board'
)


class Step(enum.Enum):
    """What a bootstrap does, in order."""

    FARM_FOLDER = "farm folder"
    PYTHON = "python"
    BUNDLE = "agent bundle"
    PROBE = "probe"
    ENVIRONMENT = "runtime environment"
    PREFLIGHT = "preflight"


StepProgress = Callable[[Step, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a board is to have. `requirements` are pinned packages by runtime, `wheel_cache` a folder of ours."""

    bundle: AgentBundle
    requirements: Mapping[str, tuple[str, ...]]
    wheel_cache: Path
    wheelhouse: WheelhousePolicy = WheelhousePolicy.AUTO


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrapped:
    """A board that is ready. `python` runs the agent; a runtime that does not work is in `probe.unsupported`."""

    probe: Probe
    python: str
    bundle_hash: str


def bootstrap(
    transport: Transport,
    plan: Plan,
    *,
    progress: StepProgress = lambda step, text: None,
    pause: Callable[[float], None] = time.sleep,
) -> Bootstrapped:
    """Make a board ready, however long it takes; tells each piece of progress once. Raises as `advance` does."""
    told: dict[Step, str] = {}

    def tell_news(step: Step, text: str) -> None:
        if step not in told or (text and told[step] != text):
            told[step] = text
            progress(step, text)

    began_s = time.monotonic()
    while (ready := advance(transport, plan, progress=tell_news)) is None:
        pause(_rest_s(time.monotonic() - began_s))
        began_s = time.monotonic()
    return ready


def _rest_s(took_s: float) -> float:
    """How long to leave the board alone: as long as it took to look, for its job wants the processor too."""
    return _POLL_S if took_s >= SLICE_S else max(_POLL_S, took_s)


def advance(
    transport: Transport,
    plan: Plan,
    *,
    progress: StepProgress = lambda step, text: None,
    slice_s: float = SLICE_S,
) -> Bootstrapped | None:
    """Go on making a board ready for about `slice_s`; None while there is more to do: ask again.

    Raises `DeviceError` that names the step, and `TransportError`, after which it can be asked again as well.
    """
    with _step(Step.FARM_FOLDER, progress):
        survey = take_survey(transport)
        require_space(survey, SPACE_BYTES)
    with _step(Step.PYTHON, progress):
        python = choose_python(survey)
    with _step(Step.BUNDLE, progress):
        bundle = plan.bundle
        if not transport.push(bundle.path, bundle.target, sha256=bundle.sha256, slice_s=slice_s).complete:
            return None
    board = Board(transport, python=python.path, bundle_hash=bundle.hash)
    for environment in _environments(transport, plan, survey, python):
        if not environment.is_ready():
            _advance_environment(environment, board, progress, slice_s)
            return None
        environment.tidy()
    with _step(Step.PREFLIGHT, progress):
        probe = board.probe(list(plan.requirements))
    return Bootstrapped(probe=probe, python=python.path, bundle_hash=bundle.hash)


def choose_python(survey: Survey) -> Interpreter:
    """The interpreter to run the agent with: the adopted one, else the first that is new enough."""
    if survey.bits != 64:
        raise DeviceError(f"expected a 64-bit Python, found one of {survey.bits} bits; install the 64-bit OS")
    if survey.adopted_python is not None:
        return _adopted(survey.adopted_python, survey.adopted_version)
    if survey.python_version >= OLDEST_PYTHON:
        return Interpreter(path=survey.python, version=survey.python_version)
    for path, version in survey.other_pythons.items():
        return Interpreter(path=path, version=version)
    found = f"{_dotted(survey.python_version)} ({survey.python})"
    raise DeviceError(f"expected Python {_dotted(OLDEST_PYTHON)} or newer, found {found}. {_PYTHON_REMEDY}")


def _adopted(path: str, version: tuple[int, int] | None) -> Interpreter:
    if version is None:
        raise DeviceError(f"board.json names {path}, which is no Python that answers; correct or remove it")
    if version < OLDEST_PYTHON:
        raise DeviceError(
            f"board.json names {path}: expected Python {_dotted(OLDEST_PYTHON)} or newer, found {_dotted(version)}"
        )
    return Interpreter(path=path, version=version)


def _environments(transport: Transport, plan: Plan, survey: Survey, python: Interpreter) -> Iterator[Environment]:
    for runtime, requirements in plan.requirements.items():
        yield Environment(
            transport=transport,
            survey=survey,
            python=python,
            runtime=runtime,
            requirements=requirements,
            policy=plan.wheelhouse,
            wheel_cache=plan.wheel_cache,
        )


def _advance_environment(environment: Environment, board: Board, progress: StepProgress, slice_s: float) -> None:
    jobs = environment.look()
    if not jobs.have_begun:
        with _step(Step.PROBE, progress):
            board.probe()
    with _step(Step.ENVIRONMENT, progress):
        environment.advance(jobs, lambda text: progress(Step.ENVIRONMENT, text), slice_s)


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


@contextlib.contextmanager
def _step(step: Step, progress: StepProgress) -> Iterator[None]:
    """Tell that a step begins, and name it in what goes wrong on the board."""
    progress(step, "")
    try:
        yield
    except DeviceError as error:
        if type(error) is not DeviceError:  # busy, owned: their kind says more than the step
            raise
        raise DeviceError(f'step "{step.value}": {error}') from error
