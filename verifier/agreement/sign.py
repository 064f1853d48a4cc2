"""Detached Ed25519 signatures over agreements, and over other documents under a label of their own.

What is signed is `label("agreement") | document`, the label naming registry and environment: a document that was
signed for staging is worth nothing in production. The document's bytes are signed as they are, nothing is
re-serialised. A signature file is JSON: `{"format": 1, "signatures": [{"key_id": thumbprint, "signature": base64}]}`,
so that several people can sign one document; one signature of a trusted key is enough.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any, Final

from keys.errors import SignatureError
from keys.signing import PUBLIC_SIZE, Signer, thumbprint, verify
from verifier.agreement.errors import AgreementSignatureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from keys.realm import Realm

FORMAT: Final = 1
CONSTRUCTION: Final = "agreement"
MAX_SIGNATURES: Final = 16
MAX_SIGNATURE_FILE: Final = 16_384


def sign(
    realm: Realm, document: bytes, signer: Signer, *, beside: bytes = b"", construction: str = CONSTRUCTION
) -> bytes:
    """Sign a document.

    Args:
        realm: registry and environment that the agreement is for.
        document: the document's bytes.
        signer: the key.
        beside: a signature file of the same document, whose other signatures are kept.
        construction: what kind of document it is; stands in the label.

    Returns:
        The signature file.

    Raises:
        AgreementSignatureError: `beside` is malformed.
    """
    signatures = dict(_signatures(beside)) if beside else {}
    signatures[signer.key_id] = signer.sign(_message(realm, document, construction))
    entries = [
        {"key_id": key_id, "signature": base64.b64encode(signature).decode()}
        for key_id, signature in sorted(signatures.items())
    ]
    return json.dumps({"format": FORMAT, "signatures": entries}, indent=1).encode() + b"\n"


def require_signed(
    realm: Realm,
    document: bytes,
    signature_file: bytes,
    signers: Iterable[str],
    *,
    construction: str = CONSTRUCTION,
) -> tuple[str, bytes]:
    """Check that a trusted key signed the document.

    Args:
        realm: registry and environment of this service.
        document: the document's bytes.
        signature_file: what `sign` returned.
        signers: the trusted public keys, base64.
        construction: what kind of document it is.

    Returns:
        The key's id and its signature, 64 bytes.

    Raises:
        AgreementSignatureError: malformed, of nobody who is trusted, or wrong.
    """
    trusted = _trusted(signers)
    known = [(key_id, signature) for key_id, signature in _signatures(signature_file) if key_id in trusted]
    if not known:
        raise AgreementSignatureError("no signature is of a key in agreement_signers")
    for key_id, signature in known:
        _verify(_message(realm, document, construction), trusted[key_id], signature)
    return known[0]


def require_signature(
    realm: Realm,
    document: bytes,
    key_id: str,
    signature: bytes,
    signers: Iterable[str],
    *,
    construction: str = CONSTRUCTION,
) -> None:
    """Check one signature, as the directory keeps it.

    Raises:
        AgreementSignatureError: of nobody who is trusted, or wrong.
    """
    key = _trusted(signers).get(key_id)
    if key is None:
        raise AgreementSignatureError("the signature is not of a key in agreement_signers")
    _verify(_message(realm, document, construction), key, signature)


def public_key(text: str) -> bytes:
    """Read a public key from base64.

    Raises:
        AgreementSignatureError: not base64 of 32 bytes.
    """
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise AgreementSignatureError("a public key is not base64") from error
    if len(key) != PUBLIC_SIZE:
        raise AgreementSignatureError(f"a public key has {PUBLIC_SIZE} bytes")
    return key


def _trusted(signers: Iterable[str]) -> Mapping[str, bytes]:
    trusted = {thumbprint(key): key for key in map(public_key, signers)}
    if not trusted:
        raise AgreementSignatureError("nobody is trusted to sign agreements; set agreement_signers")
    return trusted


def _verify(message: bytes, key: bytes, signature: bytes) -> None:
    try:
        verify(key, message, signature)
    except SignatureError as error:
        raise AgreementSignatureError(
            "the signature does not fit the document, or is for another registry, environment or kind of document"
        ) from error


def _message(realm: Realm, document: bytes, construction: str) -> bytes:
    return realm.label(construction) + document


def _signatures(signature_file: bytes) -> Iterable[tuple[str, bytes]]:
    if len(signature_file) > MAX_SIGNATURE_FILE:
        raise AgreementSignatureError("the signature file is too large")
    try:
        content: Any = json.loads(signature_file)
        if content["format"] != FORMAT:
            raise AgreementSignatureError("the signature file has a format that this release does not know")
        entries = content["signatures"]
        if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_SIGNATURES:
            raise AgreementSignatureError(f"a signature file holds 1 to {MAX_SIGNATURES} signatures")
        return [
            (str(entry["key_id"]), base64.b64decode(entry["signature"], validate=True)) for entry in entries
        ]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise AgreementSignatureError("the signature file is malformed") from error
