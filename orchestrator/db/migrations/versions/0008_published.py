"""Results of others, imported to be shown beside what the farm measures."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "published",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("variant", sa.String(200), nullable=False),
        sa.Column("runtime", sa.String(200), nullable=False),
        sa.Column("board_type", sa.String(200), nullable=False),
        sa.Column("regime", sa.String(200), nullable=False),
        sa.Column("latency_ns", sa.Double(), nullable=False),
        sa.Column("metrics", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("added_at_s", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_published")),
        sa.UniqueConstraint(
            "source", "model", "variant", "runtime", name=op.f("uq_published_source_model_variant_runtime")
        ),
    )


def downgrade() -> None:
    """Forget what others published."""
    op.drop_table("published")
