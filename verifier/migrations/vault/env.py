# ruff: noqa: INP001 - Alembic loads this file by its path
"""Runs the migrations of the vault database over a connection that verifier.migrations hands in."""

from __future__ import annotations

from alembic import context

from verifier.migrations import Tree
from verifier.schema import vault_metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=vault_metadata,
    version_table=Tree.VAULT.version_table,
    transactional_ddl=True,
)
context.run_migrations()
