# ruff: noqa: INP001 - Alembic loads this file by its path
"""Rotations of the outer keys, and the changes that their other epoch has yet to take. Only adds.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "rotation",
        sa.Column("target", sa.Integer, sa.ForeignKey("epoch.number"), primary_key=True, autoincrement=False),
        sa.Column("source", sa.Integer, sa.ForeignKey("epoch.number"), nullable=False),
        sa.Column("live", sa.SmallInteger, unique=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("operator", sa.Text, nullable=False),
        sa.Column("parts", sa.Integer, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("rate", sa.Integer, nullable=False),
        sa.Column("begun_ms", sa.BigInteger, nullable=False),
        sa.Column("moved_ms", sa.BigInteger),
        sa.Column("sampled_ms", sa.BigInteger),
        sa.Column("flipped_ms", sa.BigInteger),
        sa.Column("until_ms", sa.BigInteger),
        sa.Column("ended_ms", sa.BigInteger),
        sa.CheckConstraint(
            "state IN ('moving', 'ready', 'flipped', 'finishing', 'finished', 'abandoned')",
            name="rotation_state",
        ),
        sa.CheckConstraint("live = 1", name="rotation_single"),
    )
    op.create_table(
        "rotation_change",
        sa.Column("epoch", sa.Integer, sa.ForeignKey("epoch.number"), primary_key=True, autoincrement=False),
        sa.Column("token", sa.LargeBinary, primary_key=True),
        sa.Column("serial", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("rotation_change")
    op.drop_table("rotation")
