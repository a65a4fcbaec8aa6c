"""What an attempt's journal begins with: the claim, and the board that it was made on."""

import time
from collections.abc import Mapping

from agent import bundle
from agent.device import read_facts
from agent.home import Home
from agent.isolation import Network
from agent.machine import uptime_s
from agent.run_folder import Claim
from agent.sensors import SensorSet
from agent.wire.records import Claimed, Environment
from agent.wire.spec import Limits, RunSpec, Scalar


def claimed(spec: RunSpec, claim: Claim) -> Claimed:
    """The first record."""
    return Claimed(
        run_id=spec.run_id,
        attempt=spec.attempt,
        bundle_hash=spec.bundle_hash,
        boot_id=claim.boot_id,
        board_time_s=time.time(),
        uptime_s=uptime_s(),
    )


def environment(
    home: Home, spec: RunSpec, network: Network, sensors: SensorSet, found: Mapping[str, Scalar]
) -> Environment:
    """What the run runs on; `found` are facts that were learnt beside the board's own."""
    return Environment(
        measuring_hash=bundle.measuring_hash(),
        facts={
            **read_facts(home),
            **found,
            "runtime": spec.runtime,
            "threads": spec.threads,
            "artifact_id": spec.artifact_id,
            "network": network.value,
            **limit_facts(spec.limits),
        },
        sources=sensors.sources,
        absent=sensors.absent,
    )


def limit_facts(limits: Limits) -> dict[str, Scalar]:
    """What the run may use, as facts of its environment."""
    given = {"limit_wall_s": limits.wall_s, "limit_rss_bytes": limits.rss_bytes}
    return {name: value for name, value in given.items() if value is not None}
