"""The vault's store: one table of sealed people an epoch; the same promises on SQLite and on PostgreSQL."""
