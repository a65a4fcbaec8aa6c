"""The agent at the gate: reads the board, steers the burner, and says what it waits for."""

from collections.abc import Callable, Iterator

from agent.burner import BurnerProcesses
from agent.chronicle import Chronicle
from agent.cooling import Prior
from agent.gatekeeper import Decision, GateKeeper, GateStep
from agent.protocol import Reading
from agent.telemetry import CHUNK
from agent.watch import Watch
from agent.wire.records import GatePassed
from agent.wire.spec import Gate

PERIOD_S = 0.5
_PUBLISH_EVERY_S = 4.0


def pass_gate(
    gate: Gate,
    watch: Watch,
    burner: BurnerProcesses,
    chronicle: Chronicle,
    publish: Callable[[str, float | None, float | None], None],
    known: Prior,
) -> tuple[GatePassed, Prior]:
    """Wait until the gate opens or its time is up; the burner is gone afterwards.

    `known` is what earlier gates learnt of the board's cooling; what is known now comes back with the record.
    """
    keeper = GateKeeper(gate, watch.sampler.sensors.absent, known)
    published_s = float("-inf")
    try:
        for decision, reading in _decisions(keeper, watch):
            if decision.is_final:
                return _passed(keeper, decision, reading, chronicle.now_ns()), keeper.outlook.learnt()
            burner.set(decision.duty)
            if watch.sampler.pending >= CHUNK:
                chronicle.speak()
            if reading.at_s - published_s >= _PUBLISH_EVERY_S:
                published_s = reading.at_s
                publish(decision.reason, reading.temperature_c, keeper.ready_in_s)
    finally:
        burner.end()
    raise AssertionError("the watch never ends by itself")


def _decisions(keeper: GateKeeper, watch: Watch) -> Iterator[tuple[Decision, Reading]]:
    for event in watch.events():
        if isinstance(event, Reading):
            yield keeper.decide(event), event


def _passed(keeper: GateKeeper, decision: Decision, reading: Reading, at_ns: int) -> GatePassed:
    return GatePassed(
        at_ns=at_ns,
        waited_s=keeper.waited_s,
        timed_out=decision.step is GateStep.TIMED_OUT,
        reason=decision.reason,
        temperature_c=reading.temperature_c,
        start_c=keeper.start_c,
        idle_c=keeper.idle_c,
        foreign_cpu=keeper.foreign_cpu,
        idle_error_c=keeper.idle_error_c,
        tau_s=keeper.tau_s,
        forecast_s=keeper.forecast_s,
    )
