# ruff: noqa: INP001 - Alembic loads this file by its path
"""The vault's first schema.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the catalogue of epochs."""
    op.create_table(
        "epoch",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("format", sa.SmallInteger, nullable=False),
        sa.Column("registry", sa.Text, nullable=False),
        sa.Column("as_of_ms", sa.BigInteger, nullable=False),
        sa.Column("key_ids", sa.Text, nullable=False),
        sa.Column("normaliser", sa.Text, nullable=False),
        sa.Column("suite", sa.Text, nullable=False),
        sa.Column("decoys", sa.Integer, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("box_size", sa.Integer, nullable=False),
        sa.CheckConstraint(
            "state IN ('loading', 'ready', 'active', 'retired', 'dropped')", name="epoch_state"
        ),
    )
    active = sa.text("state = 'active'")
    op.create_index(
        "epoch_one_active", "epoch", ["state"], unique=True, sqlite_where=active, postgresql_where=active
    )


def downgrade() -> None:
    """Drop the catalogue; the epochs' own tables or files stay."""
    op.drop_table("epoch")
