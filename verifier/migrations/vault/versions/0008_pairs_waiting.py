# ruff: noqa: INP001 - Alembic loads this file by its path
"""An index of the rows that the other epoch of an inner rotation has yet to take. Only adds.

Revision ID: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the index."""
    waits = sa.text("box IS NOT NULL")
    op.create_index(
        "rotation_pair_waiting", "rotation_pair", ["target"], sqlite_where=waits, postgresql_where=waits
    )


def downgrade() -> None:
    """Drop the index."""
    op.drop_index("rotation_pair_waiting", "rotation_pair")
