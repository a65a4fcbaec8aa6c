"""The audit log: who changed what, when, and what came of it. Lines are added and never changed.

`act` is the only way by which the dashboard changes anything. The line is written after the deed: of one that was cut
off by a power failure, the diary (`events`) tells, in the deed's own transaction.
"""

import enum
import os
import pwd
from collections.abc import Callable
from typing import TypeVar

from orchestrator.access import Role, Visitor
from orchestrator.db.session import Database
from orchestrator.db.tables import AuditRow
from orchestrator.errors import ForbiddenError
from orchestrator.events import log

T = TypeVar("T")
LONGEST_NAME = 200


class Outcome(enum.StrEnum):
    """What came of a deed."""

    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"


def act(database: Database, visitor: Visitor | None, action: str, target: str, work: Callable[[], T]) -> T:
    """What `work` returns, done for a visitor who may; whatever comes of it is written down.

    Raises `ForbiddenError`, before anything is done, for a viewer and for somebody who has not signed in.
    """
    if visitor is None or not visitor.may_act:
        who = visitor or Visitor(name="somebody not signed in", role=Role.VIEWER)
        write(database, who, action, target, Outcome.REFUSED)
        raise ForbiddenError(f"{action}: it takes an operator, and {who.name} is none; sign in as one")
    try:
        result = work()
    except BaseException as error:
        write(database, visitor, action, target, Outcome.FAILED, str(error) or type(error).__name__)
        raise
    write(database, visitor, action, target, Outcome.DONE)
    return result


def write(
    database: Database, who: Visitor, action: str, target: str, outcome: Outcome = Outcome.DONE, message: str = ""
) -> None:
    """Add a line to the log."""
    name = who.name[:LONGEST_NAME]
    row = AuditRow(who=name, role=who.role.value, action=action, target=target, outcome=outcome.value, message=message)
    with database.write() as session:
        session.add(row)
    log.info("audit", who=name, role=who.role.value, action=action, target=target, outcome=outcome.value)


def user_here() -> Visitor:
    """Whoever runs this process: at the command line everybody is an operator."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run as a user without a name
        name = str(os.getuid())
    return Visitor(name=f"cli:{name}", role=Role.OPERATOR)
