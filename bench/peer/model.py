"""The peer's tables and its keyed values."""

from __future__ import annotations

import datetime as dt  # noqa: TC003 -- the ORM reads the annotation
import hashlib
import hmac

from sqlalchemy import BigInteger, DateTime, LargeBinary, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

KEY = hashlib.sha256(b"a key for benchmarks only").digest()
ATTRIBUTES = ("name", "birth_date", "sex", "district", "life_status")


class Base(DeclarativeBase):
    """The peer's tables."""


class PersonRow(Base):
    """One resident: a keyed number and five keyed attributes."""

    __tablename__ = "person"

    token: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    name: Mapped[bytes] = mapped_column(LargeBinary(8))
    birth_date: Mapped[bytes] = mapped_column(LargeBinary(8))
    sex: Mapped[bytes] = mapped_column(LargeBinary(8))
    district: Mapped[bytes] = mapped_column(LargeBinary(8))
    life_status: Mapped[bytes] = mapped_column(LargeBinary(8))

    def attributes(self) -> dict[str, bytes]:
        """Give the stored values by name."""
        return {name: getattr(self, name) for name in ATTRIBUTES}


class AuditRow(Base):
    """One question."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=True)
    at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True))
    agency: Mapped[str] = mapped_column(String(64))
    purpose: Mapped[str] = mapped_column(String(64))
    subject: Mapped[bytes] = mapped_column(LargeBinary(16))
    outcome: Mapped[str] = mapped_column(String(16))


def token(nik: str) -> bytes:
    """Key a national number."""
    return hmac.digest(KEY, nik.encode(), hashlib.sha256)[:16]


def attribute_mac(identity: bytes, name: str, value: str) -> bytes:
    """Key an attribute, bound to its resident."""
    return hmac.digest(KEY, identity + name.encode() + b"\0" + value.encode(), hashlib.sha256)[:8]
