"""Proofs that one secret scalar stands behind several pairs of elements: the batched DLEQ of RFC 9497 section 2.2.

A proof for (k; A, B, C[], D[]) shows that B = k A and D[i] = k C[i] for every i, and nothing else about k. It is two
scalars, c | s, 64 bytes, whatever the number of pairs. Between parties that keep to one context it is made once and
for one statement. A is the generator where nothing else is said; another A stands in the context too, since the RFC's
transcript leaves it out.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
from typing import TYPE_CHECKING, Final

from padan import group, grouphash
from padan.errors import PadanError
from padan.group import GroupError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from padan.group import Buffer

PROOF_SIZE: Final = 2 * group.SCALAR_SIZE
MOST_PAIRS: Final = 65_535
GENERATOR: Final = bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76")


class ProofError(PadanError, ValueError):
    """A proof does not show what it claims to."""


def prove(
    secret: Buffer,
    public: bytes,
    pairs: Sequence[tuple[bytes, bytes]],
    *,
    context: bytes,
    origin: bytes = GENERATOR,
    nonce: bytearray | None = None,
) -> bytes:
    """Prove that public = k A, and that in each pair the second element is k times the first.

    Args:
        secret: k.
        public: k times A.
        pairs: (C, D), 1 to 65,535.
        context: names protocol and statement; whoever checks uses the same.
        origin: A.
        nonce: the scalar r of the proof, for vectors alone; wiped. Else a random one.

    Raises:
        GroupError: no scalar or no element.
        ProofError: no pair, or too many.
    """
    context = _bound(context, origin)
    weights = _weights(public, pairs, context)
    first = _sum(weights, [pair[0] for pair in pairs])
    # The sum of the second elements is k times that of the first: cheaper than adding them (ComputeCompositesFast).
    second = group.multiply(secret, first)
    drawn = group.random_scalar() if nonce is None else nonce
    challenge = _challenge(
        public, first, second, group.multiply(drawn, origin), group.multiply(drawn, first), context=context
    )
    product = group.scalar_multiply(challenge, secret)
    response = group.scalar_subtract(drawn, product)
    group.wipe(drawn, product)
    return bytes(challenge) + bytes(response)


def check(
    public: bytes,
    pairs: Sequence[tuple[bytes, bytes]],
    proof: bytes,
    *,
    context: bytes,
    origin: bytes = GENERATOR,
) -> None:
    """Check a proof; arguments as `prove`.

    Raises:
        ProofError: it does not hold, or bytes are no element, no scalar or no proof.
    """
    if len(proof) != PROOF_SIZE:
        raise ProofError("a proof has 64 bytes")
    challenge, response = proof[: group.SCALAR_SIZE], proof[group.SCALAR_SIZE :]
    context = _bound(context, origin)
    try:
        group.require_element(public)
        weights = _weights(public, pairs, context)
        first, second = (_sum(weights, [pair[side] for pair in pairs]) for side in (0, 1))
        third = group.add(group.multiply(response, origin), group.multiply(challenge, public))
        fourth = group.add(group.multiply(response, first), group.multiply(challenge, second))
        expected = _challenge(public, first, second, third, fourth, context=context)
    except GroupError as error:
        raise ProofError("the proof does not hold") from error
    if not hmac.compare_digest(bytes(expected), challenge):
        raise ProofError("the proof does not hold")


def _weights(public: bytes, pairs: Sequence[tuple[bytes, bytes]], context: bytes) -> list[group.Multiplier]:
    """Draw a weight for each pair that nobody can choose, under which the pairs are folded into one."""
    if not 1 <= len(pairs) <= MOST_PAIRS:
        raise ProofError(f"a proof is about 1 to {MOST_PAIRS:,} pairs")
    seed = hashlib.sha512(_framed(public) + _framed(b"Seed-" + context)).digest()
    start = _framed(seed)
    return [
        grouphash.to_multiplier(
            start + number.to_bytes(2, "big") + _framed(first) + _framed(second) + b"Composite", context
        )
        for number, (first, second) in enumerate(pairs)
    ]


def _sum(weights: Sequence[group.Multiplier], elements: Sequence[bytes]) -> bytes:
    """Add the elements under their weights (ComputeComposites)."""
    return functools.reduce(
        group.add,
        (weight.of(element) for weight, element in zip(weights, elements, strict=True)),
    )


def _bound(context: bytes, origin: bytes) -> bytes:
    return context if origin == GENERATOR else context + b"-from-" + origin


def _challenge(*elements: bytes, context: bytes) -> bytearray:
    transcript = b"".join(map(_framed, elements)) + b"Challenge"
    return grouphash.to_scalar(transcript, context)


def _framed(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data
