"""The tables of what is asked and what came of it. SQL is the memory: what is not here, or on a board, did not happen.

Times are seconds since the epoch on the database's clock (`_at_s`). Raw latencies and telemetry are compressed column
blobs (`chunks`), never a row per sample; what the leaderboard needs is plain columns on `runs`. Two partial unique
indices hold what no scheduler may break: one open attempt on a device, one real measurement on a machine.
"""

from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from orchestrator.attending.lifecycle import (
    OPEN_ATTEMPT_STATES,
    AttemptState,
    DeviceState,
    RunState,
    StudyKind,
    StudyState,
    Verdict,
)
from orchestrator.boards.ambient import AmbientSource
from orchestrator.db.clock import now_s
from orchestrator.db.model_tables import ModelRow, VariantRow
from orchestrator.db.stored import Base, ShortText


class FarmRow(Base):
    """The one row, number 1, that says which farm this is; its id is half of every fence."""

    __tablename__ = "farm"

    number: Mapped[int] = mapped_column(primary_key=True, default=1)
    farm_id: Mapped[str] = mapped_column(ShortText)
    created_at_s: Mapped[float] = mapped_column(default=now_s())


class DeviceRow(Base):
    """A registered board. `machine_key` names the machine that computes for it; lease and marks belong to `leases`."""

    __tablename__ = "devices"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(ShortText, unique=True)
    address: Mapped[str | None] = mapped_column(ShortText)
    host_key: Mapped[str | None]
    labels: Mapped[dict[str, Any]] = mapped_column(default=dict)
    machine_key: Mapped[str] = mapped_column(ShortText)
    serial: Mapped[str | None] = mapped_column(ShortText)
    board: Mapped[str]
    board_type: Mapped[str] = mapped_column(ShortText)
    simulated: Mapped[bool] = mapped_column(default=False)
    probe: Mapped[dict[str, Any]]
    probed_at_s: Mapped[float]
    python: Mapped[str]
    bundle_hash: Mapped[str] = mapped_column(ShortText)
    state: Mapped[DeviceState] = mapped_column(default=DeviceState.READY)
    state_reason: Mapped[str] = mapped_column(default="")
    faults_in_row: Mapped[int] = mapped_column(default=0)
    unreachable_in_row: Mapped[int] = mapped_column(default=0)
    created_at_s: Mapped[float] = mapped_column(default=now_s())
    last_seen_at_s: Mapped[float | None]
    last_temperature_c: Mapped[float | None]
    last_phase: Mapped[str | None] = mapped_column(ShortText)
    last_waiting_for: Mapped[str] = mapped_column(default="")
    ready_at_s: Mapped[float | None]
    needs_canary: Mapped[bool] = mapped_column(default=False)
    canaries_from_s: Mapped[float | None]
    ambient_c: Mapped[float | None]
    ambient_at_s: Mapped[float | None]
    ambient_until_s: Mapped[float | None]
    last_served_at_s: Mapped[float] = mapped_column(default=0.0)
    fence: Mapped[int] = mapped_column(default=0)
    lease_holder: Mapped[str | None] = mapped_column(ShortText)
    lease_expires_at_s: Mapped[float] = mapped_column(default=0.0)
    next_attention_at_s: Mapped[float | None] = mapped_column(index=True)
    attention_noted_at_s: Mapped[float | None]
    wake_after_s: Mapped[float] = mapped_column(default=0.0)

    @property
    def is_local(self) -> bool:
        """Whether the device is this very machine, reached without SSH."""
        return self.address is None


