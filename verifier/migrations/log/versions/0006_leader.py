# ruff: noqa: INP001 - Alembic loads this file by its path
"""Who leads. Only adds: a worker of the release before goes on beside it, and leads nothing.

Revision ID: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the leader's row, in which nobody leads yet."""
    leader = op.create_table(
        "leader",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("term", sa.BigInteger, nullable=False, unique=True),
        sa.Column("holder", sa.LargeBinary, nullable=False),
        sa.Column("heartbeat_ms", sa.BigInteger, nullable=False),
        sa.CheckConstraint("id = 1", name="leader_single"),
    )
    op.bulk_insert(leader, [{"id": 1, "term": 0, "holder": b"", "heartbeat_ms": 0}])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("leader")
