"""What a board is sent to start an attempt: the assignment as a spec of the wire, under the attendant's fence."""

from agent.wire import WIRE_VERSION
from agent.wire.profile import Profiling
from agent.wire.spec import Fence, RunSpec
from orchestrator.attending.evaluations import next_evaluation
from orchestrator.attending.limits import limits_for
from orchestrator.attending.picking import Assignment
from orchestrator.db.tables import DeviceRow
from orchestrator.farm import Farm


def run_spec(farm: Farm, assignment: Assignment, fence: Fence) -> RunSpec:
    """The spec of an assignment; its memory limit is the farm's share of what the board has."""
    with farm.database.read() as session:
        memory_bytes = session.get_one(DeviceRow, assignment.device_id).probe.get("memory_bytes")
        evaluation = next_evaluation(session, assignment.run_id, assignment.number)
    return RunSpec(
        wire_version=WIRE_VERSION,
        run_id=assignment.run_id,
        attempt=assignment.number,
        fence=fence,
        bundle_hash=assignment.bundle_hash,
        artifact_id=assignment.artifact_id,
        main_file=assignment.manifest["main"],
        runtime=assignment.runtime,
        threads=assignment.threads,
        runtime_options=assignment.runtime_options,
        protocol=assignment.protocol,
        inputs=assignment.inputs,
        limits=limits_for(assignment.protocol, memory_bytes, farm.settings.memory_share, evaluation),
        profiling=Profiling() if assignment.is_profile else None,
        evaluation=evaluation,
    )
