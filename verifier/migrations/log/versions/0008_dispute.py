# ruff: noqa: INP001 - Alembic loads this file by its path
"""Disputes about answers. Only adds: a worker of the release before goes on beside it.

Revision ID: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create the table of disputes."""
    op.create_table(
        "dispute",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("agency", sa.Text, nullable=False),
        sa.Column("request_id", sa.LargeBinary, nullable=False),
        sa.Column("order_digest", sa.LargeBinary, nullable=False),
        sa.Column("answer", sa.BigInteger, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("outcome", sa.SmallInteger, nullable=False),
        sa.Column("opened_ms", sa.BigInteger, nullable=False),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
        sa.Column("overdue_ms", sa.BigInteger),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("decision", sa.LargeBinary),
        sa.Column("signature", sa.LargeBinary),
        sa.Column("signer", sa.Text),
    )
    op.create_index("dispute_agency", "dispute", ["agency", "opened_ms"])
    op.create_index("dispute_due", "dispute", ["state", "due_ms"])
    op.create_index("dispute_answer", "dispute", ["answer"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("dispute")
