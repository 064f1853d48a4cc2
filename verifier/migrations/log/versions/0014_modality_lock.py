# ruff: noqa: INP001 - Alembic loads this file by its path
"""Locks of one modality, which a resident asked for. Only adds.

Revision ID: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "modality_lock",
        sa.Column("tombstone", sa.LargeBinary, primary_key=True),
        sa.Column("modality", sa.Text, primary_key=True),
        sa.Column("handle", sa.LargeBinary, nullable=False),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("modality_lock")
