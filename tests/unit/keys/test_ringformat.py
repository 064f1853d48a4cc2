"""The keyring file to the byte."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import ringformat
from keys.document import pretty
from keys.errors import (
    KekMismatchError,
    KeyringFormatError,
    KeyringIntegrityError,
    KeysError,
)
from keys.kek import Kek
from keys.purpose import Purpose
from keys.state import KeyState
from tests.unit.keys.conftest import NOW, VECTORS
from tests.unit.keys.test_keyset import empty, new_key

if TYPE_CHECKING:
    from keys.keyset import Keyring

KEK = Kek(bytes(range(32)))
GOLDEN = VECTORS / "keyring"
EXPECTED = json.loads((GOLDEN / "expected.json").read_text())


def small() -> Keyring:
    """Make a small keyring under KEK."""
    ring = empty().add(Purpose.INDEX, new_key(Purpose.INDEX, 1))
    ring = ring.transition(Purpose.INDEX, 1, KeyState.ACTIVE, at=NOW).make_primary(Purpose.INDEX, 1)
    ring = ring.add(Purpose.RECEIPT_SIGNING, new_key(Purpose.RECEIPT_SIGNING, 2))
    return dataclasses.replace(ring, kek_id=KEK.id)


def resigned(change: dict[str, Any], *, drop: str = "") -> bytes:
    """Write a small keyring with a change on the top level and a MAC that holds."""
    content = json.loads(ringformat.encode(small(), KEK)) | change
    content.pop("mac")
    content.pop(drop, None)
    return pretty({**content, "mac": ringformat._mac(content, KEK)})


def test_the_golden_keyring_reads_and_writes_back_to_the_byte() -> None:
    """A file made apart from the package opens, keeps what a newer release put there, and is written the same."""
    data = (GOLDEN / "keyring.json").read_bytes()
    kek = Kek(bytes.fromhex(EXPECTED["kek"]))
    ring, used = ringformat.decode(data, [kek])
    assert used is kek
    assert ringformat.encode(ring, kek) == data
    assert ring.keysets["from-a-newer-release"].primary == 909
    found = {
        str(key.key_id): bytes(
            kek.unwrap(key.wrapped, realm=ring.realm, purpose=purpose, key_id=key.key_id).view()
        ).hex()
        for purpose, key in ring
        if key.wrapped
    }
    assert found == EXPECTED["materials"]


def test_what_is_written_reads_back() -> None:
    """Encoding and decoding are inverse."""
    ring, _ = ringformat.decode(ringformat.encode(small(), KEK), [Kek.generate(), KEK])
    assert ring == dataclasses.replace(small(), keysets=ring.keysets)
    assert dict(ring.keysets) == dict(small().keysets)
    assert ringformat.peek(ringformat.encode(small(), KEK)) == ring
    assert ringformat.kek_id(ringformat.encode(small(), KEK)) == KEK.id


def test_a_single_flipped_bit_anywhere_is_an_integrity_error() -> None:
    """Every bit of the file, in values, names, spaces, the MAC, the KEK's id and the format's number."""
    data = ringformat.encode(small(), KEK)
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(KeyringIntegrityError):
            ringformat.decode(bytes(changed), [KEK])


def test_a_cut_anywhere_is_an_integrity_error() -> None:
    """Every truncation of the file, to nothing included."""
    data = ringformat.encode(small(), KEK)
    for size in range(len(data)):
        with pytest.raises(KeyringIntegrityError):
            ringformat.decode(data[:size], [KEK])


@given(
    st.binary(max_size=300)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(
        lambda value: json.dumps(value).encode()
    )
    | st.dictionaries(
        st.sampled_from(["format", "kek", "mac", "x"]), st.none() | st.integers() | st.text()
    ).map(pretty)
)
def test_garbage_never_reads(data: bytes) -> None:
    """Whatever the bytes, the answer is one of our errors."""
    for read in (lambda: ringformat.decode(data, [KEK]), lambda: ringformat.peek(data)):
        with pytest.raises(KeysError):
            read()


def test_another_kek_is_told_apart_from_damage() -> None:
    """An intact file of another KEK is no damaged file."""
    data = ringformat.encode(small(), KEK)
    for keks in ([], [Kek.generate()]):
        with pytest.raises(KekMismatchError):
            ringformat.decode(data, keks)


def test_a_newer_format_is_told_apart_from_damage() -> None:
    """A file of format 2 whose MAC holds is of a newer release, with or without a KEK."""
    data = resigned({"format": 2})
    for read in (lambda: ringformat.decode(data, [KEK]), lambda: ringformat.peek(data)):
        with pytest.raises(KeyringFormatError, match="newer release"):
            read()
    with pytest.raises(KeyringFormatError, match="newer release"):
        ringformat.decode(data.replace(b'"mac": "', b'"mac": "0')[:-4] + b'"\n}\n', [KEK])


@pytest.mark.parametrize("edit", [b" ", b"\n", b"\t", b"\x00", b"\xef\xbb\xbf"])
def test_another_spelling_of_the_same_content_is_refused(edit: bytes) -> None:
    """The file has one spelling: nothing before, nothing after, no duplicate names."""
    data = ringformat.encode(small(), KEK)
    for changed in (
        edit + data,
        data + edit,
        data.replace(b'{\n  "counter"', b'{\n  "counter": 1,\n  "counter"'),
    ):
        with pytest.raises(KeyringIntegrityError):
            ringformat.decode(changed, [KEK])


KEYSETS = json.loads(ringformat.encode(small(), KEK))["keysets"]


def _with_key(change: dict[str, Any]) -> dict[str, Any]:
    return {"index": {"key": [KEYSETS["index"]["key"][0] | change], "primaryKeyId": 1}}


@pytest.mark.parametrize(
    "keysets",
    [
        None,
        [],
        {"index": {}},
        {"index": {"key": [], "primaryKeyId": 1}},
        {"index": {"key": KEYSETS["index"]["key"], "primaryKeyId": 2}},
        _with_key({"status": "DISABLED"}),
        _with_key({"state": "sleeping"}),
        _with_key({"state": "deactivated", "status": "ENABLED"}),
        _with_key({"outputPrefix": "0100000002"}),
        _with_key({"outputPrefixType": "RAW"}),
        _with_key({"keyId": -1}),
        _with_key({"keyId": 2**40}),
        _with_key({"extra": 1}),
        _with_key({"dates": {"created": "yesterday"}}),
        _with_key({"dates": {}}),
        _with_key({"keyData": KEYSETS["index"]["key"][0]["keyData"] | {"algorithm": "hkdf-sha256"}}),
        _with_key({"keyData": KEYSETS["index"]["key"][0]["keyData"] | {"wrapped": "?"}}),
    ],
)
def test_a_sealed_file_that_contradicts_itself_is_refused(keysets: object) -> None:
    """A MAC that holds does not make nonsense a keyring."""
    with pytest.raises(KeyringFormatError):
        ringformat.decode(resigned({"keysets": keysets}), [KEK])


@pytest.mark.parametrize("name", ["counter", "environment", "registry", "events", "keysets"])
def test_a_missing_or_unknown_member_is_refused(name: str) -> None:
    """Every member is there, and no other."""
    with pytest.raises(KeyringFormatError):
        ringformat.decode(resigned({}, drop=name), [KEK])
    with pytest.raises(KeyringFormatError):
        ringformat.decode(resigned({name + "s": 1}), [KEK])


def test_a_file_without_a_mac_is_refused() -> None:
    """Leaving the MAC out does not leave the check out."""
    document = json.loads(ringformat.encode(small(), KEK))
    document.pop("mac")
    with pytest.raises(KeyringIntegrityError):
        ringformat.decode(pretty(document), [KEK])
    wrong: tuple[object, ...] = (None, 1, "", [])
    for mac in wrong:
        with pytest.raises(KeyringIntegrityError):
            ringformat.decode(pretty({**document, "mac": mac}), [KEK])


def test_a_huge_file_is_not_parsed() -> None:
    """A file over 4 MiB is refused before anything else."""
    with pytest.raises(KeyringIntegrityError, match="larger"):
        ringformat.decode(b" " * (ringformat.MAX_SIZE + 1), [KEK])


def test_a_keyring_is_not_written_under_a_kek_that_it_does_not_name() -> None:
    """Keys wrapped under one KEK never get another's MAC."""
    with pytest.raises(KekMismatchError):
        ringformat.encode(small(), Kek.generate())
