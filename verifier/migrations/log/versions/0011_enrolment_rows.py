# ruff: noqa: INP001 - Alembic loads this file by its path
"""Members of enrolment sets, and who asked about a class. Only adds: a worker of the release before goes on beside it.

Revision ID: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
_TABLES = ("enrolment_row", "asked_row")


def upgrade() -> None:
    """Create the tables."""
    for name in _TABLES:
        op.create_table(
            name,
            sa.Column("name", sa.LargeBinary, primary_key=True),
            sa.Column("box", sa.LargeBinary, nullable=False),
            sqlite_with_rowid=False,
        )


def downgrade() -> None:
    """Drop the tables."""
    for name in _TABLES:
        op.drop_table(name)
