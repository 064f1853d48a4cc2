"""What an officer of the registry decides about a dispute, and the signature under it (docs/formats/dispute.md).

`label | decision`, Ed25519; the label names registry and environment, the decision the dispute, the agency and the
digest of the question, so that it fits nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from keys import signing
from keys.errors import SignatureError
from padan import canonical
from verifier.dispute.errors import DecisionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keys.realm import Realm
    from keys.signing import Signer
    from verifier.dispute.state import Outcome, State

_LABEL: Final = "dispute-decision"
_ID, _AGENCY, _DIGEST, _STATE, _OUTCOME, _DECIDED = range(1, 7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A step that an officer takes.

    Attributes:
        dispute_id: which dispute.
        agency: whose it is.
        digest: the request digest of the disputed question, 32 bytes.
        state: what the dispute becomes.
        outcome: decided where it is resolved.
        decided_ms: when, milliseconds of the Unix epoch by the officer's clock.
    """

    dispute_id: str
    agency: str
    digest: bytes
    state: State
    outcome: Outcome
    decided_ms: int

    def encode(self) -> bytes:
        """Encode it."""
        return canonical.encode(
            {
                _ID: self.dispute_id.encode(),
                _AGENCY: self.agency.encode(),
                _DIGEST: self.digest,
                _STATE: bytes((self.state,)),
                _OUTCOME: bytes((self.outcome,)),
                _DECIDED: self.decided_ms.to_bytes(8, "big"),
            }
        )

    def sign(self, realm: Realm, signer: Signer) -> Signed:
        """Sign it."""
        signature = signer.sign(realm.label(_LABEL) + self.encode())
        return Signed(decision=self, signature=signature, signer=signer.key_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A decision with its signature, 64 bytes, and the id of the key that made it."""

    decision: Decision
    signature: bytes
    signer: str

    def require(self, realm: Realm, officers: Mapping[str, bytes]) -> None:
        """See that an officer has signed it.

        Args:
            realm: the registry and environment.
            officers: key ids to public keys.

        Raises:
            DecisionError: none of them has.
        """
        public = officers.get(self.signer)
        if public is None:
            raise DecisionError(f"the key {self.signer} is not an officer's of this registry")
        try:
            signing.verify(public, realm.label(_LABEL) + self.decision.encode(), self.signature)
        except SignatureError as error:
            raise DecisionError("the officer's signature is not over this decision") from error
