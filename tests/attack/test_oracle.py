"""Attacks 1 to 5: enumeration, existence, attribute guessing, parallel guessing, threshold shopping.

They run against the core on simulated ground, so that thousands of guesses take seconds; the same core answers over
the wire in tests/integration.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from padan import entry as log_entry
from padan.entry import EntryKind, Field
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2
from tests.people import BUDI, SARI, UNKNOWN_NIK
from tests.service import request
from tests.simulator.world import World
from tests.terms import Terms
from verifier.errors import VerifierError

if TYPE_CHECKING:
    from verifier.call import Reply

pytestmark = pytest.mark.attack

NAME = vocabulary.ATTRIBUTE_NAME
BIRTH_DATE = vocabulary.ATTRIBUTE_BIRTH_DATE
SEX = vocabulary.ATTRIBUTE_SEX
DISTRICT = vocabulary.ATTRIBUTE_DISTRICT
MARITAL = vocabulary.ATTRIBUTE_MARITAL_STATUS
AGE = vocabulary.ATTRIBUTE_AGE_AT_LEAST
BLOCKED = vocabulary.VERDICT_BLOCKED
MATCH = vocabulary.VERDICT_MATCH
NO_MATCH = vocabulary.VERDICT_NO_MATCH
PEOPLE = 500
SERIALS = 60
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ "


def answer_of(reply: Reply) -> verification_pb2.VerifyResponse | None:
    """Parse an answer; None for a refusal."""
    return None if reply.body is None else verification_pb2.VerifyResponse.FromString(reply.body)


def reason_of(reply: Reply) -> str:
    """Name a refusal's reason."""
    assert isinstance(reply.error, VerifierError)
    return reply.error.reason


def victims() -> list[dict[str, str]]:
    """Make people whose birth date, sex and district an attacker knows, with a serial that he does not."""
    people = []
    for number in range(PEOPLE):
        day, month, year = number % 28 + 1, number // 28 % 12 + 1, 60 + number % 40
        nik = f"327301{day:02}{month:02}{year:02}{9001 + number % SERIALS:04}"
        people.append(
            {
                **BUDI,
                "NIK": nik,
                "NAMA_LGKP": f"WARGA {chr(65 + number % 26)}ANTO",
                "TGL_LHR": f"19{year}-{month:02}-{day:02}",
            }
        )
    return people


def test_enumeration_by_what_a_number_implies_confirms_nobody() -> None:
    """Attack 1: with birth date, sex and district alone no question is answered, by one agency or by five."""
    people = victims()
    world = World(seed=1, agencies={f"agency-{n}": Terms() for n in range(5)}, people=people)
    answered = 0
    for number, person in enumerate(people):
        for serial in range(0, SERIALS, 12):
            nik = f"{person['NIK'][:12]}{9001 + serial:04}"
            claims = {BIRTH_DATE: person["TGL_LHR"], SEX: "1", DISTRICT: "327301"}
            (reply,) = world.ask(f"agency-{number % 5}", request(nik=nik, claims=claims))
            answered += reply.body is not None
            assert reason_of(reply) == "ANCHOR_REQUIRED"
    assert answered == 0


def test_enumeration_with_the_name_stays_within_the_budgets() -> None:
    """Attack 1: each agency gets no more answers about a prefix than its budget, and every block is an alert."""
    people = victims()[:40]
    prefix_budget = 9
    terms = Terms(subject=60, prefix=prefix_budget)
    world = World(seed=2, agencies={f"agency-{n}": terms for n in range(5)}, people=people)
    for agency in world.agreements.terms:
        for person in people:
            answers: Counter[int] = Counter()
            for serial in range(SERIALS):
                nik = f"{person['NIK'][:12]}{9900 - serial:04}"
                (reply,) = world.ask(agency, request(nik=nik, claims={NAME: person["NAMA_LGKP"]}))
                answer = answer_of(reply)
                assert answer is not None
                answers[answer.outcome] += 1
            assert answers[MATCH] + answers[NO_MATCH] <= prefix_budget
    alerts = [log_entry.decode(row.entry) for row in world.log.rows if row.kind == EntryKind.BUDGET_ALERT]
    blocked = {(alert.text(Field.AGENCY), index) for index, alert in enumerate(alerts)}
    assert len(blocked) == 5 * len(people)
    assert {alert.text(Field.AGENCY) for alert in alerts} == set(world.agreements.terms)
    assert all(alert.text(Field.OFFICER) == "officer-1" for alert in alerts)
    assert not any(person["NIK"][:12].encode() in row.entry for row in world.log.rows for person in people)


def test_a_victim_of_guessing_is_not_locked_out_of_another_agency() -> None:
    """Attack 1: while four agencies guess about a resident, a fifth one's first two questions are answered."""
    world = World(seed=3, agencies={f"agency-{n}": Terms(subject=60) for n in range(5)}, people=[dict(BUDI)])
    for agency in ("agency-0", "agency-1", "agency-2", "agency-3"):
        for _ in range(30):
            world.ask(agency, world.question(right=False))
    (first,) = world.ask("agency-4", world.question(right=False))
    (second,) = world.ask("agency-4", world.question(right=True))
    (third,) = world.ask("agency-4", world.question(right=False))
    outcomes = [answer.outcome for answer in map(answer_of, (first, second, third)) if answer is not None]
    assert outcomes[:2] == [NO_MATCH, MATCH]


