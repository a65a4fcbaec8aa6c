"""What a user asks for when a study is submitted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agent.wire.spec import Inputs, Protocol, Scalar
from orchestrator.analysis.stopping import USUAL_MAX_BLOCKS
from orchestrator.errors import SpecError
from orchestrator.lifecycle import StudyKind

MAX_BLOCKS = 1000
NARROWEST, WIDEST = 0.001, 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a user asks for. Empty `variants` or `devices` mean all that there are; `where` selects devices by label.

    With `until_ci` (0.01 is 1 %) blocks are added on each device after the first `blocks` of them, until its intervals
    are that narrow or it has `max_blocks`.
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

    def __post_init__(self) -> None:
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

    @property
    def most_blocks(self) -> int:
        """How many blocks a device may have in the end."""
        if self.until_ci is None:
            return self.blocks
        return max(self.blocks, USUAL_MAX_BLOCKS) if self.max_blocks is None else self.max_blocks
