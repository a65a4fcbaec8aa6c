"""The tables of named figures: constants of the code, each with its meaning and its place. Read by `docs.tables`."""

import importlib
from collections.abc import Iterable

from docs.markdown import code, shown, table

PACE = (
    ("orchestrator.queue.TICK_S", "time between two ticks, s"),
    ("orchestrator.attending.leases.MAX_WAKES_A_TICK", "devices that one tick wakes at most"),
    ("orchestrator.attending.leases.LOST_WAKE_S", "what a lost wake-up message costs, s"),
    ("orchestrator.attending.leases.LEASE_S", "life of a lease that is not renewed, s"),
    ("orchestrator.attending.attend.ATTENTION_S", "length of one visit to a device, about, s"),
    ("orchestrator.attending.steps.LONGEST_WAIT_S", "longest wait for a board within a visit, s"),
    ("orchestrator.attending.steps.SLICE_S", "longest stretch of one upload, s"),
    ("orchestrator.attending.attend.MAX_BACKOFF_S", "longest pause before an unreachable board is tried again, s"),
    ("orchestrator.attending.lifecycle.MAX_DEVICE_FAULTS", "device faults after which a run has failed"),
    ("orchestrator.attending.lifecycle.MAX_INVALID_RESULTS", "invalid results after which a run keeps the last one"),
    ("orchestrator.attending.lifecycle.SICK_AFTER_FAULTS", "device faults in a row after which a device is sick"),
    ("agent.contact.GATE_REPORT_S", "when to come back while the run waits at the gate, s"),
    ("agent.contact.LOAD_REPORT_S", "when to come back while the model loads, s"),
    ("agent.contact.GRACE_S", "how long READY waits for a contact that promised to come, beyond its promise, s"),
)
SUPERVISION = (
    ("orchestrator.supervisor.supervise.DRAIN_S", "time that parts have to finish what they have in hand, s"),
    ("orchestrator.supervisor.parts.STEADY_S", "life of a part after which a death is no bad sign, s"),
    ("orchestrator.supervisor.parts.FIRST_PAUSE_S", "pause before a part that died sooner is started again, s"),
    ("orchestrator.supervisor.parts.LONGEST_PAUSE_S", "that pause, doubled with each early death, at most, s"),
    ("orchestrator.supervisor.parts.KEEPS_DYING", "early deaths in a row from which on the status speaks of them"),
    ("orchestrator.status.LOW_DISK_BYTES", "free space of the state home below which the status speaks of it, bytes"),
    ("orchestrator.status.STALE_HEARTBEAT_S", "silence of a worker or tick of its own from which on it does, s"),
)
STATISTICS = (
    ("orchestrator.analysis.latency.P90_FLOOR", "inferences that a run's p90 needs"),
    ("orchestrator.analysis.latency.P99_FLOOR", "inferences that a run's p99 needs"),
    ("orchestrator.analysis.early_stopping.CONFIDENCE", "confidence of a pooled percentile"),
    ("orchestrator.analysis.comparison.MARGIN", "smallest difference that counts, as a share"),
    ("orchestrator.analysis.comparison.LEVEL", "error level of an answer, over all pairs of a group"),
    ("orchestrator.analysis.comparison.POWER", "power that `detectable` is stated for"),
    ("orchestrator.analysis.pairing.LEAST_BOARDS", "common boards from which on boards are the units"),
    ("orchestrator.analysis.scatter.LARGEST_SD_RATIO", "scatter between variants up to which their variance is pooled"),
    ("orchestrator.analysis.latency.SPREAD_EXPECTED_CV", "CV of runs that the spread mark takes for usual"),
    ("orchestrator.analysis.drift.RESAMPLES", "bootstrap series behind the standard error of a drift"),
    ("agent.protocol.MAX_RETURNS_TO_GATE", "returns to the gate after which a busy board is measured all the same"),
)


def pace() -> str:
    """The times and limits by which the farm works."""
    return _constants(PACE)


def supervision() -> str:
    """The times and limits by which a farm is kept running."""
    return _constants(SUPERVISION)


def statistics() -> str:
    """The figures that the statistics rest on."""
    return _constants(STATISTICS)


def _constants(names: Iterable[tuple[str, str]]) -> str:
    rows = []
    for name, meaning in names:
        module, _, constant = name.rpartition(".")
        rows.append((meaning, shown(getattr(importlib.import_module(module), constant)), code(name)))
    return table(("figure", "value", "in the code"), rows)
