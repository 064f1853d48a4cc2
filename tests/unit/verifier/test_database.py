"""Addresses of databases are read or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.database import Address, DatabaseAddressError, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("postgresql://a@h/b", Address(url="postgresql://a@h/b")),
        ("postgres://a@h/b", Address(url="postgresql://a@h/b")),
        ("postgresql+psycopg://a@h/b", Address(url="postgresql://a@h/b")),
        ("sqlite:///data/log.sqlite", Address(path=Path("data/log.sqlite"))),
        ("sqlite:////srv/log.sqlite", Address(path=Path("/srv/log.sqlite"))),
        ("/srv/log.sqlite", Address(path=Path("/srv/log.sqlite"))),
    ],
)
def test_an_address_is_read(text: str, address: Address) -> None:
    """URLs and paths name the same databases however they are spelt."""
    assert parse_address(text) == address
    assert address.is_sqlite == (address.path is not None)


@pytest.mark.parametrize("text", ["", "mysql://h/b", "http://h"])
def test_another_database_is_refused(text: str) -> None:
    """What is neither PostgreSQL nor a file is refused, with what would be right."""
    with pytest.raises(DatabaseAddressError, match="postgresql:// URL or the path"):
        parse_address(text)
