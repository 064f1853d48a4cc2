"""An update of tokens, as the agency makes it: some hundreds a call, and believed only with its proof.

Guarantees: what `read` gives are the tokens of the residents whose tokens were sent, in their order: one quotient leads
from the published key of the old version to that of the new one and from each old token to its new one (RFC 9497
section 2.2). Assumes libsodium, and that the published keys came from the service.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final, Self

from padan import commitment, dleq
from padan.errors import AuditError, InvalidRequestError
from padan.question import CLIENT_VERSION
from padan.token import Token, TokenError, update_context
from padan.v1 import error_pb2, token_pb2
from padan.value import value
from padan.vocabulary import LegalBasis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from padan.info import ServiceInfo

UPDATE_TOKENS: Final = "/padan.v1.TokenService/UpdateTokens"
MOST: Final = 500
"""Tokens in a call."""


class UpdateProofError(AuditError):
    """The service's new tokens are not shown to be those of the same residents."""


@value
class Updated:
    """What came of one call.

    Attributes:
        tokens: the new tokens, in the order of the old ones; empty where one was refused.
        refused: why, by place: TOKEN_REFUSED or TOKEN_OUTDATED.
        old_version: of the tokens that were sent.
        new_version: of the new ones; the same where there was nothing to move.
    """

    tokens: tuple[bytes, ...]
    refused: Mapping[int, str]
    old_version: int
    new_version: int

    def __repr__(self) -> str:
        return f"Updated({len(self.tokens)} tokens, {self.old_version} to {self.new_version})"


@value
class Update:
    """A call that is ready to be made; sent again, the same bytes give the same tokens.

    Attributes:
        domain: whose tokens they are.
        tokens: those that are sent.
        body: the message.
    """

    domain: str
    tokens: tuple[bytes, ...]
    body: bytes

    def __repr__(self) -> str:
        return f"Update({len(self.tokens)} tokens of {self.domain})"

    @classmethod
    def build(
        cls,
        tokens: Sequence[bytes],
        *,
        purpose: str,
        officer: str,
        legal_basis: LegalBasis | str,
        consent_receipt: str = "",
        done: int = 0,
        total: int = 0,
        request_id: str = "",
    ) -> Self:
        """Build a call.

        Args:
            tokens: 1 to 500, all of one domain and version.
            purpose: code of a purpose with the token domain, from the agreement.
            officer: the agency's own pseudonym of the person who updates.
            legal_basis: why the agency may have tokens.
            consent_receipt: id of the consent receipt, where the legal basis is consent.
            done: tokens that the agency has moved so far; the custodians see it.
            total: tokens that it has.
            request_id: a UUID of your own; by default a new one.

        Raises:
            TokenError: bytes that are no token.
            InvalidRequestError: none, too many, or of several versions.
        """
        if not 1 <= len(tokens) <= MOST:
            raise InvalidRequestError(f"1 to {MOST} tokens are updated in a call", reason="INVALID_FIELD")
        kinds = {(each.domain, each.version) for each in map(Token.parse, tokens)}
        if len(kinds) > 1:
            raise InvalidRequestError(
                "a call updates tokens of one domain and version", reason="INVALID_FIELD"
            )
        said = token_pb2.Circumstances(
            request_id=request_id or str(uuid.uuid4()),
            blind=commitment.new_blind(),
            purpose=purpose,
            officer=officer,
            legal_basis=int(LegalBasis.of(legal_basis)),  # type: ignore[arg-type]  # the same numbers, another type
            consent_receipt=consent_receipt,
            client_version=CLIENT_VERSION,
        )
        message = token_pb2.UpdateTokensRequest(
            circumstances=said, tokens=tokens, progress=token_pb2.Progress(done=done, total=total)
        )
        return cls(domain=kinds.pop()[0], tokens=tuple(tokens), body=message.SerializeToString())


def keys_of(info: ServiceInfo, domain: str) -> dict[int, bytes]:
    """Take a domain's public keys by version out of what GetServiceInfo told."""
    return {
        version.number: version.public_key
        for known in info.token_domains
        if known.name == domain
        for version in known.versions
    }


def read(answer: token_pb2.UpdateTokensResponse, sent: Sequence[bytes], keys: Mapping[int, bytes]) -> Updated:
    """Check an answer, and give what it brings.

    Args:
        answer: of the service.
        sent: the tokens that it answers.
        keys: the domain's public keys by version, from GetServiceInfo.

    Raises:
        UpdateProofError: another number of tokens, of another domain or version, no published key, or a proof that does
            not hold.
    """
    old, new = answer.old_version, answer.new_version
    refused = {
        fault.place: error_pb2.ErrorReason.Name(fault.reason).removeprefix("ERROR_REASON_")
        for fault in answer.faults
    }
    given = tuple(answer.tokens)
    if len(given) != len(sent) or {place for place, token in enumerate(given) if not token} != refused.keys():
        raise _unproven("the answer does not fit what was sent")
    moved = [(before, after) for before, after in zip(sent, given, strict=True) if after]
    if moved:
        try:
            pairs = [(Token.parse(before), Token.parse(after)) for before, after in moved]
        except TokenError as error:
            raise _unproven("what came is no token") from error
        _check(pairs, old, new, answer.proof, keys)
    return Updated(tokens=given, refused=refused, old_version=old, new_version=new)


def _check(
    pairs: Sequence[tuple[Token, Token]], old: int, new: int, proof: bytes, keys: Mapping[int, bytes]
) -> None:
    domain = pairs[0][0].domain
    fits = all(
        (before.domain, before.version, after.domain, after.version) == (domain, old, domain, new)
        for before, after in pairs
    )
    if not fits:
        raise _unproven("a token is of another domain or version")
    if old == new:
        if any(before.element != after.element for before, after in pairs):
            raise _unproven("a token of the newest version came back as another one")
        return
    if old not in keys or new not in keys:
        raise _unproven("a version has no published key")
    try:
        dleq.check(
            keys[new],
            [(before.element, after.element) for before, after in pairs],
            proof,
            context=update_context(domain, old, new),
            origin=keys[old],
        )
    except dleq.ProofError as error:
        raise _unproven("the proof does not hold") from error


def _unproven(why: str) -> UpdateProofError:
    return UpdateProofError(
        f"the new tokens are not believed: {why}",
        reason="update-proof",
        next_step="keep the old tokens, which are still accepted, and tell the registry's operator",
    )
