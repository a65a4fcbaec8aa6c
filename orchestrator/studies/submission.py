"""What a user asks for when a study is submitted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agent.wire.spec import Inputs, Protocol, Scalar
from agent.wire.task import Task
from orchestrator.analysis.rate_search import UNKNOWN_START, Search
from orchestrator.analysis.stopping import USUAL_MAX_BLOCKS
from orchestrator.attending.lifecycle import StudyKind
from orchestrator.boards.ambient import require_room
from orchestrator.errors import SpecError

MAX_BLOCKS = 1000
NARROWEST, WIDEST = 0.001, 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The first rate of a search, and why it is that one."""

    rate_per_s: float
    why: str


# device, build, runtime and threads: a variant need not be stored yet
StartKey = tuple[int, int, str, int]
ANYHOW = Start(rate_per_s=UNKNOWN_START, why="nothing is known of this variant on this board")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedEvaluation:
    """Examples of a data set, by number and in order, drawn by a seed; `task` is null for ready-made inputs."""

    dataset_id: int
    dataset: str
    task: Task | None
    seed: int
    examples: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a user asks for. Empty `variants` or `devices` mean all that there are; `where` selects devices by label.

    With `until_ci` (0.01 is 1 %) blocks are added on each device after the first `blocks` of them, until its intervals
    are that narrow or it has `max_blocks`.
    `ambient_c` is the room as whoever submits knows it.
    A `search` is for the highest rate that each variant is held at on each device; `starts` are the first rates.
    An `evaluation` is what each run answers in place of being timed.
    """

    model: str
    protocol: Protocol
    blocks: int
    bundle_hash: str
    variants: Sequence[str] = ()
    devices: Sequence[str] = ()
    where: Mapping[str, str] = field(default_factory=dict)
    threads: Sequence[int] = (1,)
    runtimes: Sequence[str] = ()
    runtime_options: Mapping[str, Scalar] = field(default_factory=dict)
    inputs: Inputs = field(default_factory=Inputs)
    priority: int = 0
    seed: int | None = None
    kind: StudyKind = StudyKind.SUBMITTED
    until_ci: float | None = None
    max_blocks: int | None = None
    ambient_c: float | None = None
    search: Search | None = None
    starts: Mapping[StartKey, Start] = field(default_factory=dict)
    evaluation: PlannedEvaluation | None = None

    def __post_init__(self) -> None:
        if self.ambient_c is not None:
            require_room("--ambient", self.ambient_c)
        for count in self.threads:
            if not 1 <= count <= 64:
                raise SpecError(f"threads: expected 1..64, got {count}")
        if not self.threads:
            raise SpecError("threads: expected at least one number, e.g. --threads 1,4")
        if not 1 <= self.blocks <= MAX_BLOCKS:
            raise SpecError(f"blocks: expected 1..{MAX_BLOCKS}, got {self.blocks}")
        if self.until_ci is not None and not NARROWEST <= self.until_ci <= WIDEST:
            raise SpecError(f"until-ci: expected {NARROWEST:.1%}..{WIDEST:.0%}, got {self.until_ci:.4%}")
        if self.max_blocks is not None and self.until_ci is None:
            raise SpecError("max-blocks: means nothing without --until-ci, e.g. --until-ci 1%")
        if self.max_blocks is not None and not self.blocks <= self.max_blocks <= MAX_BLOCKS:
            raise SpecError(f"max-blocks: expected {self.blocks} (blocks)..{MAX_BLOCKS}, got {self.max_blocks}")
        if (self.search is None) is (self.kind is StudyKind.PACE):
            raise SpecError("search: expected one with the kind pace, and with no other")
        if self.search is not None and (self.blocks != 1 or self.until_ci is not None):
            raise SpecError("search: expected one block to begin with; its steps decide what is added")
        if (self.evaluation is None) is (self.kind is StudyKind.ACCURACY):
            raise SpecError("evaluation: expected one with the kind accuracy, and with no other")
        if self.evaluation is not None and (self.blocks != 1 or self.until_ci is not None):
            raise SpecError("evaluation: expected one block; the same answers again say nothing new")

    @property
    def most_blocks(self) -> int:
        """How many blocks a device may have in the end."""
        if self.search is not None:
            return self.search.most_steps
        if self.until_ci is None:
            return self.blocks
        return max(self.blocks, USUAL_MAX_BLOCKS) if self.max_blocks is None else self.max_blocks

    def start_of(self, key: StartKey) -> Start:
        """The first rate that a variant is asked for on a device."""
        asked = None if self.search is None else self.search.start_per_s
        return self.starts.get(key, ANYHOW) if asked is None else Start(rate_per_s=asked, why="as asked for")
