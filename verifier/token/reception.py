"""Lets calls of TokenService in: what they all share before they come to their own work, and how they are logged.

What is refused is an entry too. A token that was not issued to the caller's domain is refused alone; the others go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from padan.entry import Field
from padan.v1 import error_pb2, token_pb2
from padan.value import value
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

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from padan.entry import EntryKind
    from padan.token import Token
    from tokenizer.token import Domain
    from verifier.agreement.grant import Grant
    from verifier.call import Call, Now
    from verifier.identity import Peer
    from verifier.intent import Intent, Question
    from verifier.log.beside import Kept
    from verifier.ports import Agreements, Gate, Journal, Rates

CALLS_A_SECOND: Final = 5
"""Calls of one agency: a full one takes some 60 ms of a processor, of which others need the most."""
MOST: Final = 500
"""Tokens in a call."""
_Answer = TypeVar("_Answer")
_REFUSED: Final = error_pb2.ERROR_REASON_TOKEN_REFUSED
_OUTDATED: Final = error_pb2.ERROR_REASON_TOKEN_OUTDATED


@value
class Visit:
    """A call that was let in: who asks, and under which grant.

    Attributes:
        peer: the agency.
        said: what it says of itself.
        request_id: 16 bytes.
        grant: of the agreement in force; names the token domain.
        now: when it came.
    """

    peer: Peer
    said: token_pb2.Circumstances
    request_id: bytes
    grant: Grant
    now: Now

    def intend(
        self,
        kind: EntryKind,
        detail: Mapping[str, str],
        kept: tuple[Kept, ...] = (),
        *,
        question: Question | None = None,
    ) -> Intent:
        """Build the entry of the whole call, about no resident.

        Args:
            kind: of the entry.
            detail: names and values.
            kept: rows beside the log that are written with it.
            question: where it is one.
        """
        fields: dict[int, bytes] = {
            Field.OFFICER: self.said.officer.encode(),
            Field.CERTIFICATE: self.peer.fingerprint,
            Field.AGREEMENT: self.grant.agreement_id.encode(),
            Field.AGREEMENT_VERSION: self.grant.agreement_version.to_bytes(4, "big"),
            Field.CLAUSE: self.grant.clause.encode(),
            Field.PURPOSE: self.grant.purpose.encode(),
            Field.LAWFUL_USE: bytes((self.grant.lawful_use,)),
            Field.LEGAL_BASIS: bytes((self.said.legal_basis,)),
            Field.REQUEST_ID: self.request_id,
        }
        if question is not None:
            fields[Field.REQUEST_DIGEST] = question.digest
        return admin_entry.intend(
            kind,
            detail,
            agency=self.peer.id,
            officer=self.said.officer,
            fields=fields,
            kept=kept,
            question=question,
        )


class Reception:
    """Lets calls in. Safe to call from many threads.

    Args:
        gate: identifies callers.
        agreements: those in force.
        rates: keeps each agency to a rate over all these calls.
        journal: takes the entries of what is refused.
        now: the clocks.
        agreed: the rate is that of the agreement, where calls are about one resident.
    """

    def __init__(
        self,
        *,
        gate: Gate,
        agreements: Agreements,
        rates: Rates,
        journal: Journal,
        now: Callable[[], Now],
        agreed: bool = False,
    ) -> None:
        self._gate = gate
        self._agreed = agreed
        self._agreements = agreements
        self._rates = rates
        self._journal = journal
        self._now = now

    def serve(self, method: str, call: Call, act: Callable[[Peer, Call, Now], _Answer]) -> _Answer:
        """Identify the agency, keep it to its rate, and let it act; a refusal is logged.

        Args:
            method: name of the RPC.
            call: as it came.
            act: answers it.

        Raises:
            VerifierError: refused; the refusal is logged.
        """
        now, peer = self._now(), None
        try:
            peer = self._gate.admit(call.certificate, now.wall)
            if peer.kind != "agency":
                raise MethodNotAllowedError("only agencies have tokens")
            if call.remaining is None:
                raise DeadlineRequiredError("every call needs a deadline")
            if not self._rates.admit(peer.id, self._rate(peer, now), now.mono):
                raise RateLimitedError("more calls about tokens a second than are taken")
            return act(peer, call, now)
        except CallerError as error:
            self._journal.commit([admin_entry.refused(method, peer, error)])
            raise

    def _rate(self, peer: Peer, now: Now) -> int:
        if not self._agreed:
            return CALLS_A_SECOND
        return self._agreements.in_force(peer.id, now.wall).agreement.quota.calls_per_second

    def visit(self, peer: Peer, said: token_pb2.Circumstances, call: Call, now: Now) -> Visit:
        """Check what a call says of itself, and find its grant.

        Raises:
            VerifierError: something is wrong, or not granted.
        """
        request_id = validate.circumstances(said, now=now.wall)
        grant = check_tokens(
            self._agreements.in_force(peer.id, now.wall),
            purpose=said.purpose,
            legal_basis=said.legal_basis,
            source_address=address_of(call.peer),
            consent_receipt=said.consent_receipt,
        )
        return Visit(peer=peer, said=said, request_id=request_id, grant=grant, now=now)


def read_tokens(
    domain: Domain, tokens: Sequence[bytes], now: Now
) -> tuple[list[Token | None], list[token_pb2.TokenFault]]:
    """Check the tags of 1 to 500 tokens; gives None and a fault for each that is refused.

    Raises:
        InvalidFieldError: there are too few or too many.
    """
    if not 1 <= len(tokens) <= MOST:
        raise InvalidFieldError(f"1 to {MOST} tokens", field="tokens")
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
