# ruff: noqa: INP001 - Alembic loads this file by its path
"""Capture devices whose word on a capture is believed. Only adds: a worker of the release before goes on beside it.

Revision ID: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "capture_device",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("agency", sa.Text, sa.ForeignKey("agency.id"), nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("pad_level", sa.SmallInteger, nullable=False),
        sa.Column("added_ms", sa.BigInteger, nullable=False),
        sa.Column("revoked_ms", sa.BigInteger),
        sa.CheckConstraint("pad_level BETWEEN 0 AND 3", name="capture_device_pad_level"),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("capture_device")
