# ruff: noqa: INP001 - Alembic loads this file by its path
"""Which ceremonies were executed. Only adds: a worker of the release before goes on beside it.

Revision ID: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table of ceremonies."""
    op.create_table(
        "ceremony",
        sa.Column("id", sa.LargeBinary, primary_key=True),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("proposal", sa.LargeBinary, nullable=False),
        sa.Column("executed_ms", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("ceremony")
