"""A study as files for other people's tools: tidy CSV and Parquet, a manifest, and how it was measured in words.

`columns` says what each table holds and in which unit, `rows` makes rows of what the read door gives (pure), `files`
writes tables and folders, `study` puts a whole study together.
"""

from orchestrator.export.columns import SCHEMA_VERSION, TABLES, Column
from orchestrator.export.study import export_study

__all__ = ["SCHEMA_VERSION", "TABLES", "Column", "export_study"]
