"""Signs receipts: a JWS in compact serialisation (RFC 7515), alg "Ed25519" (RFC 9864).

The token is composed here so that the key stays an object that signs; joserfc, a second implementation, reads it at
the agency. The header is fixed for a key and encoded once.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keys.signing import Signer

TYPE = "padan-receipt+jwt"


class ReceiptSigner:
    """Signs the receipts of one key."""

    def __init__(self, signer: Signer) -> None:
        header = {"alg": "Ed25519", "kid": signer.key_id, "typ": TYPE}
        self.header = base64.urlsafe_b64encode(json.dumps(header, separators=(",", ":")).encode()).rstrip(
            b"="
        )
        self._signer = signer

    def sign(self, message: bytes) -> bytes:
        """Sign the header, a dot and the claims; 64 bytes."""
        return self._signer.sign(message)
