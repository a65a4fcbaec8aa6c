"""When the baseline of a device's canaries was begun anew."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Every device's baseline begins with its first canary."""
    op.add_column("devices", sa.Column("canaries_from_s", sa.Double(), nullable=True))


def downgrade() -> None:
    """Forget what was reset."""
    op.drop_column("devices", "canaries_from_s")
