"""Searches for the highest rate that a board holds: what is sought, and what each step is and showed."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

COLUMNS = {
    "studies": (sa.Column("search", sa.JSON(none_as_null=True), nullable=True),),
    "runs": (
        sa.Column("rate_per_s", sa.Double(), nullable=True),
        sa.Column("step_s", sa.Double(), nullable=True),
        sa.Column("step", sa.JSON(none_as_null=True), nullable=True),
    ),
}


def upgrade() -> None:
    """Add the columns; what was measured before has the rate of its protocol, if any."""
    for table, columns in COLUMNS.items():
        for column in columns:
            op.add_column(table, column)


def downgrade() -> None:
    """Drop the columns."""
    for table, columns in COLUMNS.items():
        for column in columns:
            op.drop_column(table, column.name)
