"""What earlier runs gave, for the rules that set a run beside others: one small fact from a few statements.

Only attempts that were opened before the one in question count, so that a verdict comes out the same when it is
recomputed.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from agent.wire.codec import decode
from agent.wire.records import Environment
from agent.wire.spec import Scalar
from orchestrator.analysis.facts import HOST, Reference
from orchestrator.attending.lifecycle import Verdict
from orchestrator.boards.ambient import AmbientSource
from orchestrator.db.model_tables import VariantRow
from orchestrator.db.tables import AttemptRow, DeviceRow, RunRow, StudyRow

MOST_OUTPUTS = 50


def load_reference(session: Session, attempt: AttemptRow) -> Reference:
    """What the attempts before this one gave, of its study, its block and its variant."""
    first = _first_facts(session, attempt)
    limit_hz = first.get("clock_limit_hz")
    low_c, high_c = _ambient(session, attempt)
    output, runs = _common_output(session, attempt)
    return Reference(
        output_sha256=output,
        output_runs=runs,
        clock_limit_hz=float(limit_hz) if isinstance(limit_hz, (int, float)) else None,
        runtime_version=_runtime_version(session, attempt),
        kernel=_text(first.get("kernel")),
        firmware=_text(first.get("firmware")),
        ambient_low_c=low_c,
        ambient_high_c=high_c,
    )


def _first_facts(session: Session, attempt: AttemptRow) -> Mapping[str, Scalar]:
    """The environment of the study's first attempt on this device: it declares what the others are held to."""
    environment = session.scalar(_first_of_study(attempt, AttemptRow.environment))
    return decode(Environment, environment).facts if environment else {}


def _runtime_version(session: Session, attempt: AttemptRow) -> str | None:
    """The version that the study's first attempt on this device had of the same runtime."""
    query = _first_of_study(attempt, AttemptRow.loaded).join(VariantRow, RunRow.variant_id == VariantRow.id)
    loaded = session.scalar(query.where(VariantRow.runtime == attempt.run.variant.runtime))
    return str(loaded["runtime_version"]) if loaded else None


def _first_of_study(attempt: AttemptRow, column: InstrumentedAttribute[dict[str, Any] | None]) -> Any:
    return (
        select(column)
        .join(RunRow, AttemptRow.run_id == RunRow.id)
        .where(
            RunRow.study_id == attempt.run.study_id,
            AttemptRow.device_id == attempt.device_id,
            AttemptRow.id < attempt.id,
            column.is_not(None),
        )
        .order_by(AttemptRow.id)
        .limit(1)
    )


def _ambient(session: Session, attempt: AttemptRow) -> tuple[float | None, float | None]:
    """Bounds of the room's temperature, as thermometers gave it, in the earlier runs of the block."""
    run = attempt.run
    low_c, high_c = session.execute(
        select(func.min(RunRow.ambient_c), func.max(RunRow.ambient_c))
        .join(AttemptRow, (AttemptRow.run_id == RunRow.id) & (AttemptRow.number == RunRow.counted_attempt))
        .where(
            RunRow.study_id == run.study_id,
            RunRow.device_id == run.device_id,
            RunRow.start_group == run.start_group,
            RunRow.block == run.block,
            RunRow.ambient_source == AmbientSource.SENSOR,
            RunRow.id != run.id,
            AttemptRow.id < attempt.id,
        )
    ).one()
    return low_c, high_c


def _common_output(session: Session, attempt: AttemptRow) -> tuple[str | None, int]:
    """The digest that most earlier runs agree in and their number; none where several runs agree in nothing."""
    if not attempt.loaded:
        return None, 0
    digests: Counter[str] = Counter()
    for loaded, inputs in session.execute(_same_variant(session, attempt)):
        if inputs == attempt.run.study.inputs and loaded["runtime_version"] == attempt.loaded["runtime_version"]:
            digests[loaded["output_sha256"]] += 1
    if not digests:
        return None, 0
    digest, count = digests.most_common(1)[0]
    return (digest, count) if count > 1 or digests.total() == 1 else (None, 0)


def _same_variant(session: Session, attempt: AttemptRow) -> Any:
    """First answers of earlier runs that ought to be equal, the oldest first."""
    run, device = attempt.run, session.get_one(DeviceRow, attempt.device_id)
    is_alike = DeviceRow.id == device.id if device.board_type == HOST else DeviceRow.board_type == device.board_type
    return (
        select(AttemptRow.loaded, StudyRow.inputs)
        .join(RunRow, (AttemptRow.run_id == RunRow.id) & (AttemptRow.number == RunRow.counted_attempt))
        .join(StudyRow, RunRow.study_id == StudyRow.id)
        .join(DeviceRow, RunRow.device_id == DeviceRow.id)
        .where(
            RunRow.variant_id == run.variant_id,
            RunRow.verdict != Verdict.INVALID,
            RunRow.id != run.id,
            StudyRow.bundle_hash == run.study.bundle_hash,
            DeviceRow.simulated == device.simulated,
            is_alike,
            AttemptRow.loaded.is_not(None),
            AttemptRow.id < attempt.id,
        )
        .order_by(AttemptRow.id)
        .limit(MOST_OUTPUTS)
    )


def _text(value: Scalar | None) -> str | None:
    return None if value is None else str(value)
