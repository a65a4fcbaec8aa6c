"""When a device's next attention was noted: a note from the future tells that the clock has stepped back."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of marks that exist it is not known."""
    op.add_column("devices", sa.Column("attention_noted_at_s", sa.Double(), nullable=True))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("devices", "attention_noted_at_s")
