# ruff: noqa: INP001 - Alembic loads this file by its path
"""Marks on residents' numbers: erased, restricted, locked. Only adds.

A worker of the release before does not know them: stop the old ones before the first mark is set.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table of marks."""
    op.create_table(
        "resident_mark",
        sa.Column("tombstone", sa.LargeBinary, primary_key=True),
        sa.Column("mark", sa.Text, primary_key=True),
        sa.Column("handle", sa.LargeBinary, nullable=False),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.Column("purged_ms", sa.BigInteger),
        sa.CheckConstraint("mark IN ('erased', 'restricted', 'locked')", name="resident_mark_name"),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("resident_mark")
