"""The decision: what the comparison of a record with claims lets an agency know. Pure.

- An anchor must match; if none does, every verdict is NO_MATCH.
- NOT_HELD is said only after the anchor matched, or where the agreement grants existence.
- A matched claim about a record that is not active is MATCH_NOT_ACTIVE, without the reason.
- Where a resident's right stands above the question, every verdict is NOT_AVAILABLE, held or not, matched or not.
- Captures that are not good enough are QUALITY, all verdicts with them: decided before anything is looked up, so that
  it says nothing of the resident and costs nothing.
- Units are what the answer costs in guesses: one for each failed claim where answers are per claim, one for a failed
  answer otherwise, and one for each predicate whatever its answer. Each capture that was compared is a guess of its
  own: a failed modality costs as many as it had, and a failed answer of one verdict as many as there were.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from padan.v1 import attribute_pb2 as vocabulary
from padan.value import value
from padan.vocabulary import MODALITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

MATCH = vocabulary.VERDICT_MATCH
NO_MATCH = vocabulary.VERDICT_NO_MATCH
NOT_HELD = vocabulary.VERDICT_NOT_HELD
QUALITY = vocabulary.VERDICT_QUALITY
NOT_AVAILABLE = vocabulary.VERDICT_NOT_AVAILABLE
BLOCKED = vocabulary.VERDICT_BLOCKED
MATCH_NOT_ACTIVE = vocabulary.VERDICT_MATCH_NOT_ACTIVE

_FIRST_PREDICATE = vocabulary.ATTRIBUTE_AGE_AT_LEAST
_LIFE = frozenset({vocabulary.ATTRIBUTE_ALIVE, vocabulary.ATTRIBUTE_LIFE_STATUS})
_PASSED = frozenset({MATCH, MATCH_NOT_ACTIVE})
_VERDICTS = (
    ((NOT_HELD, NOT_HELD), (NOT_HELD, NOT_HELD)),
    ((NO_MATCH, NO_MATCH), (MATCH_NOT_ACTIVE, MATCH)),
)
"""A claim's verdict behind a matched anchor: by held, matched, and whether standing is no obstacle (the record is
active, or the claim is about life)."""
_OVERALL = tuple(
    next((weakest for weakest in (NO_MATCH, NOT_HELD, MATCH_NOT_ACTIVE) if seen >> weakest & 1), MATCH)
    for seen in range(1 << MATCH_NOT_ACTIVE + 1)
)
"""One verdict over all claims, by the set of their verdicts, bit n for verdict n."""


@value
class Finding:
    """What the comparison of one claim, or of the captures of one modality, found.

    Attributes:
        captures: of a modality how many were compared; of a claim none.
    """

    attribute: int
    matched: bool
    held: bool
    captures: int = 0


@value
class Decision:
    """What may be answered.

    Attributes:
        outcome: one verdict over all claims.
        verdicts: one verdict for each claim, in the order of the request.
        units: guesses that the answer costs.
    """

    outcome: int
    verdicts: tuple[int, ...]
    units: int


@lru_cache(maxsize=64)
def poor(parts: int) -> Decision:
    """Say that captures are not good enough, of a question of so many claims and modalities."""
    return Decision(outcome=QUALITY, verdicts=(QUALITY,) * parts, units=0)


def is_present(attributes: Sequence[int], decision: Decision) -> bool:
    """Say whether a capture matched, which shows that the resident is present; each verdict is looked at.

    That the record is not active says nothing of who is there: a match of it counts like any other.
    """
    shown = zip(attributes, decision.verdicts, strict=True)
    return sum((attribute in MODALITIES) & (verdict in _PASSED) for attribute, verdict in shown) > 0


def withhold(decision: Decision) -> Decision:
    """Say nothing of what was decided, and charge nothing for it: a resident's right stands above the question."""
    return _withheld(len(decision.verdicts))


@lru_cache(maxsize=256)
def _withheld(claims: int) -> Decision:
    return Decision(outcome=NOT_AVAILABLE, verdicts=(NOT_AVAILABLE,) * claims, units=0)


def is_predicate(attribute: int) -> bool:
    """Say whether the number is a predicate's."""
    return attribute >= _FIRST_PREDICATE


def cost_bound(attributes: Sequence[int], *, per_claim: bool, outcome: int = MATCH, captures: int = 0) -> int:
    """Compute the most units that an answer over these claims can cost, before anything is known of the subject.

    What captures alone decide costs nothing, so that no budget stands in its way.

    Args:
        attributes: of the claims, and each modality once.
        per_claim: the agreement grants a verdict for each claim.
        outcome: what is answered.
        captures: how many are good enough to be compared, of all modalities.
    """
    if outcome == QUALITY:
        return 0
    if per_claim:
        return len(attributes) - sum(map(MODALITIES.__contains__, attributes)) + captures
    return (captures or 1) + sum(map(is_predicate, attributes))


def decide(
    findings: Sequence[Finding],
    *,
    subject_held: bool,
    active: bool,
    anchor_sets: Sequence[frozenset[int]],
    existence: bool,
    per_claim: bool,
) -> Decision:
    """Decide over all claims of one request.

    Args:
        findings: one for each claim, in the order of the request; every claim has been evaluated.
        subject_held: the number stands in the registry; findings about a decoy never count.
        active: the record is active.
        anchor_sets: the purpose's anchors; one of them must match whole.
        existence: the agreement grants to learn that a number is not held.
        per_claim: the agreement grants a verdict for each claim.
    """
    # The same steps whatever matched: what comes of it must not show in the time.
    matched = {finding.attribute: finding.matched & subject_held for finding in findings}
    anchored = False
    for anchor in anchor_sets:
        whole = True
        for attribute in anchor:
            whole &= matched.get(attribute, False)
        anchored |= whole
    unanchored = NOT_HELD if existence and not subject_held else NO_MATCH
    verdicts: list[int] = []
    seen = failed = captures = predicates = passed_predicates = 0
    for finding in findings:
        attribute = finding.attribute
        own = _VERDICTS[finding.held][finding.matched][active | (attribute in _LIFE)]
        verdict = own if anchored else unanchored
        passed = verdict in _PASSED
        predicate = attribute >= _FIRST_PREDICATE
        seen |= 1 << verdict
        failed += (not passed) * (finding.captures or 1)
        captures += finding.captures
        predicates += predicate
        passed_predicates += predicate & passed
        verdicts.append(verdict)
    # Where there is one verdict all captures are charged, whichever part failed: else the cost would tell which.
    units = failed + passed_predicates if per_claim else predicates + (failed > 0) * (captures or 1)
    return Decision(outcome=_OVERALL[seen], verdicts=tuple(verdicts), units=units)
