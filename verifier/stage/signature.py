"""Signatures over stage reports: made as those over agreements are, under a label of their own.

An officer of the registry vouches for a report with the key of an officer. A signature over a report is none over
anything else that officers sign.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from verifier.agreement import sign as agreement
from verifier.agreement.errors import AgreementSignatureError
from verifier.stage.errors import ReportSignatureError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keys.realm import Realm
    from keys.signing import Signer

CONSTRUCTION: Final = "stage-report"
SUFFIX: Final = ".sig"


def sign(realm: Realm, document: bytes, signer: Signer) -> bytes:
    """Sign a report; returns the signature's file."""
    return agreement.sign(realm, document, signer, construction=CONSTRUCTION)


def require_signed(realm: Realm, document: bytes, signature_file: bytes, officers: Sequence[str]) -> str:
    """Check that an officer signed a report.

    Args:
        realm: registry and environment that the report names.
        document: the report.
        signature_file: what `sign` returned.
        officers: the trusted public keys, base64.

    Returns:
        The key's id.

    Raises:
        ReportSignatureError: malformed, of nobody who is trusted, or wrong.
    """
    if not officers:
        raise ReportSignatureError("nobody is trusted to sign reports")
    try:
        return agreement.require_signed(realm, document, signature_file, officers, construction=CONSTRUCTION)[
            0
        ]
    except AgreementSignatureError as error:
        raise ReportSignatureError(
            "the signature is not an officer's over this very report: changed, of another registry, or malformed"
        ) from error
