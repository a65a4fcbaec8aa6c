"""What every command that queues a study takes, once: its model, variants, devices, inputs, and what is done with it.

A command that `@takes_study` gets them as one `Asked` before its own options; its help shows all of them.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from orchestrator.cli import console, queueing
from orchestrator.cli.farm import JsonOption

if TYPE_CHECKING:
    from agent.wire.spec import Protocol
    from orchestrator.farm import Farm
    from orchestrator.studies import Submission

P = ParamSpec("P")
_BEFORE_OWN = ("model", "variant", "device", "where")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was typed, as typer reads it."""

    model: queueing.ModelArgument
    variant: queueing.VariantOption = None
    device: queueing.DeviceOption = None
    where: queueing.WhereOption = None
    setting: queueing.SettingOption = None
    threads: queueing.ThreadsOption = "4"
    runtime: queueing.RuntimeOption = None
    shape: queueing.ShapeOption = None
    priority: queueing.PriorityOption = 0
    seed: queueing.SeedOption = None
    ambient: queueing.AmbientOption = None
    dry_run: queueing.DryRunOption = False
    wait: queueing.WaitOption = False
    as_json: JsonOption = False

    def submission(self, farm: "Farm", protocol: "Protocol", blocks: int, **more: Any) -> "Submission":
        """The study that was asked for; `more` are fields of a `Submission`. Raises `SpecError`."""
        from orchestrator import studies
        from orchestrator.boards.bundle import build_bundle

        return studies.Submission(
            model=self.model,
            protocol=protocol,
            blocks=blocks,
            bundle_hash=build_bundle(farm.settings.bundles_dir).hash,
            variants=tuple(self.variant or ()),
            devices=tuple(self.device or ()),
            where=console.parse_pairs("--where", self.where or []),
            threads=console.parse_integers("--threads", self.threads),
            runtimes=tuple(self.runtime or ()),
            inputs=queueing.inputs(self.seed, self.shape or []),
            priority=self.priority,
            seed=self.seed,
            ambient_c=self.ambient,
            **more,
        )

    def queue(
        self,
        farm: "Farm",
        submission: "Submission",
        then: str,
        show: Callable[[int], None] | None = None,
        document: Callable[[int], Mapping[str, object]] | None = None,
    ) -> None:
        """Queue it, or only say what it would take, as `queueing.queue_study` does."""
        queueing.queue_study(
            farm,
            submission,
            dry_run=self.dry_run,
            wait=self.wait,
            as_json=self.as_json,
            then=then,
            show=show,
            document=document,
        )


def takes_study(command: Callable[Concatenate[Asked, P], None]) -> Callable[..., None]:
    """The command with the options of `Asked` around its own."""
    shared = inspect.signature(Asked).parameters
    own = list(inspect.signature(command).parameters.values())[1:]
    before, after = ([shared[name] for name in shared if (name in _BEFORE_OWN) is first] for first in (True, False))
    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*before, *own, *after)]

    @functools.wraps(command)
    def run(**options: Any) -> None:
        asked = Asked(**{name: options.pop(name) for name in shared})
        command(asked, **options)  # type: ignore[call-arg]  # by name, as its signature says

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what typer reads
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run
