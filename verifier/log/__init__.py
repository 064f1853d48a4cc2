"""The log's store: entries, budgets, stored answers; the same promises on SQLite and on PostgreSQL."""
