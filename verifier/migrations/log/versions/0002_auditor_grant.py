# ruff: noqa: INP001 - Alembic loads this file by its path
"""What auditors may read. Only adds: a worker of the release before goes on beside it.

Revision ID: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table of grants."""
    op.create_table(
        "auditor_grant",
        sa.Column("auditor", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("format", sa.SmallInteger, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("signer", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("activated_ms", sa.BigInteger, nullable=False),
        sa.CheckConstraint("status IN ('active', 'suspended', 'ended')", name="auditor_grant_status"),
    )


def downgrade() -> None:
    """Drop the table; auditors then read all again, as the release before lets them."""
    op.drop_table("auditor_grant")
