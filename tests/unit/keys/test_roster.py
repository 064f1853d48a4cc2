"""A roster names who decides, each once, and is read as it was written."""

from __future__ import annotations

import pytest

from keys.errors import RosterError
from keys.roster import Custodian, Roster
from padan import canonical
from tests.unit.keys.council import NAMES, SIGNERS, roster


def test_round_trip() -> None:
    """Bytes and text give the same roster again; key ids lead to keys and names."""
    made = roster(3, 5)
    assert Roster.decode(made.encode()) == Roster.from_text(made.text) == made
    assert made.keys == {signer.key_id: signer.public_key for signer in SIGNERS}
    assert made.names == {signer.key_id: name for name, signer in zip(NAMES, SIGNERS, strict=True)}


@pytest.mark.parametrize(
    ("threshold", "custodians"),
    [
        (1, {"ani": bytes([1]) * 32, "bayu": bytes([2]) * 32}),
        (3, {"ani": bytes([1]) * 32, "bayu": bytes([2]) * 32}),
        (2, {"ani": bytes([1]) * 32}),
        (2, {"ani": bytes([1]) * 32, "bayu": bytes([1]) * 32}),
        (2, {"ani": bytes([1]) * 32, "bayu": bytes([2]) * 31}),
        (2, {"ani": bytes([1]) * 32, "Bayu": bytes([2]) * 32}),
        (2, {f"c{number}": bytes([number]) * 32 for number in range(1, 18)}),
    ],
    ids=["one", "more than there are", "alone", "one key twice", "short key", "name", "too many"],
)
def test_what_is_no_roster(threshold: int, custodians: dict[str, bytes]) -> None:
    """One who decides alone, one key for two people, and anything out of bounds is refused."""
    with pytest.raises(RosterError):
        Roster.of(threshold, custodians)


def test_a_name_stands_once_and_in_order() -> None:
    """Two spellings of one roster do not exist."""
    one, other = (Custodian(name=name, public_key=bytes([1 + len(name)]) * 32) for name in ("b", "aa"))
    with pytest.raises(RosterError, match="in order"):
        Roster(threshold=2, custodians=(one, other))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        canonical.encode({1: b"\2", 2: b"\2", 3: b"", 4: b""}),
        canonical.encode({1: b"\1", 2: b"\2\2", 3: b"", 4: b""}),
        canonical.encode({1: b"\1", 2: b"\2", 3: canonical.encode_list([b"a", b"b"]), 4: b""}),
        canonical.encode({1: b"\1", 2: b"\2", 3: canonical.encode_list([b"\xff"]), 4: canonical.encode_list([b"k"])}),
    ],
    ids=["nothing", "cut", "format", "threshold", "names without keys", "no text"],
)  # fmt: skip
def test_strange_bytes(data: bytes) -> None:
    """Whatever stands there, the error is ours."""
    with pytest.raises(RosterError):
        Roster.decode(data)


def test_strange_text() -> None:
    """What is not base64 is no roster."""
    with pytest.raises(RosterError):
        Roster.from_text("?")
