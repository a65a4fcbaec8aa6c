"""What controlled measuring remembers: start groups, forecasts, canaries, wanted intervals, steadiness."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COLUMNS = {
    "devices": (
        sa.Column("ready_at_s", sa.Double(), nullable=True),
        sa.Column("needs_canary", sa.Boolean(), nullable=False, server_default=sa.false()),
    ),
    "studies": (
        sa.Column("kind", sa.String(24), nullable=False, server_default="submitted"),
        sa.Column("until_ci", sa.Double(), nullable=True),
        sa.Column("max_blocks", BIG, nullable=True),
    ),
    "study_devices": (
        sa.Column("start_group", BIG, nullable=False, server_default="0"),
        sa.Column("gate_timeouts_in_row", BIG, nullable=False, server_default="0"),
        sa.Column("idle_c", sa.Double(), nullable=True),
        sa.Column("tau_s", sa.Double(), nullable=True),
    ),
    "runs": (
        sa.Column("start_group", BIG, nullable=False, server_default="0"),
        sa.Column("steadiness", sa.String(200), nullable=True),
        sa.Column("segments", BIG, nullable=True),
        sa.Column("missed_deadlines", BIG, nullable=True),
        sa.Column("ambient_c", sa.Double(), nullable=True),
    ),
}


def upgrade() -> None:
    """Add the columns; what was measured before belongs to the first start group of a submitted study."""
    for table, columns in COLUMNS.items():
        for column in columns:
            op.add_column(table, column)


def downgrade() -> None:
    """Drop the columns."""
    for table, columns in COLUMNS.items():
        for column in columns:
            op.drop_column(table, column.name)