class StudyRow(Base):
    """What was submitted: variants x devices x protocol x blocks, with a seed, pinned to one agent bundle."""

    __tablename__ = "studies"

    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id"), index=True)
    protocol_name: Mapped[str] = mapped_column(ShortText)
    protocol: Mapped[dict[str, Any]]
    blocks: Mapped[int]
    seed: Mapped[int]
    priority: Mapped[int] = mapped_column(default=0)
    inputs: Mapped[dict[str, Any]]
    input_shape: Mapped[str] = mapped_column(default="")
    bundle_hash: Mapped[str] = mapped_column(ShortText)
    kind: Mapped[StudyKind] = mapped_column(default=StudyKind.SUBMITTED)
    until_ci: Mapped[float | None]
    max_blocks: Mapped[int | None]
    search: Mapped[dict[str, Any] | None]  # `analysis.rate_search.Search`
    ambient_c: Mapped[float | None]
    state: Mapped[StudyState] = mapped_column(default=StudyState.ACTIVE)
    created_at_s: Mapped[float] = mapped_column(default=now_s())
    ended_at_s: Mapped[float | None]
    model: Mapped[ModelRow] = relationship()


class StudyDeviceRow(Base):
    """A study on a device: the start temperature that its runs there share, once it is known.

    A start group has a start temperature of its own; groups are never paired.
    """

    __tablename__ = "study_devices"

    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"), primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    start_c: Mapped[float | None]
    start_group: Mapped[int] = mapped_column(default=0)
    gate_timeouts_in_row: Mapped[int] = mapped_column(default=0)
    idle_c: Mapped[float | None]
    tau_s: Mapped[float | None]


