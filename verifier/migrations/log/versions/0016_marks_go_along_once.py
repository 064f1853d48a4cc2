# ruff: noqa: INP001 - Alembic loads this file by its path
"""What lets marks go along with a number once: how old a mark is, and whom it went to. Only adds.

Revision ID: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "mark_place",
        sa.Column("tombstone", sa.LargeBinary, primary_key=True),
        sa.Column("mark", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("as_of_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "mark_carried",
        sa.Column("tombstone", sa.LargeBinary, primary_key=True),
        sa.Column("mark", sa.Text, primary_key=True),
        sa.Column("other", sa.LargeBinary, primary_key=True),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.Column("parted", sa.SmallInteger, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("as_of_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("mark_carried_other", "mark_carried", ["other"])


def downgrade() -> None:
    """Drop them; marks then go along with every change again."""
    op.drop_index("mark_carried_other", "mark_carried")
    op.drop_table("mark_carried")
    op.drop_table("mark_place")
