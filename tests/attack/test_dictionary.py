"""Attack 9: a dictionary without the key. All that can be computed from a guess without the keys matches nothing."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import os
import random
import uuid
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from keys.mac import MacKey
from padan import canonical, commitment
from padan import nik as nik_grammar
from padan.v1 import attribute_pb2, verification_pb2
from tests.attack import dump

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.attack

_PEOPLE = 1_500
_GUESSES = [100_000, pytest.param(10_000_000, marks=pytest.mark.long)]
_TIMEOUT = 1_800
_CHUNK = 100_000
_NO_KEYS = (b"", bytes(32), b"\xff" * 32, b"padan", dump.REALM.registry_id.encode())


@pytest.fixture(scope="module")
def holder() -> dump.Keyholder:
    """Hold the keys."""
    return dump.Keyholder()


@pytest.fixture(scope="module")
def rows(holder: dump.Keyholder) -> list[tuple[dump.Truth, bytes, bytes]]:
    """Project people."""
    return dump.projected(holder, _PEOPLE)


def guesses(rows: list[tuple[dump.Truth, bytes, bytes]], count: int) -> Iterator[bytes]:
    """Guess the number of everybody in the dump first, then numbers shaped like theirs."""
    true = [truth.nik.value.encode() for truth, _, _ in rows]
    order = random.Random(9)
    places = sorted({number[:6] for number in true})
    yield from itertools.islice(true, count)
    for _ in range(count - len(true)):
        day, month, year = order.randint(1, 28), order.randint(1, 12), order.randint(0, 99)
        serial = order.randint(1, 9_999)
        yield b"%b%02d%02d%02d%04d" % (order.choice(places), day, month, year, serial)


def keyless() -> list[Callable[[bytes], bytes]]:
    """List what a thief without keys can make of a guess: hashes, and our own construction under keys that are none."""
    prefix = dump.REALM.prefix("record")
    bound = [MacKey(key.ljust(32, b"\0")).bind(prefix).mac for key in _NO_KEYS]
    start = hashlib.sha256(prefix)

    def labelled(guess: bytes) -> bytes:
        state = start.copy()
        state.update(len(guess).to_bytes(4, "big") + guess)
        return state.digest()

    return [
        lambda guess: hashlib.sha256(guess).digest(),
        lambda guess: hashlib.md5(guess, usedforsecurity=False).digest(),
        lambda guess: hmac.digest(b"", guess, "sha256"),
        labelled,
        *bound,
    ]


@pytest.mark.timeout(_TIMEOUT)
@pytest.mark.parametrize("count", _GUESSES)
def test_guesses_without_keys_match_nothing(
    holder: dump.Keyholder, rows: list[tuple[dump.Truth, bytes, bytes]], count: int
) -> None:
    """Neither a stored token nor a word of a row is any keyless function of a guess."""
    stolen = dump.steal(holder.outer(epoch=1), rows)
    tokens, words = set(stolen.tokens), set(stolen.words().to_pylist())
    zero = Cipher(algorithms.AES(bytes(32)), modes.ECB()).encryptor()  # noqa: S305 -- one block, as the design has it
    functions = keyless()
    tried = matches = 0
    for guess in guesses(rows, count):
        tried += 1
        for function in functions:
            value = function(guess)
            matches += value[:16] in tokens or zero.update(value[:16]) in tokens
            matches += int.from_bytes(value[:8], "little") in words
    assert (tried, matches) == (count, 0)


@pytest.mark.timeout(_TIMEOUT)
@pytest.mark.parametrize("count", _GUESSES)
def test_a_destroyed_outer_key_leaves_nothing_to_match(
    holder: dump.Keyholder, rows: list[tuple[dump.Truth, bytes, bytes]], count: int
) -> None:
    """With the inner keys and the old outer key, every old row is found and no rotated one."""
    old = set(dump.steal(holder.outer(epoch=1), rows).tokens)
    rotated = set(dump.steal(holder.outer(epoch=2), rows).tokens)
    block, record_id = holder.block(epoch=1), holder.inner.record_id
    found_old = found_rotated = 0
    source = guesses(rows, count)
    while chunk := list(itertools.islice(source, _CHUNK)):
        ids = b"".join(record_id(nik_grammar.Nik(guess.decode())) for guess in chunk)
        stored = block.encrypt_many(ids)
        candidates = {stored[at : at + 16] for at in range(0, len(stored), 16)}
        candidates |= {ids[at : at + 16] for at in range(0, len(ids), 16)}
        found_old += len(candidates & old)
        found_rotated += len(candidates & rotated)
    assert (found_old, found_rotated) == (len(rows), 0)


def _question(nik: str) -> verification_pb2.VerifyRequest:
    return verification_pb2.VerifyRequest(
        request_id=str(uuid.uuid4()),
        blind=os.urandom(32),
        purpose="onboarding",
        officer="teller-7",
        nik=nik,
        claims=[verification_pb2.Claim(attribute=attribute_pb2.ATTRIBUTE_NAME, value="BUDI SANTOSO")],
        legal_basis=attribute_pb2.LEGAL_BASIS_CONTRACT,
    )


def digests_of_guesses(
    question: verification_pb2.VerifyRequest, agency: str, blind: bytes
) -> Callable[[bytes], bytes]:
    """Make the digest that the question would have about another number, under a blind that is guessed.

    The thief knows everything but number and blind. Only the subject's commitment differs between guesses, so
    the digest is computed around it.
    """
    mark = bytes(32)
    template = verification_pb2.VerifyRequest()
    template.CopyFrom(question)
    blinder = commitment.Blinder(blind)
    fields = {
        1: template.request_id.encode(),
        3: template.purpose.encode(),
        4: template.officer.encode(),
        6: mark,
        8: b"".join(
            blinder.claim(at, claim.attribute, claim.value) for at, claim in enumerate(template.claims)
        ),
        9: template.legal_basis.to_bytes(4, "big"),
        commitment.AGENCY_FIELD: agency.encode(),
    }
    before, _, after = canonical.encode(fields).partition(mark)
    start = hashlib.sha256(canonical.prefixed("padan/request-digest/1") + before)
    subject = hashlib.sha256(
        canonical.prefixed("padan/subject-commitment/1") + blinder.subject_key() + commitment.KIND_NIK
    )

    def digest(guess: bytes) -> bytes:
        inner = subject.copy()
        inner.update(guess)
        outer = start.copy()
        outer.update(inner.digest() + after)
        return outer.digest()

    return digest


@pytest.mark.timeout(_TIMEOUT)
@pytest.mark.parametrize("count", _GUESSES)
def test_request_digests_give_no_number_away(rows: list[tuple[dump.Truth, bytes, bytes]], count: int) -> None:
    """Whoever knows all of a request but number and blind finds the number by no digest in log or receipt."""
    question = _question(rows[17][0].nik.value)
    true = commitment.request_digest(question, "bank")
    blinds = [key.ljust(32, b"\0") for key in _NO_KEYS] + [question.request_id.encode()[:32]]
    attempts = [digests_of_guesses(question, "bank", blind) for blind in blinds]
    attempts.append(lambda guess: hashlib.sha256(guess).digest())
    assert not any(attempt(guess) == true for guess in guesses(rows, count) for attempt in attempts)


def test_the_digest_attack_works_with_the_blind(rows: list[tuple[dump.Truth, bytes, bytes]]) -> None:
    """The same search finds the number at once for whoever has the blind: the attack itself is sound."""
    question = _question(rows[17][0].nik.value)
    true = commitment.request_digest(question, "bank")
    attempt = digests_of_guesses(question, "bank", question.blind)
    assert [guess for guess in guesses(rows, len(rows)) if attempt(guess) == true] == [question.nik.encode()]
