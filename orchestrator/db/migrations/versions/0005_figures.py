"""What sustained runs show of their boards, and the onset that a burst was told to end before."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COLUMNS = {
    "runs": (
        sa.Column("onset_s", sa.Double(), nullable=True),
        sa.Column("known_until_s", sa.Double(), nullable=True),
        sa.Column("onset_cause", sa.String(200), nullable=True),
        sa.Column("settled_ms", sa.Double(), nullable=True),
        sa.Column("sustained_ratio", sa.Double(), nullable=True),
        sa.Column("stability", sa.Double(), nullable=True),
        sa.Column("settled_c", sa.Double(), nullable=True),
        sa.Column("cooling_tau_s", sa.Double(), nullable=True),
        sa.Column("throttled_s", sa.Double(), nullable=True),
    ),
    "attempts": (sa.Column("known_onset_s", sa.Double(), nullable=True),),
}


def upgrade() -> None:
    """Add the columns; `pifarm recompute` fills them for what was measured before."""
    for table, columns in COLUMNS.items():
        for column in columns:
            op.add_column(table, column)


def downgrade() -> None:
    """Drop the columns."""
    for table, columns in COLUMNS.items():
        for column in columns:
            op.drop_column(table, column.name)
