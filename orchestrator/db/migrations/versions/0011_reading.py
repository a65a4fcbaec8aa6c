"""What pages ask a large farm for is found at once: the newest runs, a model's studies, and where runs are."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the indices."""
    op.create_index(op.f("ix_studies_model_id"), "studies", ["model_id"])
    op.create_index(op.f("ix_runs_started_at_s"), "runs", ["started_at_s"])
    op.create_index(op.f("ix_runs_places"), "runs", ["study_id", "device_id", "state", "ended_at_s"])


def downgrade() -> None:
    """Do without them."""
    op.drop_index(op.f("ix_runs_places"), "runs")
    op.drop_index(op.f("ix_runs_started_at_s"), "runs")
    op.drop_index(op.f("ix_studies_model_id"), "studies")
