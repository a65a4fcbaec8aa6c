"""Whatever a page changes. Each goes through `_act`: it asks anew who looks, refuses viewers, and writes the audit log.

These are the functions that the command line calls. No other module of the dashboard may use them
(tests/test_import_rules.py), so no page can forget to ask. Raises `ForbiddenError` for a viewer, otherwise what the
function itself raises.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import streamlit as st

from dashboard import access, data
from orchestrator import audit, catalog, studies
from orchestrator.boards import fleet, preparing
from orchestrator.boards.doctor import Checkup
from orchestrator.catalog import NewBuild
from orchestrator.doorbell import ring
from orchestrator.errors import SpecError
from orchestrator.farm import Farm
from orchestrator.transport.address import SshAddress
from orchestrator.transport.ssh import scan_host_key

T = TypeVar("T")
LEAST_COMMENT = 3


def submit_study(submission: studies.Submission) -> int:
    """Store a study and ring for its devices; its number."""
    found = _act("study submit", submission.model, lambda farm: studies.submit(farm.database, submission))
    _ring()
    return found


def cancel_study(study: int) -> int:
    """Cancel a study; how many runs that ended."""
    found = _act("study cancel", f"study {study}", lambda farm: studies.cancel(farm.database, study))
    _ring()
    return found


def retry_study(study: int, *, abandon: bool) -> int:
    """Queue what failed, was cancelled or is invalid again; how many runs. `abandon`: give up open attempts first."""

    def work(farm: Farm) -> int:
        if abandon:
            studies.abandon(farm.database, study)
        return studies.retry(farm.database, study)

    found = _act("study retry", f"study {study}" + (", abandoning open attempts" if abandon else ""), work)
    _ring()
    return found


def prioritise_study(study: int, priority: int) -> None:
    """Move a study before or behind others."""
    _act(
        "study priority",
        f"study {study}: {priority}",
        lambda farm: studies.prioritise(farm.database, study, priority),
    )


def drain_device(name: str, comment: str) -> None:
    """Give a device no further work."""
    _act("device drain", f"{name}: {comment}", lambda farm: fleet.drain(farm.database, name, _said(comment)))


def quarantine_device(name: str, comment: str) -> None:
    """Take a device for sick."""
    _act("device quarantine", f"{name}: {comment}", lambda farm: fleet.quarantine(farm.database, name, _said(comment)))


def resume_device(name: str, comment: str) -> None:
    """Give a device work again."""
    _act("device resume", f"{name}: {comment}", lambda farm: fleet.resume(farm.database, name, _said(comment)))
    _ring()


def examine_device(name: str) -> Checkup:
    """What stands in the way of good figures on a device; speaks to its board."""
    return _act("device doctor", name, lambda farm: preparing.examine(farm, name))


def look_at_host_key(address: str) -> str:
    """The fingerprint of the host key that a board shows, for a person to compare; nothing is stored."""
    parsed = SshAddress.parse(address)
    return _act("device look", str(parsed), lambda _: scan_host_key(parsed)).fingerprint


def add_device(
    name: str, address: str, labels: Mapping[str, str], fingerprint: str, tell: Callable[[str, str], None]
) -> None:
    """Register a board whose host key has the fingerprint that a person has confirmed; takes minutes."""
    new = fleet.NewBoard(name=name, address=address, labels=labels)

    def work(farm: Farm) -> None:
        host_key = fleet.accept_host_key(new.parsed_address, fingerprint, lambda _: False)
        fleet.add_board(farm, new, host_key, progress=tell)

    _act("device add", f"{name}: {address}, {fingerprint}", work)
    _ring()


def add_this_machine(name: str, tell: Callable[[str, str], None]) -> None:
    """Register the machine that this dashboard runs on."""
    _act("device add", f"{name}: this machine", lambda farm: fleet.add_local(farm, name, {}, progress=tell))
    _ring()


def add_model(name: str, builds: Sequence[NewBuild]) -> list[str]:
    """Register files as variants of a model; the labels that are new."""
    labels = ", ".join(build.label for build in builds)
    return _act("model add", f"{name}: {labels}", lambda farm: catalog.add_model(farm, name, builds))


def _act(action: str, target: str, work: Callable[[Farm], T]) -> T:
    farm = data.open_farm_of(data.database_url())
    try:
        return audit.act(farm.database, access.visitor(), action, target, lambda: work(farm))
    finally:
        st.cache_data.clear()


def _ring() -> None:
    ring(data.open_farm_of(data.database_url()))


def _said(comment: str) -> str:
    said = " ".join(comment.split())
    if len(said) < LEAST_COMMENT:
        raise SpecError("comment: say why, in a few words; whoever comes next reads it beside the device")
    return said
