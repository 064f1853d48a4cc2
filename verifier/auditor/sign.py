"""Signatures over grants: those of agreements, by the same people, under a label of their own.

A signature over an agreement is none over a grant, even of the same bytes, nor the other way round.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from verifier.agreement import sign as agreement
from verifier.agreement.errors import AgreementSignatureError
from verifier.auditor.errors import GrantSignatureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from keys.realm import Realm
    from keys.signing import Signer

CONSTRUCTION: Final = "auditor-grant"


def sign(realm: Realm, document: bytes, signer: Signer, *, beside: bytes = b"") -> bytes:
    """Sign a grant; as `verifier.agreement.sign.sign`.

    Raises:
        GrantSignatureError: `beside` is malformed.
    """
    with _as_ours():
        return agreement.sign(realm, document, signer, beside=beside, construction=CONSTRUCTION)


def require_signed(
    realm: Realm, document: bytes, signature_file: bytes, signers: Iterable[str]
) -> tuple[str, bytes]:
    """Check that a trusted key signed the grant, and return its id and signature.

    Raises:
        GrantSignatureError: malformed, of nobody who is trusted, or wrong.
    """
    with _as_ours():
        return agreement.require_signed(realm, document, signature_file, signers, construction=CONSTRUCTION)


def require_signature(
    realm: Realm, document: bytes, key_id: str, signature: bytes, signers: Iterable[str]
) -> None:
    """Check one signature, as the database keeps it.

    Raises:
        GrantSignatureError: of nobody who is trusted, or wrong.
    """
    with _as_ours():
        agreement.require_signature(realm, document, key_id, signature, signers, construction=CONSTRUCTION)


@contextmanager
def _as_ours() -> Iterator[None]:
    try:
        yield
    except AgreementSignatureError as error:
        raise GrantSignatureError(str(error)) from error
