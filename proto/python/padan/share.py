"""Verifiable shares of secrets that nobody holds (Feldman 1987), over the scalars of ristretto255.

Each of n members deals: it draws a polynomial f of degree m - 1, publishes the commitments f[k] G, and gives member
i the share f(i). Every share is checked against the commitments, so a wrong one is refused and its dealer known. A
member's sum of the shares dealt to it is its share of the sum of all constant terms, a secret that was never
anywhere; m members compute with it in the exponent. Each dealer proves that it knows its constant term (Schnorr), so
that nobody can choose one that cancels what the others dealt.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from padan import group, grouphash
from padan.errors import PadanError
from padan.group import GroupError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from padan.group import Buffer

FEWEST: Final = 2
"""Least threshold: nobody alone."""
MOST: Final = 16
"""Most members."""
PROOF_SIZE: Final = 2 * group.SCALAR_SIZE


class ShareError(PadanError, ValueError):
    """A share, a commitment or a proof is not what it must be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealing:
    """What a dealer made.

    Attributes:
        commitments: the polynomial's coefficients times the generator, constant term first; public.
        shares: the share of each member, 1 first; each is for that member's eyes.
        possession: proof that the dealer knows the constant term, 64 bytes.
    """

    commitments: tuple[bytes, ...]
    shares: tuple[bytearray, ...]
    possession: bytes

    def __repr__(self) -> str:
        return f"<Dealing of {len(self.shares)}>"

    def wipe(self) -> None:
        """Zero the shares."""
        group.wipe(*self.shares)


def deal(threshold: int, members: int, *, context: bytes) -> Dealing:
    """Draw a secret and deal it; the secret and the polynomial are zeroed before this returns.

    Args:
        threshold: members that it takes, 2 to `members`.
        members: how many there are, at most 16.
        context: names set and dealer, for the proof.

    Raises:
        ShareError: numbers out of range.
    """
    require_sizes(threshold, members)
    polynomial = [group.random_scalar() for _ in range(threshold)]
    commitments = tuple(map(group.base, polynomial))
    shares = tuple(_evaluate(polynomial, member) for member in range(1, members + 1))
    possession = prove_possession(polynomial[0], commitments[0], context=context)
    group.wipe(*polynomial)
    return Dealing(commitments=commitments, shares=shares, possession=possession)


def require_sizes(threshold: int, members: int) -> None:
    """See that a threshold and a number of members fit.

    Raises:
        ShareError: they do not.
    """
    if not FEWEST <= threshold <= members <= MOST:
        raise ShareError(
            f"a threshold is {FEWEST} or more, and at most the number of members, which is at most {MOST}"
        )


def check(commitments: Sequence[bytes], member: int, share: Buffer) -> None:
    """See that a share is the one that was committed to.

    Args:
        commitments: the dealer's.
        member: whose share it is, from 1.
        share: 32 bytes.

    Raises:
        ShareError: it is not, or bytes are no scalar or no element.
    """
    try:
        fits = hmac.compare_digest(group.base(share), public_share(commitments, member))
    except GroupError as error:
        raise ShareError("the share or a commitment is malformed") from error
    if not fits:
        raise ShareError("the share does not fit the dealer's commitments")


def public_share(commitments: Sequence[bytes], member: int) -> bytes:
    """Compute what a member's share times the generator must be, from the commitments alone.

    Raises:
        GroupError: a commitment is no element.
    """
    found = commitments[-1]
    for commitment in reversed(commitments[:-1]):
        found = group.add(group.multiply(_scalar(member), found), commitment)
    return found


def total(shares: Iterable[Buffer]) -> bytearray:
    """Add the shares dealt to one member; the parts are left as they are.

    Raises:
        GroupError: one is no scalar.
        ShareError: there is none.
    """
    found: bytearray | None = None
    for each in shares:
        group.require_scalar(each)
        found = bytearray(each) if found is None else group.scalar_add(found, each)
    if found is None:
        raise ShareError("there are no shares to add")
    return found


