"""Tokens of one domain: issued, checked, turned into the service's own match domain, and moved to a new version.

    T   = k H2G(nik)                                            an element of ristretto255, 32 bytes
    tag = HMAC(K_tag, prefix("token-tag") | u32 length | all before the tag)[:16]
    M   = k_M H2G(nik) = (k_M / k) T                            never leaves the service

Guarantees: an element is multiplied only once its tag has shown that this service issued it to this domain, so that no
call computes with a point of the caller's own (RFC 9497 for the arithmetic).
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from keys.secret import Secret
from padan import token
from padan.token import TAG_SIZE, Token, TokenError
from tokenizer.errors import (
    IssuingOverError,
    TokenDomainEndedError,
    TokenOutdatedError,
    TokenRefusedError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from keys.mac import MacKey
    from keys.realm import Realm
    from keys.tokenkey import Quotient, TokenKey


class Tags(Secret):
    """The tags of tokens: one key makes them, every living one is tried.

    Args:
        realm: registry and environment.
        keys: the tag keys, the one that makes first.
    """

    __slots__ = ("_macs",)

    def __init__(self, realm: Realm, keys: Sequence[MacKey]) -> None:
        self._macs = [key.bind(realm.prefix("token-tag")).mac for key in keys]

    def put(self, domain: str, version: int, element: bytes) -> bytes:
        """Write a tagged token."""
        front = token.tagged(domain, version, element)
        return front + self._macs[0](front)[:TAG_SIZE]

    def holds(self, given: Token) -> bool:
        """Say whether this service has tagged a token; every key is tried."""
        front, found = given.tagged, False
        for mac in self._macs:
            found |= hmac.compare_digest(mac(front)[:TAG_SIZE], given.tag)
        return found


class Quotients(Secret):
    """What turns elements of one key into those of another, made once for each two keys."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], Quotient] = {}

    def between(self, old: TokenKey, new: TokenKey) -> Quotient:
        """Give what turns one key's elements into another's."""
        pair = old.key_id, new.key_id
        found = self._known.get(pair)
        if found is None:
            found = self._known[pair] = old.toward(new)
        return found


class Domain(Secret):
    """One token domain.

    Args:
        name: of the domain.
        versions: keys by version, the one that issues among them; none where the domain was ended.
        current: the version that issues; 0 where the domain was ended.
        issues: whether new tokens are made; not so once the time of the key to make them is over, or that of the tags'.
        ends: by version, the second of the Unix epoch from which its tokens are refused; absent where there is none.
        tags: of all domains.
        quotients: of all domains.
    """

    __slots__ = ("_ends", "_issues", "_quotients", "_tags", "_versions", "current", "name")

    def __init__(
        self,
        *,
        name: str,
        versions: Mapping[int, TokenKey],
        current: int,
        ends: Mapping[int, float],
        tags: Tags,
        quotients: Quotients,
        issues: bool = True,
    ) -> None:
        self.name = name
        self._issues = issues
        self.current = current
        self._versions = versions
        self._ends = ends
        self._tags = tags
        self._quotients = quotients

    def issue(self, element: bytes) -> bytes:
        """Issue the token of a number that was hashed to the group (`keys.tokenkey.hashed`).

        Raises:
            TokenDomainEndedError: the domain was ended.
            IssuingOverError: no token is made any more until there is a new key.
        """
        return self._put(self._issuing().evaluate(element))

    def read(self, data: bytes, *, now: float) -> Token:
        """Check a token that a caller gives.

        Args:
            data: as it was given.
            now: seconds of the Unix epoch.

        Raises:
            TokenRefusedError: no token, not one that was issued, or another domain's.
            TokenOutdatedError: of a version whose time is over.
            TokenDomainEndedError: the domain was ended.
        """
        try:
            given = Token.parse(data)
        except TokenError as error:
            raise TokenRefusedError(str(error)) from None
        # The tag comes first: what it does not vouch for is told nothing of domains and versions.
        if not self._tags.holds(given) or given.domain != self.name:
            raise TokenRefusedError("not a token that was issued to this domain")
        if not self._versions:
            raise TokenDomainEndedError("the keys of this token domain were destroyed when it ended")
        if given.version not in self._versions or now >= self._ends.get(given.version, now + 1):
            raise TokenOutdatedError("the time of this version of the token is over")
        return given

    def matched(self, given: Token, key: TokenKey) -> bytes:
        """Turn a token that `read` gave into the match domain, under one of its keys."""
        return self._turn(given, key)

    def renew(self, given: Token) -> bytes:
        """Give the token of the version that issues, for one that `read` gave, which may be it already.

        Raises:
            IssuingOverError: as `issue`.
        """
        issuing = self._issuing()
        return self._put(given.element if given.version == self.current else self._turn(given, issuing))

    def renewal(self, version: int) -> Quotient:
        """Give what turns elements of an older version into those of the one that issues.

        Raises:
            KeyError: there is no such version, or no longer.
        """
        return self._quotients.between(self._versions[version], self._issuing())

    def issue_matched(self, element: bytes, key: TokenKey) -> bytes:
        """Issue the token of a resident whom another domain's token named, for an agreement of both domains alone.

        Args:
            element: M of the resident.
            key: of the match domain, that M is of.

        Raises:
            TokenDomainEndedError, IssuingOverError: as `issue`.
        """
        return self._put(self._quotients.between(key, self._issuing()).turn(element))

    def public(self, version: int) -> bytes:
        """Give the public key of a version, 32 bytes.

        Raises:
            KeyError: there is no such version, or no longer.
        """
        return self._versions[version].public

    def versions(self, *, now: float) -> dict[int, float | None]:
        """List the versions whose tokens are accepted, each with the second from which they are not; None is open."""
        return {
            number: self._ends.get(number)
            for number in sorted(self._versions)
            if now < self._ends.get(number, now + 1)
        }

    def _issuing(self) -> TokenKey:
        if not self._versions:
            raise TokenDomainEndedError("the token domain was ended, so that no token of it is issued")
        if not self._issues:
            raise IssuingOverError(
                "the time of a key to make new tokens is over; custodians put a new one in its place"
            )
        return self._versions[self.current]

    def _put(self, element: bytes) -> bytes:
        return self._tags.put(self.name, self.current, element)

    def _turn(self, given: Token, key: TokenKey) -> bytes:
        return self._quotients.between(self._versions[given.version], key).turn(given.element)
