"""Signatures over agreements: of a trusted key, over these very bytes, for this registry and environment."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.realm import Realm
from keys.signing import Signer
from verifier.agreement.errors import AgreementSignatureError
from verifier.agreement.sign import MAX_SIGNATURES, public_key, require_signature, require_signed, sign

REALM = Realm(registry_id="registry", environment="production")
ALICE, BOB = Signer(bytes(32)), Signer(bytes([1]) * 32)
DOCUMENT = b"format = 1\n"


def text(signer: Signer) -> str:
    """Write a public key as the settings do."""
    return base64.b64encode(signer.public_key).decode()


SIGNED = sign(REALM, DOCUMENT, ALICE)


def test_a_signed_document_is_accepted() -> None:
    """A trusted key's signature is found, and named."""
    key_id, signature = require_signed(REALM, DOCUMENT, SIGNED, [text(BOB), text(ALICE)])
    assert key_id == ALICE.key_id
    require_signature(REALM, DOCUMENT, key_id, signature, [text(ALICE)])


def test_several_people_sign_one_document() -> None:
    """A second signature stands beside the first; either is enough."""
    both = sign(REALM, DOCUMENT, BOB, beside=SIGNED)
    assert require_signed(REALM, DOCUMENT, both, [text(ALICE)])[0] == ALICE.key_id
    assert require_signed(REALM, DOCUMENT, both, [text(BOB)])[0] == BOB.key_id


@pytest.mark.parametrize(
    ("realm", "signers"),
    [
        (Realm(registry_id="registry", environment="staging"), [text(ALICE)]),
        (Realm(registry_id="other", environment="production"), [text(ALICE)]),
        (REALM, [text(BOB)]),
        (REALM, []),
        (REALM, ["not base64"]),
        (REALM, ["AAAA"]),
    ],
)
def test_another_realm_or_signer_is_refused(realm: Realm, signers: list[str]) -> None:
    """A signature is worth nothing elsewhere, nor where its key is not trusted."""
    with pytest.raises(AgreementSignatureError):
        require_signed(realm, DOCUMENT, SIGNED, signers)


@given(st.integers(0, 8 * len(DOCUMENT) - 1))
def test_one_flipped_bit_of_the_document_is_refused(bit: int) -> None:
    """No bit of a document can change under its signature."""
    changed = bytearray(DOCUMENT)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(AgreementSignatureError):
        require_signed(REALM, bytes(changed), SIGNED, [text(ALICE)])


@given(st.integers(0, 511))
def test_one_flipped_bit_of_the_signature_is_refused(bit: int) -> None:
    """No bit of a signature can change."""
    content = json.loads(SIGNED)
    signature = bytearray(base64.b64decode(content["signatures"][0]["signature"]))
    signature[bit // 8] ^= 1 << bit % 8
    content["signatures"][0]["signature"] = base64.b64encode(signature).decode()
    with pytest.raises(AgreementSignatureError):
        require_signed(REALM, DOCUMENT, json.dumps(content).encode(), [text(ALICE)])
    with pytest.raises(AgreementSignatureError):
        require_signature(REALM, DOCUMENT, ALICE.key_id, bytes(signature), [text(ALICE)])


def test_a_wrong_signature_is_not_outweighed_by_a_right_one() -> None:
    """Where two trusted keys stand in the file, both must be right."""
    content = json.loads(sign(REALM, DOCUMENT, BOB, beside=SIGNED))
    content["signatures"][0]["signature"] = content["signatures"][1]["signature"]
    with pytest.raises(AgreementSignatureError):
        require_signed(REALM, DOCUMENT, json.dumps(content).encode(), [text(ALICE), text(BOB)])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"format": 2, "signatures": []}',
        b'{"format": 1, "signatures": []}',
        b'{"format": 1, "signatures": {}}',
        b'{"format": 1, "signatures": [1]}',
        b'{"format": 1, "signatures": [{"key_id": "x", "signature": 5}]}',
        b'{"format": 1, "signatures": [{"key_id": "x", "signature": "?"}]}',
        b"[" * 15_000,
        b" " * 20_000,
        json.dumps(
            {"format": 1, "signatures": [{"key_id": "x", "signature": ""}] * (MAX_SIGNATURES + 1)}
        ).encode(),
    ],
)
def test_a_malformed_signature_file_is_refused(content: bytes) -> None:
    """What is no signature file ends in its error and no other."""
    with pytest.raises(AgreementSignatureError):
        require_signed(REALM, DOCUMENT, content, [text(ALICE)])


@given(st.binary(max_size=200))
def test_any_bytes_as_signature_file_are_refused(content: bytes) -> None:
    """Random bytes are no signature."""
    with pytest.raises(AgreementSignatureError):
        require_signed(REALM, DOCUMENT, content, [text(ALICE)])


def test_public_keys_are_base64_of_32_bytes() -> None:
    """A public key of another size or spelling is refused."""
    assert public_key(text(ALICE)) == ALICE.public_key
    with pytest.raises(AgreementSignatureError):
        public_key(text(ALICE)[:-4])


VECTORS = Path(__file__).parents[3] / "vectors" / "agreement-signature.json"


@pytest.mark.parametrize("vector", json.loads(VECTORS.read_text())["vectors"])
def test_golden_vectors(vector: dict[str, str]) -> None:
    """Label, key id and signature are those that another implementation computed."""
    realm = Realm(registry_id=vector["registry_id"], environment=vector["environment"])
    signer, document = Signer(bytes.fromhex(vector["seed"])), vector["document"].encode()
    assert realm.label("agreement").hex() == vector["label"]
    file = sign(realm, document, signer)
    key_id, signature = require_signed(realm, document, file, [vector["public_key"]])
    assert (key_id, signature.hex()) == (vector["key_id"], vector["signature"])


def test_golden_vectors_are_those_of_the_generator(tmp_path: Path) -> None:
    """The generator writes the file that is there."""
    generator = VECTORS.with_name("agreement_signature_generate.py")
    subprocess.run([sys.executable, str(generator), str(tmp_path / "new.json")], check=True)
    assert (tmp_path / "new.json").read_bytes() == VECTORS.read_bytes()
