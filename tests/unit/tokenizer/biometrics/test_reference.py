"""References to the byte: what docs/formats/reference.md says, computed without the packages."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from keys.block import BlockKey
from keys.derive import hkdf, outer_info
from keys.realm import Realm
from keys.seal import SealKey
from keys.templatekey import TemplateKeys
from tokenizer.biometrics.reference import (
    HEAD_SIZE,
    Reference,
    decoy,
    extractor_digest,
    record_id_of,
    renamed,
)
from tokenizer.biometrics.scheme import Suite, TemplateError
from tokenizer.biometrics.slot import Slot, all_slots, slots_of
from tokenizer.errors import BoxError, RecordError
from tokenizer.outer import Outer

FOLDER = Path(__file__).parents[3] / "vectors"
VECTORS: dict[str, Any] = json.loads((FOLDER / "reference.json").read_text())
REALM = Realm(**VECTORS["realm"])
R = bytes.fromhex(VECTORS["r"])
ROWS = VECTORS["rows"]
FINGERS = Suite(name="finger-test/1", number=2, modality="finger", size=64, samples=3)


def outer(slot: Slot) -> Outer:
    """Make the outer layer of a slot."""
    token, seal = (
        hkdf(
            bytes.fromhex(VECTORS[key]),
            outer_info(
                REALM,
                purpose,
                epoch=VECTORS["epoch"],
                source="registry",
                table="reference",
                modality=slot.name,
            ),
        )
        for key, purpose in (("token_key", "outer-token"), ("seal_key", "row-seal"))
    )
    return Outer(
        realm=REALM, epoch=VECTORS["epoch"], block=BlockKey(token), seal=SealKey(seal), table="reference"
    )


def reference(row: dict[str, Any]) -> Reference:
    """Make the reference of a row."""
    return Reference(
        suite=row["suite"],
        extractor=extractor_digest(row["extractor"]),
        key_id=row["key_id"],
        draw=bytes.fromhex(row["draw"]),
        renewal=row["renewal"],
        r=R,
        day=row["day"],
        protected=bytes.fromhex(row["protected"]),
    )


def test_the_vectors_are_what_their_generator_writes(tmp_path: Path) -> None:
    """The file of vectors is what its generator computes."""
    written = tmp_path / "reference.json"
    subprocess.run([sys.executable, FOLDER / "reference_generate.py", written], check=True)
    assert written.read_text() == (FOLDER / "reference.json").read_text()


@pytest.mark.parametrize("row", ROWS, ids=[row["modality"] for row in ROWS])
def test_a_row_is_to_the_byte_what_the_format_says(row: dict[str, Any]) -> None:
    """Content, stored token and box are those of the vectors, and the box opens to the reference."""
    slot = Slot(row["modality"], row["position"], row["sample"])
    assert slot.number == row["slot"]
    assert Slot.numbered(row["slot"]) == slot
    made = reference(row)
    assert made.encode().hex() == row["content"]
    layer = outer(slot)
    assert layer.token(R).hex() == row["token"]
    opened = layer.open(bytes.fromhex(row["token"]), bytes.fromhex(row["box"]))
    assert Reference.decode(opened) == made
    assert record_id_of(opened) == R


@pytest.mark.parametrize("row", ROWS, ids=[row["modality"] for row in ROWS])
def test_the_key_of_an_enrolment_is_derived_as_the_format_says(row: dict[str, Any]) -> None:
    """Suite, modality, extractor, b and renewal of a box give the key that the format page names."""
    keys = TemplateKeys(REALM, bytearray.fromhex(VECTORS["biometric_key"]))
    key = keys.derive(
        suite=row["suite_name"],
        modality=row["modality"],
        extractor=row["extractor"],
        draw=bytes.fromhex(row["draw"]),
        renewal=row["renewal"],
    )
    assert key.stream(b"tag", 32).hex() == row["stream"]


def test_a_row_opens_in_its_own_slot_alone() -> None:
    """A box that is put into another slot does not open."""
    row = ROWS[1]
    with pytest.raises(BoxError):
        outer(Slot("finger", 10, 1)).open(bytes.fromhex(row["token"]), bytes.fromhex(row["box"]))


def test_the_tokens_of_one_person_differ_in_every_slot() -> None:
    """What a person has in two slots has nothing in common."""
    tokens = [outer(slot).token(R) for slot in all_slots(FINGERS)]
    assert len(set(tokens)) == len(tokens) == 30


def test_a_renamed_reference_keeps_everything_else() -> None:
    """Another record id leaves all other bytes as they are, reserved ones of a later release too."""
    content = bytearray(reference(ROWS[0]).encode())
    content[55:71] = bytes(range(16, 32))
    other = renamed(bytes(content), b"\xff" * 16)
    assert record_id_of(other) == b"\xff" * 16
    assert renamed(other, R) == bytes(content)
    assert Reference.decode(bytes(content)) == reference(ROWS[0])


@pytest.mark.parametrize(
    "content", [b"", b"\2" + bytes(HEAD_SIZE + 1), bytes(HEAD_SIZE + 1), b"\1" + bytes(HEAD_SIZE - 1)]
)
def test_what_is_no_reference_is_refused(content: bytes) -> None:
    """Another format, and what is too short to hold a template, are refused."""
    with pytest.raises(RecordError):
        Reference.decode(content)


def test_a_decoy_has_the_shape_of_a_reference() -> None:
    """A decoy is as large as a reference, names its own record id, and shares no byte string with another."""
    one, other = (decoy(FINGERS, r=R, key_id=5, day=20_000) for _ in range(2))
    assert len(one.encode()) == HEAD_SIZE + FINGERS.size
    assert (one.r, one.key_id, one.suite) == (R, 5, 2)
    assert one.draw != other.draw
    assert one.protected != other.protected
    assert 20_000 - 20 * 365 < one.day <= 20_000


@pytest.mark.parametrize(
    "extractor",
    [
        "",
        "name",
        "Name/1",
        "name/",
        "/1",
        "name/1/2",
        "name /1",
        "-name/1",
        "n" * 64 + "/1",
        "name/" + "1" * 33,
    ],
)
def test_an_extractor_has_a_name_and_a_version(extractor: str) -> None:
    """What is not NAME/VERSION is refused."""
    with pytest.raises(TemplateError):
        extractor_digest(extractor)


@pytest.mark.parametrize(
    "number", [0, 0x100 | 1 << 4, 2 << 8, 2 << 8 | 11 << 4, 3 << 8 | 3 << 4, 4 << 8 | 1 << 4]
)
def test_a_slot_has_a_modality_and_one_of_its_positions(number: int) -> None:
    """A number that is no slot's is refused."""
    with pytest.raises(TemplateError):
        Slot.numbered(number)


@pytest.mark.parametrize("position", [0, 11, -1])
def test_a_finger_is_one_of_ten(position: int) -> None:
    """Positions that a hand has not are refused."""
    with pytest.raises(TemplateError):
        slots_of(FINGERS, position)


def test_references_are_redacted() -> None:
    """A reference is neither shown nor pickled."""
    made = reference(ROWS[0])
    assert repr(made) == "Reference(<redacted>)"
    with pytest.raises(TypeError):
        made.__reduce__()
