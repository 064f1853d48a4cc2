# ruff: noqa: INP001 - Alembic loads this file by its path
"""The registry's state that a source was followed to. Only adds: the release before leaves the column at 0.

Revision ID: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column; 0 says that nothing is known yet."""
    op.add_column("feed_position", sa.Column("as_of_ms", sa.BigInteger, nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop the column."""
    with op.batch_alter_table("feed_position") as table:
        table.drop_column("as_of_ms")
