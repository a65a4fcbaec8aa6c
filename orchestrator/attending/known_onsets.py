"""What earlier soaks say of a burst that is about to begin: how long its board bears the load until it throttles.

A burst window ends at 80 % of that, so that a slow model is measured cold. It is looked up when an attempt is opened
and kept with it: what a board is sent stays the same however often it is sent. The protocol of the study is not changed
by it, and neither is what its runs may be compared with.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.wire.codec import decode
from agent.wire.spec import Protocol, Regime
from orchestrator.analysis.thermal.onset import Cause
from orchestrator.attending.lifecycle import RunState, Verdict
from orchestrator.db.tables import RunRow, StudyDeviceRow, StudyRow

START_WITHIN_C = 3.0
HEAT_LABELS = ("cooling", "case")
MOST_READ = 200


def known_onset_s(session: Session, run: RunRow) -> float | None:
    """The shortest onset by heat in the newest soaks of this variant on this device; None where they saw none.

    The newest soaks are the valid, continuous sustained runs of the newest study that has any with the same input shape
    and the same labels of cooling and case, and that began within 3 C of this study's start temperature. None also
    where that temperature is not known yet, for other than plain bursts, and where the study itself gives an onset.
    """
    protocol = decode(Protocol, run.study.protocol)
    if protocol.regime is not Regime.BURST or protocol.pace is not None or protocol.window.onset_s is not None:
        return None
    shared = session.get(StudyDeviceRow, (run.study_id, run.device_id))
    start_c = protocol.gate.start_c if shared is None or shared.start_c is None else shared.start_c
    if start_c is None:
        return None
    newest: list[RunRow] = []
    for soak in _soaks(session, run):
        if newest and soak.study_id != newest[0].study_id:
            break
        if _is_alike(soak, run, start_c):
            newest.append(soak)
    return min((onset_s for soak in newest if (onset_s := _heat_onset_s(soak)) is not None), default=None)


def ending_before(protocol: Protocol, onset_s: float | None) -> Protocol:
    """The protocol with its window bound to a known onset; None leaves it as it is."""
    if onset_s is None:
        return protocol
    return dataclasses.replace(protocol, window=dataclasses.replace(protocol.window, onset_s=onset_s))


def _soaks(session: Session, run: RunRow) -> list[RunRow]:
    """Valid sustained runs of the variant on the device that could have seen an onset, the newest study first."""
    query = (
        select(RunRow)
        .join(StudyRow, StudyRow.id == RunRow.study_id)
        .where(
            RunRow.device_id == run.device_id,
            RunRow.variant_id == run.variant_id,
            RunRow.state == RunState.DONE,
            RunRow.verdict == Verdict.VALID,
            RunRow.known_until_s.is_not(None),
            StudyRow.input_shape == run.study.input_shape,
        )
        .order_by(RunRow.study_id.desc(), RunRow.ended_at_s.desc())
        .limit(MOST_READ)
    )
    return list(session.scalars(query))


def _is_alike(soak: RunRow, run: RunRow, start_c: float) -> bool:
    """Whether a soak was as warm at its start, cooled alike, and loaded without a pause."""
    is_continuous = soak.study.protocol.get("pace") is None
    is_near = soak.start_c is not None and abs(soak.start_c - start_c) <= START_WITHIN_C
    return is_continuous and is_near and soak.labels is not None and _cooled(soak.labels) == _cooled(run.device.labels)


def _cooled(labels: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(labels.get(name) for name in HEAT_LABELS)


def _heat_onset_s(soak: RunRow) -> float | None:
    return soak.onset_s if soak.onset_cause == Cause.THERMAL.value and soak.onset_s else None