def total_public(elements: Iterable[bytes]) -> bytes:
    """Add elements, such as the constant terms of all dealers.

    Raises:
        GroupError: one is no element.
        ShareError: there is none.
    """
    first, *others = list(elements) or [b""]
    if not first:
        raise ShareError("there are no elements to add")
    group.require_element(first)
    for each in others:
        first = group.add(first, each)
    return first


def combine(parts: Mapping[int, bytes]) -> bytearray:
    """Join what m members computed with their shares: Lagrange's interpolation at zero, in the exponent.

    Args:
        parts: member to s_i E, each checked by its proof; exactly as many as the threshold.

    Returns:
        s E, 32 bytes, which the caller wipes.

    Raises:
        GroupError: a part is no element.
        ShareError: fewer than two.
    """
    if len(parts) < FEWEST:
        raise ShareError("it takes two members at least")
    members = sorted(parts)
    weighted = [group.multiply(_weight(member, members), parts[member]) for member in members]
    return bytearray(total_public(weighted))


def recover(shares: Mapping[int, Buffer]) -> bytearray:
    """Compute a dealt secret from shares of it: Lagrange's interpolation at zero, every step inside the library.

    Args:
        shares: member to f(member), each checked against the commitments; exactly as many as the threshold.

    Returns:
        f(0), 32 bytes, which the caller wipes.

    Raises:
        GroupError: a share is no scalar.
        ShareError: fewer than two.
    """
    if len(shares) < FEWEST:
        raise ShareError("it takes two members at least")
    members = sorted(shares)
    weighted = [group.scalar_multiply(_weight(member, members), shares[member]) for member in members]
    found = total(weighted)
    group.wipe(*weighted)
    return found


def prove_possession(secret: Buffer, public: bytes, *, context: bytes) -> bytes:
    """Prove knowledge of the secret behind a public element (Schnorr): c | s, 64 bytes."""
    nonce = group.random_scalar()
    challenge = _challenge(public, group.base(nonce), context)
    product = group.scalar_multiply(challenge, secret)
    response = group.scalar_subtract(nonce, product)
    group.wipe(nonce, product)
    return bytes(challenge) + bytes(response)


def check_possession(public: bytes, proof: bytes, *, context: bytes) -> None:
    """Check such a proof.

    Raises:
        ShareError: it does not hold.
    """
    if len(proof) != PROOF_SIZE:
        raise ShareError("a proof of possession has 64 bytes")
    challenge, response = proof[: group.SCALAR_SIZE], proof[group.SCALAR_SIZE :]
    try:
        made = group.add(group.base(response), group.multiply(challenge, public))
        holds = hmac.compare_digest(bytes(_challenge(public, made, context)), challenge)
    except GroupError as error:
        raise ShareError("the proof of possession is malformed") from error
    if not holds:
        raise ShareError("the proof of possession does not hold")


def _challenge(public: bytes, made: bytes, context: bytes) -> bytearray:
    return grouphash.to_scalar(public + made + b"Possession", context)


def _evaluate(polynomial: Sequence[bytearray], member: int) -> bytearray:
    """Compute f(member) by Horner's rule, every step inside the library."""
    found = bytearray(polynomial[-1])
    for coefficient in reversed(polynomial[:-1]):
        product = group.scalar_multiply(found, _scalar(member))
        group.wipe(found)
        found = group.scalar_add(product, coefficient)
        group.wipe(product)
    return found


def _weight(member: int, members: Sequence[int]) -> bytes:
    """Compute Lagrange's coefficient of a member at zero: public numbers."""
    above, below = 1, 1
    for other in members:
        if other != member:
            above, below = above * other % group.ORDER, below * (other - member) % group.ORDER
    return _scalar(above * pow(below, -1, group.ORDER) % group.ORDER)


def _scalar(number: int) -> bytes:
    """Encode a public number as a scalar."""
    return number.to_bytes(group.SCALAR_SIZE, "little")
