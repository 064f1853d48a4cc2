"""Receipts: exactly the signed bytes, by exactly the named key."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OKPKey

from padan import receipt
from padan.asked import AskedQuestion
from padan.biometric import template
from padan.capture import Capture
from padan.errors import ReceiptError
from padan.question import Question
from padan.vocabulary import Modality, Verdict

KEY = OKPKey.generate_key("Ed25519", private=True)
OTHER = OKPKey.generate_key("Ed25519", private=True)
QUESTION = Question.build(
    nik="9971014101900001",
    claims={"name": "Sitti"},
    purpose="treatment",
    officer="desk-7",
    legal_basis="public_task",
)


def jwk(key: OKPKey) -> dict[str, Any]:
    """Write a public key as the service publishes it."""
    public = key.as_dict(private=False)
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": public["x"],
        "kid": key.thumbprint(),
        "alg": "Ed25519",
        "use": "sig",
    }


KEYS: dict[str, Any] = {"keys": [jwk(OTHER), jwk(KEY)]}


def claims(**changes: Any) -> dict[str, Any]:
    """Make the claims of a good receipt, with changes; None leaves one out."""
    whole = {
        "jti": QUESTION.request_id,
        "digest": QUESTION.digest("clinic").hex(),
        "iss": "registry.test",
        "aud": "clinic",
        "origin": "registry.test/log",
        "mmd": 60,
        "agreement": "clinic-2026@2",
        "epoch": 3,
        "keys": ["index:1", "outer-token:7"],
        "iat": 1_795_000_000,
        "leaf": "01" + "ab" * 32,
        "outcome": "MATCH",
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def signed(payload: Any = None, *, header: dict[str, Any] | None = None, key: OKPKey = KEY) -> str:
    """Sign a receipt."""
    head = {"alg": "Ed25519", "typ": "padan-receipt+jwt", "kid": KEY.thumbprint(), **(header or {})}
    body = json.dumps(claims() if payload is None else payload)
    return jws.serialize_compact(head, body, key, algorithms=["Ed25519"])


TOKEN = signed()


def test_good_receipt_is_read() -> None:
    """Every claim comes back typed, and the question it belongs to is recognised."""
    found = receipt.check(TOKEN, KEYS, question=QUESTION, audience="clinic", issuer="registry.test")
    assert found.outcome is Verdict.MATCH
    assert (found.request_id, found.agreement, found.epoch, found.max_merge_delay) == (
        QUESTION.request_id,
        "clinic-2026@2",
        3,
        60,
    )
    assert found.leaf == bytes.fromhex("01" + "ab" * 32)
    assert found.keys == ("index:1", "outer-token:7")
    assert found.key_id == KEY.thumbprint()


def test_any_changed_character_is_refused() -> None:
    """Each character of the token, flipped in its lowest bits or replaced, breaks it."""
    for at, own in enumerate(TOKEN):
        for other in {chr(ord(own) ^ 1), chr(ord(own) ^ 32), "A", "=", "."} - {own}:
            with pytest.raises(ReceiptError):
                receipt.check(TOKEN[:at] + other + TOKEN[at + 1 :], KEYS)


@pytest.mark.parametrize(
    "token", ["", ".", "..", TOKEN + "=", TOKEN + "\n", " " + TOKEN, TOKEN + ".x", TOKEN[:-1], "x" * 5000]
)
def test_other_shapes_are_refused(token: str) -> None:
    """Padding, blanks, a part too many or too few, and oversize are refused."""
    with pytest.raises(ReceiptError) as caught:
        receipt.check(token, KEYS)
    assert caught.value.reason == "shape"


@settings(deadline=None)
@given(
    st.text(max_size=100)
    | st.lists(st.text(alphabet="eyJhbGciOiJub25lIn0_-A", max_size=40), min_size=3, max_size=3).map(".".join)
)
def test_random_text_is_refused(token: str) -> None:
    """Whatever is given, nothing but a ReceiptError comes out."""
    with pytest.raises(ReceiptError):
        receipt.check(token, KEYS)


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"kid": "unknown"},
        {"kid": OTHER.thumbprint()},
        {"jwk": {"kty": "OKP"}},
        {"crit": ["exp"]},
        {"kid": 7},
    ],
)
def test_other_headers_are_refused(header: dict[str, Any]) -> None:
    """Another type, key id or an additional parameter in a signed header is refused."""
    head = {"alg": "Ed25519", "typ": "padan-receipt+jwt", "kid": KEY.thumbprint(), **header}
    start = f"{encoded(json.dumps(head).encode())}.{encoded(json.dumps(claims()).encode())}"
    signature = TOKEN.rpartition(".")[2]
    with pytest.raises(ReceiptError):
        receipt.check(f"{start}.{signature}", KEYS)


@pytest.mark.parametrize("algorithm", ["none", "HS256", "EdDSA", "ES256"])
def test_other_algorithms_are_refused(algorithm: str) -> None:
    """A header with another algorithm is refused before any key is used."""
    head = {"alg": algorithm, "typ": "padan-receipt+jwt", "kid": KEY.thumbprint()}
    token = f"{encoded(json.dumps(head).encode())}.{TOKEN.partition('.')[2]}"
    with pytest.raises(ReceiptError) as caught:
        receipt.check(token, KEYS)
    assert caught.value.reason == "shape"


def test_another_key_under_the_same_id_is_refused() -> None:
    """A key set that names a foreign key with the id of ours is refused: the id is a thumbprint."""
    forged = {**jwk(OTHER), "kid": KEY.thumbprint()}
    with pytest.raises(ReceiptError) as caught:
        receipt.check(signed(key=OTHER), {"keys": [forged]})
    assert caught.value.reason == "key"


@pytest.mark.parametrize(
    "keys", [{}, {"keys": None}, {"keys": []}, {"keys": ["x"]}, {"keys": [{"kid": KEY.thumbprint()}]}]
)
def test_unusable_key_sets_are_refused(keys: dict[str, Any]) -> None:
    """A document that is no key set, or does not have the key, is refused."""
    with pytest.raises(ReceiptError) as caught:
        receipt.check(TOKEN, keys)
    assert caught.value.reason == "key"


@pytest.mark.parametrize(
    "changes",
    [
        *({name: None} for name in claims()),
        {"iat": "1"},
        {"iat": True},
        {"iat": 10**18},
        {"mmd": -1},
        {"leaf": "02" + "ab" * 32},
        {"leaf": "01" + "AB" * 32},
        {"digest": "00"},
        {"outcome": "PERHAPS"},
        {"agreement": "clinic-2026"},
        {"keys": "index:1"},
        {"keys": [1]},
        {"aud": ["clinic"]},
    ],
    ids=str,
)
def test_malformed_claims_are_refused(changes: dict[str, Any]) -> None:
    """A signed receipt with a claim missing or of another kind is refused."""
    with pytest.raises(ReceiptError) as caught:
        receipt.check(signed(claims(**changes)), KEYS)
    assert caught.value.reason == "claims"


@pytest.mark.parametrize("payload", [[], "x", 1])
def test_payload_that_is_no_object_is_refused(payload: Any) -> None:
    """A signed payload of another shape is refused."""
    with pytest.raises(ReceiptError):
        receipt.check(signed(payload), KEYS)


def test_receipt_of_another_question_agency_or_registry_is_refused() -> None:
    """Question, audience and issuer are compared where they are given."""
    other = Question.build(
        nik="9971014101900001",
        claims={"name": "Sitti"},
        purpose="treatment",
        officer="desk-7",
        legal_basis="public_task",
    )
    for arguments, reason in (
        ({"question": other}, "question"),
        ({"audience": "tax"}, "audience"),
        ({"issuer": "other.test"}, "issuer"),
    ):
        with pytest.raises(ReceiptError) as caught:
            receipt.check(TOKEN, KEYS, **arguments)
        assert caught.value.reason == reason
    with pytest.raises(ReceiptError):
        receipt.check(signed(claims(aud="tax")), KEYS, question=QUESTION)


def test_receipt_of_captures_belongs_to_the_question_with_them() -> None:
    """It is proven with the question as it was kept, and not without the captures, with others or in another order."""
    made_by = template.extractor("seen", "1.0")
    first, second = (
        Capture(
            modality=Modality.FACE,
            extractor=made_by,
            template=template.face([0.25] * size).SerializeToString(),
        )
        for size in (128, 192)
    )
    token = signed(claims(digest=QUESTION.digest("clinic", [first, second]).hex()))
    kept = AskedQuestion.of(QUESTION, [first, second]).encode()
    found = receipt.check(token, KEYS, question=AskedQuestion.decode(kept), audience="clinic")
    assert found.request_id == QUESTION.request_id
    others = [AskedQuestion.of(QUESTION, each) for each in ([second, first], [first], [])]
    with pytest.raises(ReceiptError, match="with other captures"):
        receipt.check(token, KEYS, question=QUESTION)
    for other in others:
        with pytest.raises(ReceiptError) as caught:
            receipt.check(token, KEYS, question=other)
        assert caught.value.reason == "question"


def test_receipt_names_nobody() -> None:
    """Neither the number nor a claim's value can be found in a receipt."""
    body = base64.urlsafe_b64decode(TOKEN.split(".")[1] + "==")
    assert b"9971014101900001" not in body
    assert b"Sitti" not in body


def encoded(raw: bytes) -> str:
    """Encode as base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
