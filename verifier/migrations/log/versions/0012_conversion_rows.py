# ruff: noqa: INP001 - Alembic loads this file by its path
"""Tokens on their way to another domain. Only adds: a worker of the release before goes on beside it.

Revision ID: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "conversion_row",
        sa.Column("name", sa.LargeBinary, primary_key=True),
        sa.Column("box", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("conversion_row")
