"""Claims against a record: matched or not, held or not.

Guarantees: every claim is evaluated, whatever came of the ones before; a claim costs the same work whatever the record
says, holds or lacks; no similarity leaves this module, only whether it reached the suite's threshold.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING, Final, NamedTuple

from padan.value import value
from tokenizer import bloom, dates
from tokenizer.attribute import REGION_LEVELS, Attribute, Kind, Profile
from tokenizer.codes import ALIVE
from tokenizer.record import COUNT_AT, COUNT_SIZE, GUARD_AT, JOINED_AT, TOLERANT_AT
from tokenizer.suite import SUITE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import date

    from tokenizer.claim import Claim
    from tokenizer.inner import Inner
    from tokenizer.record import Record

_ALIVE: Final = ALIVE.encode()
_LIFE_SLOT: Final = Attribute.LIFE_STATUS - 1


@value
class ClaimResult:
    """What a record says to a claim."""

    matched: bool
    held: bool
    """Whether the registry holds the attribute; never false where `matched` is true."""


_RESULTS: Final = tuple(
    tuple(ClaimResult(matched=matched, held=held) for held in (False, True)) for matched in (False, True)
)
"""The results that there are: making one costs as much as a MAC."""


class Question(NamedTuple):
    """What is the same for all claims of a request."""

    inner: Inner
    r: bytes
    record: Record
    profile: int
    as_of: date


def evaluate(
    inner: Inner, r: bytes, claims: Iterable[Claim], record: Record, profile: int, *, as_of: date
) -> tuple[ClaimResult, ...]:
    """Compare claims with a record.

    Args:
        inner: the epoch's inner keys.
        r: record id of the subject of the request, which may differ from the record's own (a decoy).
        claims: what is claimed.
        record: an opened row.
        profile: `Profile.STRICT` or `Profile.TOLERANT`, for texts.
        as_of: day of the registry's data, on which ages are counted.

    Returns:
        a result for each claim, in their order.
    """
    question = Question(inner, r, record, profile, as_of)
    results = []
    for claim in claims:
        matched = _TESTS[claim.info.kind](question, claim)
        held = record.holds(_held_slot(claim))
        results.append(_RESULTS[matched & held][held])
    return tuple(results)


def _held_slot(claim: Claim) -> int:
    info = claim.info
    return REGION_LEVELS[len(claim.exact)] - 1 if info.kind is Kind.RESIDENCE else info.slot


def _exact(question: Question, claim: Claim) -> bool:
    slot = claim.info.slot
    return compare_digest(question.inner.exact(slot, question.r, claim.exact), question.record.exact(slot))


def _text(question: Question, claim: Claim) -> bool:
    if claim.text is None:
        return False
    if question.profile == Profile.TOLERANT:
        return _tolerant(question, claim)
    slot = claim.info.slot
    return compare_digest(
        question.inner.exact(slot, question.r, claim.text.strict), question.record.exact(slot)
    )


def _tolerant(question: Question, claim: Claim) -> bool:
    inner, r, record, attribute, form = (
        question.inner, question.r, question.record, claim.attribute, claim.text
    )  # fmt: skip
    if form is None:
        return False
    suite = SUITE.filters[attribute]
    same = compare_digest(inner.tolerant(attribute, r, form), record.at(TOLERANT_AT[attribute]))
    similar = bloom.similar(inner.filter(attribute, r, form), record.filter(attribute), suite)
    if form.name is None:
        return same | similar
    name = inner.name(attribute, r, form.name)
    guarded = compare_digest(name.guard, record.at(GUARD_AT[attribute]))
    joined = compare_digest(name.joined, record.at(JOINED_AT[attribute]))
    as_many = compare_digest(name.words, record.at(COUNT_AT[attribute], COUNT_SIZE))
    return same | (similar & guarded) | (joined & (not as_many))


def _age(question: Question, claim: Claim) -> bool:
    last = dates.day_number(dates.latest_birth(question.as_of, claim.number))
    matched = False
    for level, prefix, real in dates.cover(min(last, dates.LAST_NUMBER - 1)):
        token = question.inner.dyadic(question.r, level, prefix)
        matched |= compare_digest(token, question.record.dyadic(level)) & real
    return matched


def _residence(question: Question, claim: Claim) -> bool:
    slot = REGION_LEVELS[len(claim.exact)] - 1
    return compare_digest(question.inner.exact(slot, question.r, claim.exact), question.record.exact(slot))


def _alive(question: Question, claim: Claim) -> bool:
    token = question.inner.exact(_LIFE_SLOT, question.r, _ALIVE)
    return compare_digest(token, question.record.exact(_LIFE_SLOT)) == bool(claim.number)


_TESTS: Final[Mapping[Kind, Callable[[Question, Claim], bool]]] = {
    Kind.NAME: _text,
    Kind.PLACE: _text,
    Kind.ADDRESS: _text,
    Kind.DATE: _exact,
    Kind.CODE: _exact,
    Kind.REGION: _exact,
    Kind.NEIGHBOURHOOD: _exact,
    Kind.FAMILY_CARD: _exact,
    Kind.AGE: _age,
    Kind.RESIDENCE: _residence,
    Kind.ALIVE: _alive,
}
