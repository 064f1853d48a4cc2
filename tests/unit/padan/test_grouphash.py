"""Hashing to the group and its proofs: every vector of RFC 9497 for ristretto255-SHA512, and another implementation."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from voprf import ristretto

from padan import dleq, group, grouphash
from padan.dleq import ProofError
from padan.group import GroupError

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors/rfc9497.json").read_text())
SUITES = VECTORS["suites"]
CONTEXT = b"a context of these tests"


def context(suite: dict[str, Any]) -> bytes:
    """Make RFC 9497's context string of a mode."""
    return b"OPRFV1-" + bytes([suite["mode"]]) + b"-" + grouphash.SUITE


def many(text: str) -> list[bytes]:
    """Read the values of a batch."""
    return [bytes.fromhex(each) for each in text.split(",")]


def cases(*modes: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """List the vectors of some modes with their suite."""
    return [(suite, case) for suite in SUITES if suite["mode"] in modes for case in suite["vectors"]]


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: str(suite["mode"]))
def test_keys_are_derived(suite: dict[str, Any]) -> None:
    """DeriveKeyPair gives the secret and public keys of all three modes."""
    secret = grouphash.derive_key(
        bytes.fromhex(suite["seed"]), bytes.fromhex(suite["keyInfo"]), context(suite)
    )
    assert secret.hex() == suite["skSm"]
    assert group.base(secret).hex() == suite.get("pkSm", group.base(secret).hex())


@pytest.mark.parametrize(("suite", "case"), cases(0, 1, 2))
def test_inputs_hash_to_the_group(suite: dict[str, Any], case: dict[str, Any]) -> None:
    """HashToGroup of an input, blinded, is the vector's blinded element; so is every item of a batch."""
    inputs, blinds = many(case["Input"]), many(case["Blind"])
    blinded = [
        group.multiply(blind, grouphash.to_group(each, context(suite)))
        for each, blind in zip(inputs, blinds, strict=True)
    ]
    assert blinded == many(case["BlindedElement"])


@pytest.mark.parametrize(("suite", "case"), cases(1))
def test_proofs_are_those_of_the_rfc(suite: dict[str, Any], case: dict[str, Any]) -> None:
    """With the vector's nonce a proof has the RFC's bytes, alone and over a batch, and it is found good."""
    pairs = list(zip(many(case["BlindedElement"]), many(case["EvaluationElement"]), strict=True))
    secret, public = bytes.fromhex(suite["skSm"]), bytes.fromhex(suite["pkSm"])
    nonce = bytearray.fromhex(case["Proof"]["r"])
    proof = dleq.prove(secret, public, pairs, context=context(suite), nonce=nonce)
    assert proof.hex() == case["Proof"]["proof"]
    assert nonce == bytes(32)
    dleq.check(public, pairs, proof, context=context(suite))


VOPRF = b"OPRFV1-\1-" + grouphash.SUITE
SEED, INFO, INPUT = bytes(range(32)), b"cross-check", b"an input"


def test_another_implementation_accepts_our_proof() -> None:
    """The Rust library `voprf` verifies what our key evaluates and proves, and ends at the element that we compute."""
    key = grouphash.derive_key(SEED, INFO, VOPRF)
    public = group.base(key)
    client, blinded = ristretto.Client.blind(INPUT)
    evaluated = group.multiply(key, blinded.serialize())
    proof = dleq.prove(key, public, [(blinded.serialize(), evaluated)], context=VOPRF)
    output = client.finalize(
        ristretto.VerifiableOutput.deserialize(proof + evaluated), ristretto.PublicKey.deserialize(public)
    )
    element = group.multiply(key, grouphash.to_group(INPUT, VOPRF))
    framed = len(INPUT).to_bytes(2, "big") + INPUT + len(element).to_bytes(2, "big") + element
    assert output == hashlib.sha512(framed + b"Finalize").digest()
    wrong = proof[:-1] + bytes([proof[-1] ^ 1]) + evaluated
    with pytest.raises(ValueError, match="roof"):
        client.finalize(
            ristretto.VerifiableOutput.deserialize(wrong), ristretto.PublicKey.deserialize(public)
        )


