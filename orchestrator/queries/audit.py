"""The audit log, newest first."""

from dataclasses import dataclass

from sqlalchemy import select

from orchestrator.db.session import Database
from orchestrator.db.tables import AuditRow


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditView:
    """One line: who did what to which thing, in which role, and what came of it."""

    at_s: float
    who: str
    role: str
    action: str
    target: str
    outcome: str
    message: str


def list_audit(database: Database, limit: int = 100) -> tuple[AuditView, ...]:
    """What was changed last, or was refused to be."""
    query = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
    with database.read() as session:
        return tuple(
            AuditView(
                at_s=row.at_s,
                who=row.who,
                role=row.role,
                action=row.action,
                target=row.target,
                outcome=row.outcome,
                message=row.message,
            )
            for row in session.scalars(query)
        )
