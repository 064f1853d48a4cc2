"""TokenService: moves agencies' tokens to new keys.

 1 identify the agency by its certificate, and keep it to a rate
 2 validate the request
 3 find the agreement in force for agency and purpose, which names the token domain
 4 check every token's tag, and only then compute with it
 5 commit the entry
 6 answer on the commit

What is refused is an entry too. A token that was not issued to the domain is refused alone; the others go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from padan import token as wire
from padan.entry import EntryKind, Field
from padan.group import GroupError
from padan.v1 import error_pb2, token_pb2
from tokenizer.errors import TokenOutdatedError, TokenRefusedError
from verifier import admin_entry, validate
from verifier.agreement.grant import address_of, check_tokens
from verifier.errors import (
    CallerError,
    DeadlineRequiredError,
    InvalidFieldError,
    MethodNotAllowedError,
    RateLimitedError,
)
from verifier.token.errors import TokensUnavailableError
from verifier.token.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from padan.token import Token
    from tokenizer.token import Domain
    from verifier.agreement.grant import Grant
    from verifier.call import Call, Now
    from verifier.identity import Peer
    from verifier.log.beside import Kept
    from verifier.ports import Agreements, Gate, Journal, Rates
    from verifier.token.domains import TokenDomains

UPDATES_A_SECOND: Final = 5
"""Calls of one agency: a full one takes some 60 ms of a processor, of which others need the most."""
MOST: Final = 500
"""Tokens in a call."""
_REFUSED: Final = error_pb2.ERROR_REASON_TOKEN_REFUSED
_OUTDATED: Final = error_pb2.ERROR_REASON_TOKEN_OUTDATED


class TokenDesk:
    """Answers the calls of TokenService. Safe to call from many threads."""

    def __init__(
        self,
        *,
        gate: Gate,
        agreements: Agreements,
        rates: Rates,
        domains: TokenDomains,
        journal: Journal,
        now: Callable[[], Now],
    ) -> None:
        """Bring together what it needs."""
        self._gate = gate
        self._agreements = agreements
        self._rates = rates
        self._domains = domains
        self._journal = journal
        self._now = now

    def update_tokens(self, call: Call) -> bytes:
        """Answer one UpdateTokens, serialised.

        Raises:
            VerifierError: refused; the refusal is logged.
            ServiceError: nothing is known to be durable, or keys are not there.
        """
        return self._logged("UpdateTokens", call, self._update)

    def _logged(self, method: str, call: Call, act: Callable[[Peer, Call, Now], bytes]) -> bytes:
        now, peer = self._now(), None
        try:
            peer = self._gate.admit(call.certificate, now.wall)  # 1
            if peer.kind != "agency":
                raise MethodNotAllowedError("only agencies have tokens")
            if call.remaining is None:
                raise DeadlineRequiredError("every call needs a deadline")
            if not self._rates.admit(peer.id, UPDATES_A_SECOND, now.mono):
                raise RateLimitedError("more calls about tokens a second than are taken")
            return act(peer, call, now)
        except CallerError as error:
            self._journal.commit([admin_entry.refused(method, peer, error)])
            raise

    def _update(self, peer: Peer, call: Call, now: Now) -> bytes:
        message = validate.decode(token_pb2.UpdateTokensRequest, call.raw)  # 2
        request_id = validate.circumstances(message.circumstances, now=now.wall)
        if not 1 <= len(message.tokens) <= MOST:
            raise InvalidFieldError(f"1 to {MOST} tokens", field="tokens")
        grant = self._granted(peer, message.circumstances, call, now)  # 3
        domain = self._domains.domain(grant.token_domain)
        given, faults = _read(domain, message.tokens, now)  # 4
        versions = {token.version for token in given if token is not None}
        if len(versions) > 1:
            raise InvalidFieldError("tokens of one version", field="tokens")
        old = versions.pop() if versions else domain.current
        moved, proof = _move(domain, given, old)
        progress = Progress(
            domain=domain.name,
            old=old,
            new=domain.current,
            done=message.progress.done,
            total=message.progress.total,
            seconds=int(now.wall),
        )
        detail = {
            "domain": domain.name,
            "from": str(old),
            "to": str(domain.current),
            "tokens": str(len(given) - len(faults)),
            "refused": str(len(faults)),
        }
        kept = (progress.kept(),) if old != domain.current else ()
        self._commit(
            EntryKind.TOKENS_UPDATED, peer, message.circumstances, grant, request_id, detail, kept
        )  # 5
        return token_pb2.UpdateTokensResponse(  # 6
            request_id=message.circumstances.request_id,
            tokens=moved,
            proof=proof,
            old_version=old,
            new_version=domain.current,
            faults=faults,
        ).SerializeToString()

    def _granted(self, peer: Peer, said: token_pb2.Circumstances, call: Call, now: Now) -> Grant:
        return check_tokens(
            self._agreements.in_force(peer.id, now.wall),
            purpose=said.purpose,
            legal_basis=said.legal_basis,
            source_address=address_of(call.peer),
            consent_receipt=said.consent_receipt,
        )

    def _commit(  # noqa: PLR0917 - one call, above
        self,
        kind: EntryKind,
        peer: Peer,
        said: token_pb2.Circumstances,
        grant: Grant,
        request_id: bytes,
        detail: Mapping[str, str],
        kept: tuple[Kept, ...],
    ) -> None:
        fields: dict[int, bytes] = {
            Field.OFFICER: said.officer.encode(),
            Field.CERTIFICATE: peer.fingerprint,
            Field.AGREEMENT: grant.agreement_id.encode(),
            Field.AGREEMENT_VERSION: grant.agreement_version.to_bytes(4, "big"),
            Field.CLAUSE: grant.clause.encode(),
            Field.PURPOSE: grant.purpose.encode(),
            Field.LAWFUL_USE: bytes((grant.lawful_use,)),
            Field.LEGAL_BASIS: bytes((said.legal_basis,)),
            Field.REQUEST_ID: request_id,
        }
        intent = admin_entry.intend(
            kind, detail, agency=peer.id, officer=said.officer, fields=fields, kept=kept
        )
        self._journal.commit([intent])


def _read(
    domain: Domain, tokens: Sequence[bytes], now: Now
) -> tuple[list[Token | None], list[token_pb2.TokenFault]]:
    """Check tokens; gives None and a fault for each that is refused."""
    given: list[Token | None] = []
    faults: list[token_pb2.TokenFault] = []
    for place, data in enumerate(tokens):
        try:
            given.append(domain.read(data, now=now.wall))
        except (TokenRefusedError, TokenOutdatedError) as error:
            reason = _REFUSED if isinstance(error, TokenRefusedError) else _OUTDATED
            given.append(None)
            faults.append(token_pb2.TokenFault(place=place, reason=reason))
    return given, faults


def _move(domain: Domain, given: Sequence[Token | None], old: int) -> tuple[list[bytes], bytes]:
    """Turn tokens into those of the version that issues, and prove it; a token that is None stays empty."""
    try:
        moved = [b"" if token is None else domain.renew(token) for token in given]
        if old == domain.current or not any(moved):
            return moved, b""
        pairs = [
            (token.element, wire.Token.parse(new).element)
            for token, new in zip(given, moved, strict=True)
            if token is not None
        ]
        proof = domain.renewal(old).prove(
            domain.public(old),
            domain.public(domain.current),
            pairs,
            context=wire.update_context(domain.name, old, domain.current),
        )
    except GroupError as error:
        raise TokensUnavailableError("a tagged token is no element of the group") from error
    return moved, proof
