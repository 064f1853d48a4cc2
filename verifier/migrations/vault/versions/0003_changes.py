# ruff: noqa: INP001 - Alembic loads this file by its path
"""Changes to a loaded epoch. Only adds: a worker of the release before goes on with what was loaded.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables of layers and of feed positions."""
    op.create_table(
        "epoch_layer",
        sa.Column("epoch", sa.Integer, sa.ForeignKey("epoch.number"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "feed_position",
        sa.Column("epoch", sa.Integer, sa.ForeignKey("epoch.number"), primary_key=True),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop both; an epoch that was changed must be loaded again then."""
    op.drop_table("feed_position")
    op.drop_table("epoch_layer")