class RunRow(Base):
    """One measurement that the study asks for, bound to its device, with the summary of the attempt that counts.

    From `onset_s` to `throttled_s` are figures of sustained runs, as `queries.soak` tells them; null for a burst.
    A step of a search for the highest rate has a rate and a length of its own, and what it showed (`StepFound`).
    """

    __tablename__ = "runs"
    __table_args__ = (
        Index("ix_runs_device_id_state", "device_id", "state"),
        Index("ix_runs_study_id_state", "study_id", "state"),
        Index("ix_runs_variant_id_state", "variant_id", "state"),
        Index("ix_runs_places", "study_id", "device_id", "state", "ended_at_s"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"))
    variant_id: Mapped[int] = mapped_column(ForeignKey("variants.id"))
    block: Mapped[int]
    position: Mapped[int]
    state: Mapped[RunState] = mapped_column(default=RunState.QUEUED)
    attempts_made: Mapped[int] = mapped_column(default=0)
    device_faults: Mapped[int] = mapped_column(default=0)
    invalid_results: Mapped[int] = mapped_column(default=0)
    code: Mapped[str] = mapped_column(default="")
    message: Mapped[str] = mapped_column(default="")
    verdict: Mapped[Verdict | None]
    reasons: Mapped[list[Any]] = mapped_column(default=list)
    counted_attempt: Mapped[int | None]
    started_at_s: Mapped[float | None] = mapped_column(index=True)
    ended_at_s: Mapped[float | None]
    samples: Mapped[int | None]
    median_ns: Mapped[float | None]
    mean_ns: Mapped[float | None]
    min_ns: Mapped[float | None]
    max_ns: Mapped[float | None]
    p90_ns: Mapped[float | None]
    p99_ns: Mapped[float | None]
    first_ns: Mapped[float | None]
    load_ns: Mapped[float | None]
    window_s: Mapped[float | None]
    peak_rss_bytes: Mapped[int | None]
    start_c: Mapped[float | None]
    end_c: Mapped[float | None]
    max_c: Mapped[float | None]
    energy_j: Mapped[float | None]
    onset_s: Mapped[float | None]
    known_until_s: Mapped[float | None]
    onset_cause: Mapped[str | None] = mapped_column(ShortText)
    settled_ms: Mapped[float | None]
    sustained_ratio: Mapped[float | None]
    stability: Mapped[float | None]
    settled_c: Mapped[float | None]
    cooling_tau_s: Mapped[float | None]
    throttled_s: Mapped[float | None]
    runtime_version: Mapped[str | None] = mapped_column(ShortText)
    start_group: Mapped[int] = mapped_column(default=0)
    steadiness: Mapped[str | None] = mapped_column(ShortText)
    segments: Mapped[int | None]
    missed_deadlines: Mapped[int | None]
    rate_per_s: Mapped[float | None]
    step_s: Mapped[float | None]
    step: Mapped[dict[str, Any] | None]
    ambient_c: Mapped[float | None]
    ambient_source: Mapped[AmbientSource | None]
    labels: Mapped[dict[str, Any] | None]
    analysis_version: Mapped[int | None]
    study: Mapped[StudyRow] = relationship()
    device: Mapped[DeviceRow] = relationship()
    variant: Mapped[VariantRow] = relationship()
    attempts: Mapped[list["AttemptRow"]] = relationship(back_populates="run", order_by="AttemptRow.number")


_OPEN = text("state IN ('staging', 'started')")
_OPEN_AND_EXCLUSIVE = text("state IN ('staging', 'started') AND machine_key IS NOT NULL")


class AttemptRow(Base):
    """One try at a run. `machine_key` is null for scripted measuring, which may overlap on a host.

    `known_onset_s` is what a burst was told of earlier soaks: how long the board bears this load until it throttles.
    """

    __tablename__ = "attempts"
    __table_args__ = (
        UniqueConstraint("run_id", "number"),
        Index("ix_attempts_device_id_id", "device_id", "id"),
        Index(
            "ix_attempts_one_open_per_device",
            "device_id",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        Index(
            "ix_attempts_one_open_per_machine",
            "machine_key",
            unique=True,
            sqlite_where=_OPEN_AND_EXCLUSIVE,
            postgresql_where=_OPEN_AND_EXCLUSIVE,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), index=True)
    number: Mapped[int]
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"))
    machine_key: Mapped[str | None] = mapped_column(ShortText)
    state: Mapped[AttemptState] = mapped_column(default=AttemptState.STAGING)
    cursor_byte: Mapped[int] = mapped_column(default=0)
    cursor_seq: Mapped[int] = mapped_column(default=0)
    opened_at_s: Mapped[float] = mapped_column(default=now_s())
    started_at_s: Mapped[float | None]
    closed_at_s: Mapped[float | None]
    forgotten_at_s: Mapped[float | None]
    code: Mapped[str] = mapped_column(default="")
    message: Mapped[str] = mapped_column(default="")
    claimed: Mapped[dict[str, Any] | None]
    environment: Mapped[dict[str, Any] | None]
    gate: Mapped[dict[str, Any] | None]
    loaded: Mapped[dict[str, Any] | None]
    ended: Mapped[dict[str, Any] | None]
    phases: Mapped[dict[str, Any]] = mapped_column(default=dict)
    known_onset_s: Mapped[float | None]
    run: Mapped[RunRow] = relationship(back_populates="attempts")

    @property
    def is_open(self) -> bool:
        """Whether the attempt has not ended yet."""
        return self.state in OPEN_ATTEMPT_STATES


class ChunkRow(Base):
    """A chunk of raw data, keyed by the journal line it came from: ingesting a line twice stores it once."""

    __tablename__ = "chunks"

    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(ShortText)
    count: Mapped[int]
    blob: Mapped[bytes]


class EventRow(Base):
    """What happened to studies, runs and devices, one line each, for people."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)
    at_s: Mapped[float] = mapped_column(default=now_s(), index=True)
    kind: Mapped[str] = mapped_column(ShortText)
    message: Mapped[str]
    device_id: Mapped[int | None] = mapped_column(ForeignKey("devices.id", ondelete="SET NULL"))
    study_id: Mapped[int | None] = mapped_column(ForeignKey("studies.id"), index=True)
    run_id: Mapped[str | None] = mapped_column(ForeignKey("runs.id"))


class AuditRow(Base):
    """Who changed what, on which thing, and what came of it; never changed, never deleted."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at_s: Mapped[float] = mapped_column(default=now_s(), index=True)
    who: Mapped[str] = mapped_column(ShortText)
    role: Mapped[str] = mapped_column(ShortText)
    action: Mapped[str] = mapped_column(ShortText)
    target: Mapped[str]
    outcome: Mapped[str] = mapped_column(ShortText)
    message: Mapped[str] = mapped_column(default="")
