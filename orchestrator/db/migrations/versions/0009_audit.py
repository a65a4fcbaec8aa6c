"""Who changed what; and the newest attempt of a device is found at once."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and the indices."""
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at_s", sa.Double(), nullable=False),
        sa.Column("who", sa.String(200), nullable=False),
        sa.Column("role", sa.String(200), nullable=False),
        sa.Column("action", sa.String(200), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(200), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_at_s"), "audit", ["at_s"])
    op.create_index(op.f("ix_attempts_device_id_id"), "attempts", ["device_id", "id"])


def downgrade() -> None:
    """Forget who changed what."""
    op.drop_index(op.f("ix_attempts_device_id_id"), "attempts")
    op.drop_index(op.f("ix_audit_at_s"), "audit")
    op.drop_table("audit")
