"""The tables of biometric references in the vault database, as `verifier.schema` has the others."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, SmallInteger, Table, Text

from verifier.metadata import vault_metadata

reference_slot = Table(
    "reference_slot",
    vault_metadata,
    Column("epoch", Integer, ForeignKey("epoch.number"), primary_key=True, autoincrement=False),
    Column("slot", SmallInteger, primary_key=True, autoincrement=False),
    Column("sealed", BigInteger, nullable=False),
)
"""The slots that an epoch keeps references of, and how many boxes were sealed under each one's key."""

reference = Table(
    "reference",
    vault_metadata,
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("slot", SmallInteger, primary_key=True, autoincrement=False),
    Column("token", LargeBinary, primary_key=True),
    Column("box", LargeBinary, nullable=False),
)
"""Biometric references of people, and decoys; `token` has 16 bytes, `box` is of one size a suite."""

reference_load = Table(
    "reference_load",
    vault_metadata,
    Column("file", LargeBinary, primary_key=True),
    Column("rows", BigInteger, nullable=False),
    Column("stored", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("begun_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
)
"""Files of references, by SHA-256 of each, and how many of its rows were read; moves with what was stored of them."""

reference_extractor = Table(
    "reference_extractor",
    vault_metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("name", Text, nullable=False),
)
"""Extractors of which there were references: digest (8 bytes) to NAME/VERSION."""
