# ruff: noqa: INP001 - Alembic loads this file by its path
"""Rotations of the inner keys: numbers by both of their tokens, and what the new epoch lacks of a feed. Only adds.

Revision ID: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the columns and the tables."""
    op.add_column("rotation", sa.Column("kind", sa.Text, nullable=False, server_default="outer"))
    op.add_column("rotation", sa.Column("missing", sa.BigInteger))
    op.add_column("rotation", sa.Column("untaken", sa.BigInteger, nullable=False, server_default="0"))
    op.create_table(
        "rotation_pair",
        sa.Column("target", sa.LargeBinary, primary_key=True),
        sa.Column("source", sa.LargeBinary, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("box", sa.LargeBinary),
    )
    op.create_index("ix_rotation_pair_source", "rotation_pair", ["source"])
    op.create_table(
        "rotation_behind",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables and the columns."""
    op.drop_table("rotation_behind")
    op.drop_index("ix_rotation_pair_source", "rotation_pair")
    op.drop_table("rotation_pair")
    for name in ("untaken", "missing", "kind"):
        op.drop_column("rotation", name)
