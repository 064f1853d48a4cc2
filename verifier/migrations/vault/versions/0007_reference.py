# ruff: noqa: INP001 - Alembic loads this file by its path
"""Biometric references, and how far files of them were loaded. Only adds.

Revision ID: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "reference_slot",
        sa.Column("epoch", sa.Integer, sa.ForeignKey("epoch.number"), primary_key=True, autoincrement=False),
        sa.Column("slot", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("sealed", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "reference",
        sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("slot", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("token", sa.LargeBinary, primary_key=True),
        sa.Column("box", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "reference_load",
        sa.Column("file", sa.LargeBinary, primary_key=True),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("stored", sa.BigInteger, nullable=False),
        sa.Column("rejected", sa.BigInteger, nullable=False),
        sa.Column("begun_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_ms", sa.BigInteger),
    )
    op.create_table(
        "reference_extractor",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        # In line with its key, as an epoch's boxes are, so that each look-up reads one row and nothing else.
        op.execute("ALTER TABLE reference ALTER box SET STORAGE PLAIN")


def downgrade() -> None:
    """Drop the tables: every reference must be loaded again then."""
    for name in ("reference_extractor", "reference_load", "reference", "reference_slot"):
        op.drop_table(name)
