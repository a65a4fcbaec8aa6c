"""What a run was measured under: its device's labels, and how warm its room was by whose word."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

COLUMNS = {
    "devices": (
        sa.Column("ambient_c", sa.Double(), nullable=True),
        sa.Column("ambient_at_s", sa.Double(), nullable=True),
        sa.Column("ambient_until_s", sa.Double(), nullable=True),
    ),
    "studies": (sa.Column("ambient_c", sa.Double(), nullable=True),),
    "runs": (
        sa.Column("labels", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("ambient_source", sa.String(24), nullable=True),
    ),
}


def upgrade() -> None:
    """Add the columns; runs get what is known of them.

    Until now no command could change labels, so a device still has those of its runs; only thermometers told rooms.
    """
    for table, columns in COLUMNS.items():
        for column in columns:
            op.add_column(table, column)
    op.execute(
        "UPDATE runs SET labels = (SELECT devices.labels FROM devices WHERE devices.id = runs.device_id) "
        "WHERE started_at_s IS NOT NULL"
    )
    op.execute("UPDATE runs SET ambient_source = 'sensor' WHERE ambient_c IS NOT NULL")


def downgrade() -> None:
    """Drop the columns; a room that nobody measured is not known again."""
    op.execute("UPDATE runs SET ambient_c = NULL WHERE ambient_source <> 'sensor'")
    for table, columns in COLUMNS.items():
        for column in columns:
            op.drop_column(table, column.name)
