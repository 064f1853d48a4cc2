# ruff: noqa: INP001 - Alembic loads this file by its path
"""Indexes for what is asked about a million disputes and erased residents. Only adds.

Revision ID: 0015
"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"

_INDEXES = (
    ("dispute_opened", "dispute", ["opened_ms"]),
    ("dispute_settled", "dispute", ["state", "changed_ms"]),
    ("dispute_unresolved", "dispute", ["agency", "state"]),
    ("resident_mark_handle", "resident_mark", ["handle"]),
)


def upgrade() -> None:
    """Make the indexes."""
    for name, table, columns in _INDEXES:
        op.create_index(name, table, columns)


def downgrade() -> None:
    """Drop the indexes."""
    for name, table, _ in _INDEXES:
        op.drop_index(name, table)