def test_we_accept_another_implementations_proofs() -> None:
    """What `voprf` evaluates and proves under the same seed is what we compute, alone and in a batch."""
    server = ristretto.Evaluator.from_seed(SEED, INFO)
    key = grouphash.derive_key(SEED, INFO, VOPRF)
    public = server.public_key.serialize()
    assert public == group.base(key)
    blinded = [ristretto.Client.blind(bytes([number]))[1] for number in range(3)]
    one = bytes(server.evaluate(blinded[0]).serialize())
    first = blinded[0].serialize()
    assert one[64:] == group.multiply(key, first)
    dleq.check(public, [(first, one[64:])], one[:64], context=VOPRF)
    batch = bytes(server.evaluate_batch(blinded).serialize())
    pairs = [(each.serialize(), group.multiply(key, each.serialize())) for each in blinded]
    dleq.check(public, pairs, batch[:64], context=VOPRF)


def made(count: int = 3) -> tuple[bytearray, bytes, list[tuple[bytes, bytes]], bytes]:
    """Make a secret, its public key, pairs and their proof."""
    secret = group.random_scalar()
    firsts = [group.base(group.random_scalar()) for _ in range(count)]
    pairs = [(first, group.multiply(secret, first)) for first in firsts]
    public = group.base(secret)
    return secret, public, pairs, dleq.prove(secret, public, pairs, context=CONTEXT)


def test_what_a_proof_does_not_show_is_refused() -> None:
    """Another key, pair, order, context, bit or size: each is refused."""
    _, public, pairs, proof = made()
    dleq.check(public, pairs, proof, context=CONTEXT)
    other = group.base(group.random_scalar())
    flipped = [proof[:at] + bytes([proof[at] ^ 1]) + proof[at + 1 :] for at in (0, 31, 32, 63)]
    wrong = [
        (other, pairs, proof, CONTEXT),
        (public, [*pairs[:2], (pairs[2][0], other)], proof, CONTEXT),
        (public, [*pairs[:2], (other, pairs[2][1])], proof, CONTEXT),
        (public, pairs[::-1], proof, CONTEXT),
        (public, pairs[:2], proof, CONTEXT),
        (public, [], proof, CONTEXT),
        (public, pairs, proof, CONTEXT + b"."),
        (public, pairs, proof[:-1], CONTEXT),
        (bytes(32), pairs, proof, CONTEXT),
        (public, [*pairs[:2], (pairs[2][0], bytes(32))], proof, CONTEXT),
        *((public, pairs, each, CONTEXT) for each in flipped),
    ]
    for key, about, shown, where in wrong:
        with pytest.raises(ProofError):
            dleq.check(key, about, shown, context=where)


def test_two_proofs_of_one_statement_share_nothing() -> None:
    """Each proof draws a nonce of its own: a repeated one would give the secret away."""
    secret, public, pairs, proof = made(1)
    again = dleq.prove(secret, public, pairs, context=CONTEXT)
    assert proof[:32] != again[:32]


def test_expansion_keeps_within_its_bounds() -> None:
    """Long tags are hashed, sizes run to 16,320 bytes, and nothing beyond is expanded."""
    assert grouphash.expand(b"", b"t", 48)[:16] != grouphash.expand(b"", b"t", 64)[:16]
    assert len(grouphash.expand(b"m", b"t" * 256, 16_320)) == 16_320
    for tag, size in ((b"", 64), (b"t", 0), (b"t", 16_321)):
        with pytest.raises(GroupError):
            grouphash.expand(b"m", tag, size)
    with pytest.raises(GroupError):
        grouphash.derive_key(bytes(31), b"", CONTEXT)


def test_the_oversize_tag_is_hashed_as_the_rfc_says() -> None:
    """A tag above 255 bytes is SHA-512 of "H2C-OVERSIZE-DST-" and the tag (RFC 9380 section 5.3.3)."""
    tag = b"t" * 300
    short = hashlib.sha512(b"H2C-OVERSIZE-DST-" + tag).digest()
    assert grouphash.expand(b"m", tag, 64) == grouphash.expand(b"m", short, 64)
