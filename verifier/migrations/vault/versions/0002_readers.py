# ruff: noqa: INP001 - Alembic loads this file by its path
"""Which releases may work with the database. Only adds: a worker of the release before goes on beside it.

Revision ID: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table of readers; the upgrade itself fills it."""
    op.create_table("vault_reader", sa.Column("version", sa.Text, primary_key=True))


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("vault_reader")
