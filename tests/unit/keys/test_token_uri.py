"""URIs of keys in tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from keys.errors import ProviderError
from keys.token_uri import parse

WHOLE = (
    "pkcs11:token=the%20token;object=kek;serial=00;type=secret-key"
    "?module-path=/m.so&pin-source=pin&kek-file=kek.json"
)
PLAIN = "pkcs11:token=t;object=o?module-path=/m.so&kek-file=k"


def test_every_part_is_read() -> None:
    """Labels are decoded, and relative paths start from the folder."""
    where = parse(WHOLE, Path("/etc/padan"))
    assert (where.token, where.object, where.serial) == ("the token", "kek", "00")
    assert (where.module, where.kek_file, where.pin_file) == (
        Path("/m.so"),
        Path("/etc/padan/kek.json"),
        Path("/etc/padan/pin"),
    )
    assert parse(PLAIN, Path("/")).pin_file is None


@pytest.mark.parametrize("source", ["file:/run/pin", "file:///run/pin", "/run/pin"])
def test_a_pin_source_is_a_file(source: str) -> None:
    """The forms of RFC 7512 for a file, and a path alone, are one."""
    assert parse(f"{PLAIN}&pin-source={source}", Path("/etc")).pin_file == Path("/run/pin")


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("pkcs11:", "no attribute"),
        ("pkcs11:token=t?module-path=/m&kek-file=k", "lacks object"),
        ("pkcs11:object=o?module-path=/m&kek-file=k", "lacks token"),
        ("pkcs11:token=t;object=o", "lacks module-path, kek-file"),
        ("pkcs11:token=t;object=o?module-path=/m", "lacks kek-file"),
        (f"{PLAIN}&pin-value=123456", "does not belong into a URI"),
        ("pkcs11:token=t;pin-value=123456;object=o?module-path=/m&kek-file=k", "does not belong into a URI"),
        (f"{PLAIN}&pin-source=|cat pin", "is not run"),
        (f"{PLAIN}&kek-file=k", "twice"),
        ("pkcs11:token=;object=o?module-path=/m&kek-file=k", "without a value"),
        ("pkcs11:token=t;object=o;slot-id=1?module-path=/m&kek-file=k", "slot-id"),
        ("pkcs11:token=t;object=o;type=cert?module-path=/m&kek-file=k", "secret-key"),
        (f"{PLAIN}&module-name=softhsm", "module-name"),
        ("pkcs11:token=t;object=o;123456?module-path=/m&kek-file=k", "no attribute"),
    ],
)
def test_what_is_wrong_is_told(uri: str, told: str) -> None:
    """Nothing is passed over, a command is not run, and neither a PIN nor what may be one is repeated."""
    with pytest.raises(ProviderError, match=told) as refused:
        parse(uri, Path("/"))
    assert "123456" not in str(refused.value)
