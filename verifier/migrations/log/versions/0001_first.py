# ruff: noqa: INP001 - Alembic loads this file by its path
"""The log's first schema.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table."""
    row_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "entry",
        sa.Column("sequence", row_number, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Integer, nullable=False),
        sa.Column("agency", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("outcome", sa.SmallInteger, nullable=False),
        sa.Column("log_time_ms", sa.BigInteger, nullable=False),
        sa.Column("entry", sa.LargeBinary, nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("leaf", sa.LargeBinary, nullable=False),
    )
    op.create_index("entry_agency", "entry", ["agency", "sequence"])
    op.create_table(
        "counter",
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("value", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    _create_directory()
    if op.get_bind().dialect.name == "sqlite":
        _create_for_sqlite()
    else:
        _create_for_postgresql()


def _create_for_sqlite() -> None:
    op.create_table(
        "kept_answer",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "replay_place",
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("value", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    for name in ("counter_change", "replay_place_change"):
        op.create_table(
            name,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("day", sa.Integer, nullable=False),
            sa.Column("changes", sa.LargeBinary, nullable=False),
        )


def _create_for_postgresql() -> None:
    op.create_table(
        "replay",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    # Sealed bytes do not compress, and a counter is rewritten often enough to want room beside it.
    op.execute("ALTER TABLE replay ALTER body SET STORAGE EXTERNAL")
    op.execute("ALTER TABLE entry ALTER entry SET STORAGE EXTERNAL")
    op.execute("ALTER TABLE counter SET (fillfactor = 70)")


def _create_directory() -> None:
    op.create_table(
        "agency",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("revoked_ms", sa.BigInteger),
    )
    op.create_table(
        "certificate",
        sa.Column("serial", sa.Text, primary_key=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("not_before_ms", sa.BigInteger, nullable=False),
        sa.Column("not_after_ms", sa.BigInteger, nullable=False),
        sa.Column("revoked_ms", sa.BigInteger),
    )
    op.create_index("certificate_holder", "certificate", ["role", "holder"])
    op.create_table(
        "agreement",
        sa.Column("agency", sa.Text, sa.ForeignKey("agency.id"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("signer", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("activated_ms", sa.BigInteger),
        sa.CheckConstraint("status IN ('draft', 'active', 'suspended', 'ended')", name="agreement_status"),
    )
    op.create_table(
        "setting",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    generation = op.create_table(
        "generation",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.CheckConstraint("id = 1", name="generation_single"),
    )
    op.bulk_insert(generation, [{"id": 1, "value": 0}])


def downgrade() -> None:
    """Drop every table; what they held is lost."""
    for table in ("generation", "setting", "agreement", "certificate", "agency", "counter", "entry"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "sqlite":
        for table in ("kept_answer", "replay_place", "counter_change", "replay_place_change"):
            op.drop_table(table)
    else:
        op.drop_table("replay")
