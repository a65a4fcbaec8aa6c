"""What a run leaves for the words on how its study was measured: little enough to keep of every run. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.attending.lifecycle import RunState, Verdict
from orchestrator.boards.ambient import AmbientSource
from orchestrator.queries.account import shown_attempt
from orchestrator.queries.rows import AttemptView, RunView

FACTS = ("os", "kernel", "firmware", "governor", "clock_limit_hz", "python")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """How a gate opened: after how long, whether only because time was up, and the die's temperature then."""

    waited_s: float
    timed_out: bool
    temperature_c: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A run as the methods speak of it; what belongs to its attempt is that of the one that counts, or the last.

    `doubts` are the codes of reasons against it. `software` names the runtime with its version, `facts` what the board
    said of `FACTS`, `tensors` its inputs as they were fed.
    """

    device: str
    variant: str
    block: int
    state: RunState
    verdict: Verdict | None
    code: str
    doubts: tuple[str, ...]
    attempts: int
    samples: int | None
    window_s: float | None
    segments: int | None
    rate_per_s: float | None
    has_p90: bool
    has_energy: bool
    opening: Opening | None
    ambient_c: float | None
    ambient_source: AmbientSource | None
    labels: str
    onset_s: float | None
    known_until_s: float | None
    software: str
    measuring_hash: str
    facts: Mapping[str, Any]
    absent: tuple[str, ...]
    tensors: str

    @property
    def has_result(self) -> bool:
        """Whether it has figures that may be ranked."""
        return self.state is RunState.DONE and self.verdict in (Verdict.VALID, Verdict.SUSPECT)


def trace_of(run: RunView) -> Trace:
    """What is kept of a run."""
    attempt = shown_attempt(run)
    environment = attempt.environment if attempt else {}
    return Trace(
        device=run.device,
        variant=run.variant,
        block=run.block,
        state=run.state,
        verdict=run.verdict,
        code=run.code,
        doubts=tuple(str(reason["code"]) for reason in run.reasons if reason.get("severity") != "note"),
        attempts=len(run.attempts),
        samples=run.samples,
        window_s=run.window_s,
        segments=run.segments,
        rate_per_s=run.rate_per_s,
        has_p90=run.p90_ms is not None,
        has_energy=run.energy_j is not None,
        opening=_opening(attempt.gate) if attempt and attempt.gate else None,
        ambient_c=run.ambient_c,
        ambient_source=run.ambient_source,
        labels=", ".join(f"{name}={value}" for name, value in sorted((run.labels or {}).items())),
        onset_s=run.onset_s,
        known_until_s=run.known_until_s,
        software=_software(run, attempt),
        measuring_hash=attempt.measuring_hash if attempt else "",
        facts={name: environment[name] for name in FACTS if name in environment},
        absent=attempt.absent if attempt else (),
        tensors=_tensors(attempt),
    )


def _opening(gate: Mapping[str, Any]) -> Opening:
    return Opening(
        waited_s=float(gate.get("waited_s", 0.0)),
        timed_out=bool(gate.get("timed_out")),
        temperature_c=gate.get("temperature_c"),
    )


def _software(run: RunView, attempt: AttemptView | None) -> str:
    version = attempt.loaded.get("runtime_version") if attempt else None
    runtime = run.variant.partition("@")[2].partition(",")[0]
    return f"{runtime} {version}".strip() if version else ""


def _tensors(attempt: AttemptView | None) -> str:
    inputs = attempt.loaded.get("inputs", ()) if attempt else ()
    return ", ".join(f"{each['name']} {each['dtype']} {'×'.join(map(str, each['shape']))}" for each in inputs)
