"""SQL: tables, sessions and migrations. SQLite by default, PostgreSQL by URL; the same schema on both."""
