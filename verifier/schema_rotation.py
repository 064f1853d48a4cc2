"""The tables of the vault database that hold rotations and what they have noted, beside those of `verifier.schema`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
)

from verifier.metadata import vault_metadata

rotation = Table(
    "rotation",
    vault_metadata,
    Column("target", Integer, ForeignKey("epoch.number"), primary_key=True, autoincrement=False),
    Column("source", Integer, ForeignKey("epoch.number"), nullable=False),
    Column("live", SmallInteger, unique=True),
    Column("state", Text, nullable=False),
    Column("operator", Text, nullable=False),
    Column("parts", Integer, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("rate", Integer, nullable=False),
    Column("begun_ms", BigInteger, nullable=False),
    Column("moved_ms", BigInteger),
    Column("sampled_ms", BigInteger),
    Column("flipped_ms", BigInteger),
    Column("until_ms", BigInteger),
    Column("ended_ms", BigInteger),
    Column("kind", Text, nullable=False, server_default="outer"),
    Column("missing", BigInteger),
    Column("untaken", BigInteger, nullable=False, server_default="0"),
    CheckConstraint(
        "state IN ('moving', 'ready', 'flipped', 'finishing', 'finished', 'abandoned')", name="rotation_state"
    ),
    CheckConstraint("live = 1", name="rotation_single"),
)
"""Rotations, by new epoch. `live` is 1 until the end and then null: there is one at a time."""

rotation_change = Table(
    "rotation_change",
    vault_metadata,
    Column("epoch", Integer, ForeignKey("epoch.number"), primary_key=True, autoincrement=False),
    Column("token", LargeBinary, primary_key=True),
    Column("serial", BigInteger, nullable=False),
)
"""Rows that were changed in one epoch of an outer rotation and not yet in the other; `serial` counts how often."""

rotation_pair = Table(
    "rotation_pair",
    vault_metadata,
    Column("target", LargeBinary, primary_key=True),
    Column("source", LargeBinary, nullable=False, index=True),
    Column("revision", BigInteger, nullable=False),
    Column("box", LargeBinary),
)
"""Numbers that a feed named during an inner rotation, by their tokens in both epochs.

`box` is the row that the epoch which does not answer has yet to take, sealed for it; null when it has taken it.
"""

PAIRS_WAITING = Index(
    "rotation_pair_waiting",
    rotation_pair.c.target,
    sqlite_where=rotation_pair.c.box.is_not(None),
    postgresql_where=rotation_pair.c.box.is_not(None),
)
"""What the other epoch has yet to take is found among millions of rows that it has taken."""

rotation_behind = Table(
    "rotation_behind",
    vault_metadata,
    Column("source", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
)
"""Sources of changes of which the new epoch of an inner rotation lacks those after `position`, to `until`."""
