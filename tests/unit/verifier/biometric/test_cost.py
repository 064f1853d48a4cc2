"""What captures cost, and who is blocked by it: on simulated ground, by what is answered afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from padan.v1 import attribute_pb2 as vocabulary
from padan.vocabulary import Attribute
from tests.people import ALMARHUM, BUDI, SARI, UNKNOWN_NIK
from tests.simulator.booth import Booth, answer_of, booth_with, verdicts_of
from tests.simulator.world import World
from tests.terms import Present, Terms

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME, FACE = Attribute.NAME, Attribute.FACE
MATCH, NO_MATCH, NOT_HELD = vocabulary.VERDICT_MATCH, vocabulary.VERDICT_NO_MATCH, vocabulary.VERDICT_NOT_HELD
QUALITY, BLOCKED = vocabulary.VERDICT_QUALITY, vocabulary.VERDICT_BLOCKED
NOT_ACTIVE = vocabulary.VERDICT_MATCH_NOT_ACTIVE
NIK, OTHER = BUDI["NIK"], SARI["NIK"]
CLAIM = {int(NAME): BUDI["NAMA_LGKP"]}


def _blocked(booth: Booth, agency: str, count: int) -> Iterator[bool]:
    for _ in range(count):
        yield answer_of(booth.ask(NIK, "face", booth.seen(booth.sari), agency=agency)).outcome == BLOCKED


def test_failed_captures_are_budgeted_and_a_match_releases_the_own_budget() -> None:
    """The fifth failure blocks; a match before it forgets what this agency had guessed, and no other agency's."""
    booth: Booth = booth_with(
        clinic=Terms(subject=4, present=Present()), tax=Terms(subject=4, present=Present())
    )
    assert not any(_blocked(booth, "tax", 3))
    assert not any(_blocked(booth, "clinic", 3))
    assert answer_of(booth.ask(NIK, "face", booth.seen(booth.budi))).outcome == MATCH
    assert list(_blocked(booth, "clinic", 5)) == [False] * 4 + [True]
    assert list(_blocked(booth, "tax", 2)) == [False, True]
    assert answer_of(booth.ask(NIK, "face", booth.seen(booth.budi))).outcome == BLOCKED


def test_a_match_of_a_record_that_is_not_active_releases_too() -> None:
    """It shows who is there as well as any other match, and what is forgotten tells nothing of the record."""
    number = ALMARHUM["NIK"]
    terms = Terms(subject=3, present=Present())
    booth = Booth(World(seed=5, agencies={"clinic": terms}, people=[dict(ALMARHUM)]))
    booth.enrol(number, "face", booth.budi)
    for _ in range(3):
        assert _tried(booth, number, 1, questions=2) == [NO_MATCH] * 2
        matched = answer_of(booth.ask(number, "face", booth.seen(booth.budi)))
        assert matched.outcome == NOT_ACTIVE


def _tried(booth: Booth, nik: str, captures: int, *, questions: int) -> list[int]:
    """Try strangers' faces, so many a question, and give the outcome of each question."""
    outcomes: list[int] = []
    for _ in range(questions):
        question = booth.question(nik)
        probes = [booth.probe(question, "face", booth.person()) for _ in range(captures)]
        outcomes.append(answer_of(booth.reply(question, *probes)).outcome)
    return outcomes


@pytest.mark.parametrize("form", ["per_claim", "overall"])
@pytest.mark.parametrize("captures", [1, 2, 3, 4])
def test_each_capture_that_is_compared_is_a_guess(captures: int, form: str) -> None:
    """However many a question brings, no more strangers are compared than the budget about a resident has."""
    for nik in (NIK, OTHER, UNKNOWN_NIK):
        booth: Booth = booth_with(clinic=Terms(subject=6, present=Present(form=form)))
        answered, left = divmod(6, captures)
        expected = [NO_MATCH] * answered + [BLOCKED] * 2
        assert _tried(booth, nik, captures, questions=answered + 2) == expected
        assert _tried(booth, nik, 1, questions=left + 1) == [NO_MATCH] * left + [BLOCKED]


def test_captures_of_what_is_not_held_cost_what_others_cost() -> None:
    """Three of an iris behind a matched name: NOT_HELD, and three guesses; one more fits into four, and no other."""
    booth: Booth = booth_with(clinic=Terms(subject=4, present=Present()))
    question = booth.question(NIK, claims=CLAIM)
    probes = [booth.probe(question, "iris", booth.person(), position=1) for _ in range(3)]
    assert verdicts_of(booth.reply(question, *probes)) == {NAME: MATCH, Attribute.IRIS: NOT_HELD}
    assert list(_blocked(booth, "clinic", 2)) == [False, True]


def test_one_verdict_costs_all_captures_whichever_part_failed() -> None:
    """Where an answer has one verdict, the room that is left does not tell whether the claim or the captures failed."""
    for status, is_there in (("4", True), (BUDI["STATUS_KAWIN"], False), ("4", False)):
        booth: Booth = booth_with(clinic=Terms(subject=3, present=Present(form="overall")))
        claims = {**CLAIM, int(Attribute.MARITAL_STATUS): status}
        question = booth.question(NIK, claims=claims)
        traits = booth.budi if is_there else booth.sari
        probes = [booth.probe(question, "face", booth.seen(traits)) for _ in range(2)]
        assert answer_of(booth.reply(question, *probes)).outcome == NO_MATCH
        assert _tried(booth, NIK, 1, questions=2) == [NO_MATCH, BLOCKED]


def test_captures_that_do_not_fit_are_blocked_whoever_is_captured() -> None:
    """Four captures where three guesses are left: nothing is said or charged, and three are answered."""
    for nik in (NIK, OTHER, UNKNOWN_NIK):
        booth: Booth = booth_with(clinic=Terms(subject=3, present=Present()))
        question = booth.question(nik)
        probes = [booth.probe(question, "face", booth.seen(booth.budi)) for _ in range(4)]
        reply = booth.reply(question, *probes)
        assert verdicts_of(reply) == {FACE: BLOCKED}
        assert _tried(booth, nik, 3, questions=2) == [NO_MATCH, BLOCKED]


def test_a_capture_that_is_too_poor_costs_nothing_beside_a_good_one() -> None:
    """A faint try takes no room in the budget, and none is charged for it."""
    booth: Booth = booth_with(clinic=Terms(subject=2, present=Present()))
    for expected in (NO_MATCH, NO_MATCH, BLOCKED):
        question = booth.question(NIK)
        probes = [booth.probe(question, "face", 0.1 * booth.person()) for _ in range(3)]
        stranger = booth.probe(question, "face", booth.person())
        assert answer_of(booth.reply(question, *probes, stranger)).outcome == expected


def test_quality_is_not_blocked_by_a_spent_budget() -> None:
    """It says nothing of the resident."""
    booth: Booth = booth_with(clinic=Terms(subject=2, present=Present()))
    assert list(_blocked(booth, "clinic", 3)) == [False, False, True]
    assert answer_of(booth.ask(NIK, "face", 0.1 * booth.seen(booth.budi))).outcome == QUALITY
