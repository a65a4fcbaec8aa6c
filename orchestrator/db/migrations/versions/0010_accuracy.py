"""Data sets, what accuracy studies ask of them, and how right the answers were; what a model's outputs mean."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True)


def upgrade() -> None:
    """Make the tables and the column."""
    op.add_column("models", sa.Column("task", JSON, nullable=True))
    op.create_table(
        "datasets",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(200), nullable=False),
        sa.Column("artifact_id", sa.String(64), nullable=False),
        sa.Column("truth_id", sa.String(64), nullable=False),
        sa.Column("examples", NUMBER, nullable=False),
        sa.Column("objects", NUMBER, nullable=True),
        sa.Column("classes", JSON, nullable=False),
        sa.Column("created_at_s", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["artifact_id"], ["artifacts.id"], name=op.f("fk_datasets_artifact_id_artifacts")),
        sa.ForeignKeyConstraint(["truth_id"], ["artifacts.id"], name=op.f("fk_datasets_truth_id_artifacts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datasets")),
        sa.UniqueConstraint("name", name=op.f("uq_datasets_name")),
    )
    op.create_table(
        "evaluations",
        sa.Column("study_id", NUMBER, nullable=False),
        sa.Column("dataset_id", NUMBER, nullable=False),
        sa.Column("task", JSON, nullable=True),
        sa.Column("seed", NUMBER, nullable=False),
        sa.Column("count", NUMBER, nullable=False),
        sa.Column("examples", JSON, nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_evaluations_study_id_studies")),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], name=op.f("fk_evaluations_dataset_id_datasets")),
        sa.PrimaryKeyConstraint("study_id", name=op.f("pk_evaluations")),
    )
    op.create_table(
        "scores",
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("dataset_id", NUMBER, nullable=False),
        sa.Column("examples", NUMBER, nullable=False),
        sa.Column("seed", NUMBER, nullable=False),
        sa.Column("metrics", JSON, nullable=False),
        sa.Column("details", JSON, nullable=False),
        sa.Column("scored_at_s", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_scores_run_id_runs")),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], name=op.f("fk_scores_dataset_id_datasets")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_scores")),
    )
    op.create_index(op.f("ix_scores_dataset_id"), "scores", ["dataset_id"])


def downgrade() -> None:
    """Forget data sets and scores."""
    op.drop_index(op.f("ix_scores_dataset_id"), "scores")
    for table in ("scores", "evaluations", "datasets"):
        op.drop_table(table)
    op.drop_column("models", "task")