def test_unknown_and_mismatch_have_one_shape() -> None:
    """Attack 2: status, size and fields of an answer do not tell whether a number is held."""
    people = victims()
    world = World(seed=4, agencies={"tax": Terms(subject=10_000, prefix=100_000)}, people=people)
    shapes = set()
    for person in people:
        unknown = f"{person['NIK'][:12]}9999"
        for nik in (person["NIK"], unknown):
            (reply,) = world.ask(
                "tax", request(nik=nik, claims={NAME: "SITI RAHAYU", SEX: "2", MARITAL: "1"})
            )
            answer = answer_of(reply)
            assert reply.body is not None
            assert answer is not None
            verdicts = tuple((item.attribute, item.verdict) for item in answer.verdicts)
            shapes.add((len(reply.body), answer.outcome, verdicts, len(answer.contest)))
    assert len(shapes) == 1


def test_guessing_an_attribute_ends_at_the_budget() -> None:
    """Attack 3: after the budget there is only BLOCKED, and the log bounds what was learnt."""
    budget = 6
    world = World(seed=5, agencies={"tax": Terms(subject=budget)}, people=[dict(BUDI)])
    outcomes = []
    for guess in range(40):
        claims = {NAME: BUDI["NAMA_LGKP"], MARITAL: str(guess % 4 + 1), AGE: "17"}
        (reply,) = world.ask("tax", request(claims=claims))
        answer = answer_of(reply)
        assert answer is not None
        outcomes.append(answer.outcome)
    released = sum(row.outcome not in {0, BLOCKED} for row in world.log.rows if row.kind == EntryKind.VERIFY)
    assert outcomes.count(BLOCKED) == 40 - released
    assert set(outcomes[released:]) == {BLOCKED}
    assert math.log2(released + 1) <= math.log2(budget + 1)


def test_a_failed_anchor_says_nothing_about_the_rest() -> None:
    """Attack 3: with the wrong name, right and wrong further claims get the same bytes but for what is random."""
    world = World(seed=6, agencies={"tax": Terms(subject=10_000)}, people=[dict(BUDI)])
    seen = set()
    for marital in "1234":
        for date in ("1990-01-01", "1991-01-01"):
            claims = {NAME: "SITI RAHAYU", MARITAL: marital, BIRTH_DATE: date}
            (reply,) = world.ask("tax", request(claims=claims))
            answer = answer_of(reply)
            assert answer is not None
            seen.add((answer.outcome, tuple(item.verdict for item in answer.verdicts)))
    assert seen == {(NO_MATCH, (NO_MATCH,) * 3)}


def test_a_thousand_parallel_guesses_release_the_budget() -> None:
    """Attack 4: a thousand guesses in one batch release no more answers than the budget."""
    world = World(seed=7, agencies={"tax": Terms(subject=5)}, people=[dict(BUDI), dict(SARI)])
    replies = world.ask("tax", *(world.question(right=False) for _ in range(1_000)))
    outcomes = Counter(answer.outcome for answer in map(answer_of, replies) if answer is not None)
    assert outcomes == {NO_MATCH: 5, BLOCKED: 995}


def test_climbing_by_letters_gains_nothing() -> None:
    """Attack 5: a thousand one-letter edits from another name are all NO: no step is told from another."""
    world = World(seed=8, agencies={"tax": Terms(subject=100_000, prefix=100_000)}, people=[dict(BUDI)])
    world.core._drafts._joint_subject = world.core._drafts._joint_prefix = 10**6
    world.core._drafts._limits.cache_clear()
    random, name = world.random, list("SITI RAHAYU")
    outcomes: Counter[int] = Counter()
    for _ in range(1_000):
        name[random.randrange(len(name))] = random.choice(LETTERS)
        value = "".join(name) if any(letter != " " for letter in name) else "X"
        (reply,) = world.ask("tax", request(claims={NAME: value}))
        answer = answer_of(reply)
        assert answer is not None
        outcomes[answer.outcome] += 1
    assert outcomes == {NO_MATCH: 1_000}


def test_the_caller_cannot_name_a_threshold() -> None:
    """Attack 5: a request with a field of its own, such as a threshold, is refused whole."""
    world = World(seed=9, agencies={"tax": Terms()}, people=[dict(BUDI)])
    call = world.call("tax", world.question(right=True))
    forged = type(call)(
        raw=call.raw + bytes([0xF8, 0x01, 50]),
        certificate=call.certificate,
        peer=call.peer,
        remaining=call.remaining,
        arrived=call.arrived,
    )
    (reply,) = world.core.verify_many([forged])
    assert reason_of(reply) == "MALFORMED_MESSAGE"
    assert UNKNOWN_NIK.encode() not in world.log.rows[-1].entry
