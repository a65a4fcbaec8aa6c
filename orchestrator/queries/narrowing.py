"""How narrow the intervals of studies are that go on until they are. One statement for any number of studies."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from orchestrator.analysis.stopping import stated_coverage, why_stop
from orchestrator.attending.lifecycle import ENDED_RUN_STATES
from orchestrator.db.tables import DeviceRow, RunRow, StudyRow
from orchestrator.queries.rows import DevicePrecision, UntilNarrow
from orchestrator.studies.narrowing import Usable, usable_median


def read_until_narrow(session: Session, studies: Sequence[StudyRow]) -> Mapping[int, UntilNarrow]:
    """The state of those studies that go on until their intervals are narrow, by study."""
    asking = {study.id: study for study in studies if study.until_ci is not None}
    if not asking:
        return {}
    found: dict[int, dict[str, Usable]] = {}
    going_on: set[tuple[int, str]] = set()
    query = (
        select(
            RunRow.study_id,
            DeviceRow.name,
            RunRow.variant_id,
            RunRow.start_group,
            RunRow.block,
            RunRow.state,
            RunRow.verdict,
            RunRow.median_ns,
        )
        .join(DeviceRow, DeviceRow.id == RunRow.device_id)
        .where(RunRow.study_id.in_(asking))
        .order_by(DeviceRow.name)
    )
    for study_id, device, variant, group, block, state, verdict, median_ns in session.execute(query):
        usable = found.setdefault(study_id, {}).setdefault(device, Usable())
        if state in ENDED_RUN_STATES:
            usable.note(str(variant), group, block, usable_median(state, verdict, median_ns))
        else:
            going_on.add((study_id, device))
    return {
        study_id: UntilNarrow(
            wanted=study.until_ci or 0.0,
            max_blocks=study.max_blocks or study.blocks,
            coverage=stated_coverage(study.blocks),
            devices=tuple(
                _of_device(study, device, usable, is_open=(study_id, device) in going_on)
                for device, usable in found.get(study_id, {}).items()
            ),
        )
        for study_id, study in asking.items()
    }


def _of_device(study: StudyRow, device: str, usable: Usable, *, is_open: bool) -> DevicePrecision:
    precision = usable.precision
    stop = why_stop(
        precision,
        wanted=study.until_ci or 0.0,
        blocks=usable.blocks,
        max_blocks=study.max_blocks or study.blocks,
    )
    return DevicePrecision(
        device=device,
        blocks=usable.blocks,
        half_width=precision.half_width,
        stopped=None if is_open or stop is None else stop.value,
        left_out=0 if is_open else len(precision.left_out),
    )
