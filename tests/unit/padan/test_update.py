"""An agency's update of tokens: what is not shown to be of the same residents is not believed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from padan import dleq, update
from padan.errors import InvalidRequestError
from padan.group import Multiplier, base, random_scalar, scalar_invert, scalar_multiply
from padan.token import Token, update_context
from padan.update import MOST, Update, UpdateProofError
from padan.v1 import error_pb2, token_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

OLD, NEW = random_scalar(), random_scalar()
KEYS = {1: base(OLD), 2: base(NEW)}
QUOTIENT = scalar_multiply(NEW, scalar_invert(OLD))


def token(element: bytes, version: int) -> bytes:
    """Write a token; its tag is the service's, which nobody here checks."""
    return Token(domain="health", version=version, element=element, tag=os.urandom(16)).encode()


POINTS = [base(random_scalar()) for _ in range(3)]
SENT = [token(Multiplier(OLD).of(point), 1) for point in POINTS]


def answer(*, refused: int | None = None) -> token_pb2.UpdateTokensResponse:
    """Answer as the service does."""
    tokens = [token(Multiplier(NEW).of(point), 2) for point in POINTS]
    if refused is not None:
        tokens[refused] = b""
    pairs = [
        (Token.parse(before).element, Token.parse(after).element)
        for before, after in zip(SENT, tokens, strict=True)
        if after
    ]
    proof = dleq.prove(QUOTIENT, KEYS[2], pairs, context=update_context("health", 1, 2), origin=KEYS[1])
    made = token_pb2.UpdateTokensResponse(tokens=tokens, proof=proof, old_version=1, new_version=2)
    if refused is not None:
        made.faults.add(place=refused, reason=error_pb2.ERROR_REASON_TOKEN_REFUSED)
    return made


def test_what_is_proven_is_taken() -> None:
    """New tokens in the order of the old ones, and a refused one by its place."""
    found = update.read(answer(), SENT, KEYS)
    assert [Token.parse(each).element for each in found.tokens] == [Multiplier(NEW).of(p) for p in POINTS]
    assert (found.old_version, found.new_version, dict(found.refused)) == (1, 2, {})
    found = update.read(answer(refused=1), SENT, KEYS)
    assert (found.tokens[1], dict(found.refused)) == (b"", {1: "TOKEN_REFUSED"})
    assert "health" not in repr(found)


def exchange(made: token_pb2.UpdateTokensResponse) -> None:
    """Exchange two residents."""
    made.tokens[0], made.tokens[1] = made.tokens[1], made.tokens[0]


def drop(made: token_pb2.UpdateTokensResponse) -> None:
    """Leave one out."""
    del made.tokens[2]


def empty(made: token_pb2.UpdateTokensResponse) -> None:
    """Leave one empty without a word."""
    made.tokens[0] = b""


def repeat(made: token_pb2.UpdateTokensResponse) -> None:
    """Give one resident's token twice."""
    made.tokens[0] = made.tokens[1]


def back(made: token_pb2.UpdateTokensResponse) -> None:
    """Claim that nothing was to be moved."""
    made.new_version = 1


def unknown(made: token_pb2.UpdateTokensResponse) -> None:
    """Name a version without a key."""
    made.old_version = 7


def spoil(made: token_pb2.UpdateTokensResponse) -> None:
    """Change a bit of the proof."""
    made.proof = made.proof[:-1] + bytes((made.proof[-1] ^ 1,))


def strange(made: token_pb2.UpdateTokensResponse) -> None:
    """Give what is no token."""
    made.tokens[0] = b"strange"


@pytest.mark.parametrize("change", [exchange, drop, empty, repeat, back, unknown, spoil, strange])
def test_what_is_not_proven_is_not_believed(
    change: Callable[[token_pb2.UpdateTokensResponse], None],
) -> None:
    """Exchanged, missing, repeated and unproven tokens are all refused, and the old ones kept."""
    made = answer()
    change(made)
    with pytest.raises(UpdateProofError, match="not believed"):
        update.read(made, SENT, KEYS)


def test_a_published_key_decides() -> None:
    """A proof for another key than the published one shows nothing."""
    with pytest.raises(UpdateProofError):
        update.read(answer(), SENT, {**KEYS, 2: base(random_scalar())})
    with pytest.raises(UpdateProofError):
        update.read(answer(), SENT, {2: KEYS[2]})


def test_tokens_of_the_newest_version_must_come_back_unchanged() -> None:
    """Without a proof only the same elements are taken."""
    same = token_pb2.UpdateTokensResponse(tokens=SENT, old_version=1, new_version=1)
    assert update.read(same, SENT, KEYS).tokens == tuple(SENT)
    exchange(same)
    with pytest.raises(UpdateProofError):
        update.read(same, SENT, KEYS)


def test_a_call_says_who_asks_and_how_far_it_is() -> None:
    """The request holds what the contract asks for; none and too many tokens are refused before they are sent."""
    terms: dict[str, Any] = {"purpose": "service", "officer": "batch", "legal_basis": "public_task"}
    made = token_pb2.UpdateTokensRequest.FromString(Update.build(SENT, **terms, done=3, total=9).body)
    assert (list(made.tokens), made.progress.done, made.progress.total) == (SENT, 3, 9)
    assert (made.circumstances.purpose, len(made.circumstances.blind)) == ("service", 32)
    for tokens in ([], SENT[:1] * (MOST + 1), [*SENT, token(POINTS[0], 2)], [b"strange"]):
        with pytest.raises(InvalidRequestError):
            Update.build(tokens, **terms)
