"""A feed file is whole, signed by whoever is trusted, and of this registry; or nothing of it is used."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.realm import Realm
from keys.signing import Signer
from tests.people import BUDI
from verifier.feed import document
from verifier.feed.errors import FeedError, FeedFormatError, FeedSignatureError

REALM = Realm(registry_id="registry", environment="production")
SIGNER, STRANGER = Signer(bytes([1]) * 32), Signer(bytes([2]) * 32)
SIGNERS = {SIGNER.key_id: SIGNER.public_key}
HEAD: dict[str, Any] = {
    "format": 1, "use": "feed", "registry_id": "registry", "environment": "production", "source": "registry-1",
    "after": 7, "as_of": "2026-11-28T05:00:00Z",
}  # fmt: skip
CHANGES: list[dict[str, Any]] = [
    {"position": 8, "change": "moved", "row": BUDI},
    {"position": 10, "change": "withdrawn", "nik": BUDI["NIK"]},
    {"position": 11, "change": "merged", "row": BUDI, "also": ["3273010101909002"]},
    {"position": 12, "change": "nik_changed", "row": BUDI, "was": ["3273010101909003"]},
    {"position": 13, "change": "erased", "nik": BUDI["NIK"], "also": ["3273010101909002"]},
]


def body(*changes: dict[str, Any], head: dict[str, Any] | None = None) -> bytes:
    """Write the lines before the end."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in (head or HEAD, *changes))


def test_what_is_signed_is_read() -> None:
    """Every kind of change comes back, with the position that it takes the source to."""
    feed = document.parse(REALM, document.sign(REALM, body(*CHANGES), SIGNER), SIGNERS)
    assert (feed.source, feed.after, feed.end, feed.signer) == ("registry-1", 7, 13, SIGNER.key_id)
    assert feed.as_of_ms == 1_795_842_000_000
    assert [change.name for change in feed.changes] == [
        "moved",
        "withdrawn",
        "merged",
        "nik_changed",
        "erased",
    ]
    assert [change.position for change in feed.changes] == [8, 10, 11, 12, 13]
    assert feed.changes[0].row == BUDI
    assert feed.changes[2].also == ("3273010101909002",)
    assert BUDI["NIK"] not in repr(feed)
    empty = document.parse(REALM, document.sign(REALM, body(), SIGNER), SIGNERS)
    assert (empty.end, empty.changes) == (7, ())


@given(st.data())
def test_a_file_that_was_cut_or_changed_is_refused(data: st.DataObject) -> None:
    """Half a file, and one changed byte, anywhere."""
    whole = document.sign(REALM, body(*CHANGES), SIGNER)
    at = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(FeedError):
        document.parse(REALM, whole[:at], SIGNERS)
    changed = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    with pytest.raises(FeedError):
        document.parse(REALM, changed, SIGNERS)


def test_a_stranger_and_another_registry() -> None:
    """Who is not trusted signs nothing, and what was signed for elsewhere is worth nothing here."""
    with pytest.raises(FeedSignatureError):
        document.parse(REALM, document.sign(REALM, body(*CHANGES), STRANGER), SIGNERS)
    staging = Realm(registry_id="registry", environment="staging")
    with pytest.raises(FeedFormatError, match="another registry"):
        document.sign(staging, body(*CHANGES), SIGNER)
    elsewhere = document.sign(staging, body(*CHANGES, head=HEAD | {"environment": "staging"}), SIGNER)
    with pytest.raises(FeedError):
        document.parse(REALM, elsewhere, SIGNERS)


@pytest.mark.parametrize(
    "head",
    [
        {"format": 2}, {"use": "agreement"}, {"registry_id": "other"}, {"source": "UPPER"}, {"source": 7},
        {"after": -1}, {"after": True}, {"as_of": "yesterday"}, {"as_of": 7}, {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_head_that_is_none(head: dict[str, Any]) -> None:
    """Each wrong head is refused, before anybody signs it."""
    with pytest.raises(FeedFormatError, match="line 1"):
        document.sign(REALM, body(head=HEAD | head), SIGNER)


@pytest.mark.parametrize(
    "changed",
    [
        {"position": 7}, {"position": "8"}, {"position": 1 << 63}, {"change": "erased?"}, {"change": []}, {"row": {}},
        {"row": []},
        {"row": {"NIK": 7}}, {"nik": BUDI["NIK"]}, {"was": ["1"]}, {"change": "merged"}, {"change": "nik_changed"},
        {"also": "1"}, {"also": ["1"] * 17}, {"change": "withdrawn"}, {"more": 1},
    ],
    ids=lambda changed: f"{next(iter(changed))} {str(next(iter(changed.values())))[:12]}",
)  # fmt: skip
def test_a_change_that_is_none(changed: dict[str, Any]) -> None:
    """Each wrong change is refused by its line, and never by its values."""
    with pytest.raises(FeedFormatError, match="line 2") as caught:
        document.sign(REALM, body(CHANGES[0] | changed), SIGNER)
    assert BUDI["NIK"] not in str(caught.value)


def test_positions_grow() -> None:
    """A feed that goes back in time is refused."""
    with pytest.raises(FeedFormatError, match="line 3: position does not grow"):
        document.sign(REALM, body(CHANGES[1], CHANGES[0]), SIGNER)


@pytest.mark.parametrize("data", [b"", b"\n", b"{}\n", b"[" * 100_000, b"\xff\n", b"{}\n{}\n"])
def test_strange_bytes(data: bytes) -> None:
    """Whatever is no feed is refused with our error."""
    with pytest.raises(FeedError):
        document.parse(REALM, data, SIGNERS)
    with pytest.raises(FeedError):
        document.sign(REALM, data, SIGNER)
