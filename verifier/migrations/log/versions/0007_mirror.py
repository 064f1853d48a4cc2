# ruff: noqa: INP001 - Alembic loads this file by its path
"""Where the log is mirrored to, on SQLite. Only adds: a worker of the release before goes on beside it, unmirrored.

Revision ID: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the table of the mirror."""
    if op.get_bind().dialect.name == "sqlite":
        op.create_table(
            "mirror",
            sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
            sa.Column("folder", sa.Text, nullable=False),
            sa.Column("name", sa.LargeBinary, nullable=False),
            sa.Column("serial", sa.BigInteger, nullable=False),
            sa.Column("place", sa.BigInteger, nullable=False),
        )


def downgrade() -> None:
    """Drop the table."""
    if op.get_bind().dialect.name == "sqlite":
        op.drop_table("mirror")
