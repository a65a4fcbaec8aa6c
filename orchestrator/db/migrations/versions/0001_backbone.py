"""The backbone: devices, models, studies, runs, attempts, raw chunks, events."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

big_int = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "artifacts",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("format", sa.String(length=200), nullable=False),
        sa.Column("size_bytes", big_int, nullable=False),
        sa.Column("manifest", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("facts", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at_s", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifacts")),
    )
    op.create_table(
        "devices",
        sa.Column("id", big_int, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=True),
        sa.Column("host_key", sa.Text(), nullable=True),
        sa.Column("labels", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("machine_key", sa.String(length=200), nullable=False),
        sa.Column("serial", sa.String(length=200), nullable=True),
        sa.Column("board", sa.Text(), nullable=False),
        sa.Column("board_type", sa.String(length=200), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("probe", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("probed_at_s", sa.Double(), nullable=False),
        sa.Column("python", sa.Text(), nullable=False),
        sa.Column("bundle_hash", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=False),
        sa.Column("faults_in_row", big_int, nullable=False),
        sa.Column("unreachable_in_row", big_int, nullable=False),
        sa.Column("created_at_s", sa.Double(), nullable=False),
        sa.Column("last_seen_at_s", sa.Double(), nullable=True),
        sa.Column("last_temperature_c", sa.Double(), nullable=True),
        sa.Column("last_phase", sa.String(length=200), nullable=True),
        sa.Column("last_waiting_for", sa.Text(), nullable=False),
        sa.Column("last_served_at_s", sa.Double(), nullable=False),
        sa.Column("fence", big_int, nullable=False),
        sa.Column("lease_holder", sa.String(length=200), nullable=True),
        sa.Column("lease_expires_at_s", sa.Double(), nullable=False),
        sa.Column("next_attention_at_s", sa.Double(), nullable=True),
        sa.Column("wake_after_s", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint("name", name=op.f("uq_devices_name")),
    )
    op.create_index(op.f("ix_devices_next_attention_at_s"), "devices", ["next_attention_at_s"], unique=False)
    op.create_table(
        "farm",
        sa.Column("number", big_int, nullable=False),
        sa.Column("farm_id", sa.String(length=200), nullable=False),
        sa.Column("created_at_s", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_farm")),
    )
    op.create_table(
        "models",
        sa.Column("id", big_int, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at_s", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
        sa.UniqueConstraint("name", name=op.f("uq_models_name")),
    )
    op.create_table(
        "builds",
        sa.Column("id", big_int, nullable=False),
        sa.Column("model_id", big_int, nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("artifact_id", sa.String(length=64), nullable=False),
        sa.Column("is_baseline", sa.Boolean(), nullable=False),
        sa.Column("metrics", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at_s", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["artifact_id"], ["artifacts.id"], name=op.f("fk_builds_artifact_id_artifacts")),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_builds_model_id_models")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_builds")),
        sa.UniqueConstraint("model_id", "label", name=op.f("uq_builds_model_id_label")),
    )
    op.create_index(op.f("ix_builds_model_id"), "builds", ["model_id"], unique=False)
    op.create_table(
        "studies",
        sa.Column("id", big_int, nullable=False),
        sa.Column("model_id", big_int, nullable=False),
        sa.Column("protocol_name", sa.String(length=200), nullable=False),
        sa.Column("protocol", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("blocks", big_int, nullable=False),
        sa.Column("seed", big_int, nullable=False),
        sa.Column("priority", big_int, nullable=False),
        sa.Column("inputs", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("input_shape", sa.Text(), nullable=False),
        sa.Column("bundle_hash", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("created_at_s", sa.Double(), nullable=False),
        sa.Column("ended_at_s", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_studies_model_id_models")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studies")),
    )
    op.create_table(
        "study_devices",
        sa.Column("study_id", big_int, nullable=False),
        sa.Column("device_id", big_int, nullable=False),
        sa.Column("start_c", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_study_devices_device_id_devices")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_study_devices_study_id_studies")),
        sa.PrimaryKeyConstraint("study_id", "device_id", name=op.f("pk_study_devices")),
    )
    op.create_table(
        "variants",
        sa.Column("id", big_int, nullable=False),
        sa.Column("build_id", big_int, nullable=False),
        sa.Column("runtime", sa.String(length=200), nullable=False),
        sa.Column("threads", big_int, nullable=False),
        sa.Column("options", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("options_key", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["build_id"], ["builds.id"], name=op.f("fk_variants_build_id_builds")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_variants")),
        sa.UniqueConstraint(
            "build_id",
            "runtime",
            "threads",
            "options_key",
            name=op.f("uq_variants_build_id_runtime_threads_options_key"),
        ),
    )
    op.create_index(op.f("ix_variants_build_id"), "variants", ["build_id"], unique=False)
    op.create_table(
        "runs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("study_id", big_int, nullable=False),
        sa.Column("device_id", big_int, nullable=False),
        sa.Column("variant_id", big_int, nullable=False),
        sa.Column("block", big_int, nullable=False),
        sa.Column("position", big_int, nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("attempts_made", big_int, nullable=False),
        sa.Column("device_faults", big_int, nullable=False),
        sa.Column("invalid_results", big_int, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("verdict", sa.String(length=24), nullable=True),
        sa.Column("reasons", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("counted_attempt", big_int, nullable=True),
        sa.Column("started_at_s", sa.Double(), nullable=True),
        sa.Column("ended_at_s", sa.Double(), nullable=True),
        sa.Column("samples", big_int, nullable=True),
        sa.Column("median_ns", sa.Double(), nullable=True),
        sa.Column("mean_ns", sa.Double(), nullable=True),
        sa.Column("min_ns", sa.Double(), nullable=True),
        sa.Column("max_ns", sa.Double(), nullable=True),
        sa.Column("p90_ns", sa.Double(), nullable=True),
        sa.Column("p99_ns", sa.Double(), nullable=True),
        sa.Column("first_ns", sa.Double(), nullable=True),
        sa.Column("load_ns", sa.Double(), nullable=True),
        sa.Column("window_s", sa.Double(), nullable=True),
        sa.Column("peak_rss_bytes", big_int, nullable=True),
        sa.Column("start_c", sa.Double(), nullable=True),
        sa.Column("end_c", sa.Double(), nullable=True),
        sa.Column("max_c", sa.Double(), nullable=True),
        sa.Column("energy_j", sa.Double(), nullable=True),
        sa.Column("runtime_version", sa.String(length=200), nullable=True),
        sa.Column("analysis_version", big_int, nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_runs_device_id_devices")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_runs_study_id_studies")),
        sa.ForeignKeyConstraint(["variant_id"], ["variants.id"], name=op.f("fk_runs_variant_id_variants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index("ix_runs_device_id_state", "runs", ["device_id", "state"], unique=False)
    op.create_index("ix_runs_study_id_state", "runs", ["study_id", "state"], unique=False)
    op.create_index("ix_runs_variant_id_state", "runs", ["variant_id", "state"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("id", big_int, nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("number", big_int, nullable=False),
        sa.Column("device_id", big_int, nullable=False),
        sa.Column("machine_key", sa.String(length=200), nullable=True),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("cursor_byte", big_int, nullable=False),
        sa.Column("cursor_seq", big_int, nullable=False),
        sa.Column("opened_at_s", sa.Double(), nullable=False),
        sa.Column("started_at_s", sa.Double(), nullable=True),
        sa.Column("closed_at_s", sa.Double(), nullable=True),
        sa.Column("forgotten_at_s", sa.Double(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("claimed", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("environment", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("gate", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("loaded", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("ended", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("phases", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_attempts_device_id_devices")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_attempts_run_id_runs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
        sa.UniqueConstraint("run_id", "number", name=op.f("uq_attempts_run_id_number")),
    )
    op.create_index(
        "ix_attempts_one_open_per_device",
        "attempts",
        ["device_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('staging', 'started')"),
        postgresql_where=sa.text("state IN ('staging', 'started')"),
    )
    op.create_index(
        "ix_attempts_one_open_per_machine",
        "attempts",
        ["machine_key"],
        unique=True,
        sqlite_where=sa.text("state IN ('staging', 'started') AND machine_key IS NOT NULL"),
        postgresql_where=sa.text("state IN ('staging', 'started') AND machine_key IS NOT NULL"),
    )
    op.create_index(op.f("ix_attempts_run_id"), "attempts", ["run_id"], unique=False)
    op.create_table(
        "events",
        sa.Column("id", big_int, nullable=False),
        sa.Column("at_s", sa.Double(), nullable=False),
        sa.Column("kind", sa.String(length=200), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("device_id", big_int, nullable=True),
        sa.Column("study_id", big_int, nullable=True),
        sa.Column("run_id", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_events_device_id_devices"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_events_run_id_runs")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_events_study_id_studies")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_at_s"), "events", ["at_s"], unique=False)
    op.create_index(op.f("ix_events_study_id"), "events", ["study_id"], unique=False)
    op.create_table(
        "chunks",
        sa.Column("attempt_id", big_int, nullable=False),
        sa.Column("seq", big_int, nullable=False),
        sa.Column("kind", sa.String(length=200), nullable=False),
        sa.Column("count", big_int, nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name=op.f("fk_chunks_attempt_id_attempts")),
        sa.PrimaryKeyConstraint("attempt_id", "seq", name=op.f("pk_chunks")),
    )


def downgrade() -> None:
    """Drop them all."""
    op.drop_table("chunks")
    op.drop_index(op.f("ix_events_study_id"), table_name="events")
    op.drop_index(op.f("ix_events_at_s"), table_name="events")
    op.drop_table("events")
    op.drop_index(op.f("ix_attempts_run_id"), table_name="attempts")
    op.drop_index(
        "ix_attempts_one_open_per_machine",
        table_name="attempts",
        sqlite_where=sa.text("state IN ('staging', 'started') AND machine_key IS NOT NULL"),
        postgresql_where=sa.text("state IN ('staging', 'started') AND machine_key IS NOT NULL"),
    )
    op.drop_index(
        "ix_attempts_one_open_per_device",
        table_name="attempts",
        sqlite_where=sa.text("state IN ('staging', 'started')"),
        postgresql_where=sa.text("state IN ('staging', 'started')"),
    )
    op.drop_table("attempts")
    op.drop_index("ix_runs_variant_id_state", table_name="runs")
    op.drop_index("ix_runs_study_id_state", table_name="runs")
    op.drop_index("ix_runs_device_id_state", table_name="runs")
    op.drop_table("runs")
    op.drop_index(op.f("ix_variants_build_id"), table_name="variants")
    op.drop_table("variants")
    op.drop_table("study_devices")
    op.drop_table("studies")
    op.drop_index(op.f("ix_builds_model_id"), table_name="builds")
    op.drop_table("builds")
    op.drop_table("models")
    op.drop_table("farm")
    op.drop_index(op.f("ix_devices_next_attention_at_s"), table_name="devices")
    op.drop_table("devices")
    op.drop_table("artifacts")
