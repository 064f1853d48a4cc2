"""Moves agencies' tokens to new keys.

1 let the call in, under the agreement that names the token domain
2 check every token's tag, and only then compute with it
3 commit the entry
4 answer on the commit
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from padan import token as wire
from padan.entry import EntryKind
from padan.group import GroupError
from padan.v1 import token_pb2
from tokenizer.errors import IssuingOverError
from verifier import validate
from verifier.errors import InvalidFieldError
from verifier.token.errors import TokensUnavailableError
from verifier.token.progress import Progress
from verifier.token.reception import read_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from padan.token import Token
    from tokenizer.token import Domain
    from verifier.call import Call, Now
    from verifier.identity import Peer
    from verifier.ports import Journal
    from verifier.token.domains import TokenDomains
    from verifier.token.reception import Reception


class Updating:
    """Answers UpdateTokens. Safe to call from many threads.

    Args:
        reception: lets calls in.
        domains: the token domains.
        journal: takes the entries.
    """

    def __init__(self, *, reception: Reception, domains: TokenDomains, journal: Journal) -> None:
        self._reception = reception
        self._domains = domains
        self._journal = journal

    def answer(self, call: Call) -> bytes:
        """Answer one UpdateTokens, serialised.

        Raises:
            VerifierError: refused; the refusal is logged.
            ServiceError: nothing is known to be durable, or keys are not there.
        """
        return self._reception.serve("UpdateTokens", call, self._update)

    def _update(self, peer: Peer, call: Call, now: Now) -> bytes:
        message = validate.decode(token_pb2.UpdateTokensRequest, call.raw)
        visit = self._reception.visit(peer, message.circumstances, call, now)  # 1
        domain = self._domains.domain(visit.grant.token_domain)
        given, faults = read_tokens(domain, message.tokens, now)  # 2
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
        self._journal.commit([visit.intend(EntryKind.TOKENS_UPDATED, detail, kept)])  # 3
        return token_pb2.UpdateTokensResponse(  # 4
            request_id=message.circumstances.request_id,
            tokens=moved,
            proof=proof,
            old_version=old,
            new_version=domain.current,
            faults=faults,
        ).SerializeToString()


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
    except IssuingOverError as error:
        raise TokensUnavailableError(str(error)) from error
    except GroupError as error:
        raise TokensUnavailableError("a tagged token is no element of the group") from error
    return moved, proof
