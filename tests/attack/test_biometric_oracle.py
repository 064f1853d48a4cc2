"""Attack 6, hill climbing: from captures that a number accepts to captures that look like its resident.

Scores of a few hundred queries rebuild a face ("Scores Tell Everything about Bob", IEEE S&P 2024). Here an attacker who
may ask changes a stranger's embedding a little each time and keeps what scores better. There is no score: the reply is
the same whatever the distance, so that every step is as good as any, and the budget ends the walk.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from padan import entry as log_entry
from padan.entry import EntryKind, Field
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2
from tests.people import BUDI
from tests.simulator.booth import Booth, answer_of
from tests.simulator.world import World
from tests.terms import Present, Terms

pytestmark = pytest.mark.attack

NIK = BUDI["NIK"]
MATCH, NO_MATCH, BLOCKED = vocabulary.VERDICT_MATCH, vocabulary.VERDICT_NO_MATCH, vocabulary.VERDICT_BLOCKED
STEP = 0.05
QUERIES = [pytest.param(400, id="quick"), pytest.param(10_000, id="whole", marks=pytest.mark.long)]


def booth(*, subject: int, joint: int = 10**9) -> Booth:
    """Enrol a resident's face at a clinic whose budget about a resident is given."""
    world = World(
        seed=6,
        agencies={"clinic": Terms(subject=subject, prefix=10**9, present=Present())},
        people=[dict(BUDI)],
    )
    drafts = world.ground["drafts"]
    drafts._joint_subject = drafts._joint_prefix = joint
    made = Booth(world)
    made.enrol(NIK, "face", made.budi)
    return made


def shape(reply: verification_pb2.VerifyResponse) -> bytes:
    """Give an answer without what is random in it or names the question."""
    stripped = verification_pb2.VerifyResponse()
    stripped.CopyFrom(reply)
    for name in ("request_id", "contest", "receipt"):
        stripped.ClearField(name)
    return stripped.SerializeToString()


@pytest.mark.parametrize("queries", QUERIES)
def test_climbing_finds_no_slope(queries: int) -> None:
    """Without a budget in its way a walk of small steps gets one and the same answer, and ends where it began."""
    made = booth(subject=10**9)
    start = here = made.person()
    replies: Counter[bytes] = Counter()
    outcomes: Counter[int] = Counter()
    last = b""
    for _ in range(queries):
        tried = here + STEP * made.person()
        tried = (tried / np.linalg.norm(tried)).astype(np.float32)
        answer = answer_of(made.ask(NIK, "face", tried))
        outcomes[answer.outcome] += 1
        told = shape(answer)
        replies[told] += 1
        if told != last:  # all that could be taken for a better step
            here, last = tried, told
    assert outcomes == {NO_MATCH: queries}
    assert len(replies) == 1
    assert abs(float(here @ made.budi) - float(start @ made.budi)) < 2 * STEP
    print(f"\n{queries:,} queries: {outcomes[MATCH]} accepted, {len(replies)} kind of reply")


@pytest.mark.parametrize("queries", QUERIES)
def test_tries_about_a_resident_end_at_the_budget(queries: int) -> None:
    """After as many failures as the agreement has there is BLOCKED alone, also for the right face."""
    budget = 6
    made = booth(subject=budget)
    outcomes: Counter[int] = Counter()
    for _ in range(queries - 1):
        outcomes[answer_of(made.ask(NIK, "face", made.person())).outcome] += 1
    outcomes[answer_of(made.ask(NIK, "face", made.seen(made.budi))).outcome] += 1
    assert outcomes == {NO_MATCH: budget, BLOCKED: queries - budget}
    rows = [row for row in made.world.log.rows if row.kind == EntryKind.VERIFY_BIOMETRIC]
    assert len(rows) == queries


def test_more_strangers_a_question_are_no_more_tries() -> None:
    """Four captures a question are four guesses: no more strangers are compared than the agreement has guesses."""
    budget = 6
    for brought in (1, 2, 3, 4):
        made = booth(subject=budget)
        compared = 0
        for captures in (brought,) * 20 + (1,) * 20:
            question = made.question(NIK)
            probes = [made.probe(question, "face", made.person()) for _ in range(captures)]
            outcome = answer_of(made.reply(question, *probes)).outcome
            assert outcome in {NO_MATCH, BLOCKED}
            compared += captures if outcome == NO_MATCH else 0
        assert compared == budget


def test_no_number_is_in_any_reply_or_entry() -> None:
    """Answers of one size and entries of one set of fields, near or far, at either level; receipts name the outcome."""
    for level in ("substantial", "high"):
        terms = Terms(subject=10**6, present=Present(level=level))
        made = Booth(World(seed=7, agencies={"clinic": terms}, people=[dict(BUDI)]))
        made.enrol(NIK, "face", made.budi)
        sizes, fields = set(), set()
        for noise in (0.1, 0.5, 1.0, 2.0, 4.0, 100.0):
            reply = made.ask(NIK, "face", made.seen(made.budi, noise=noise))
            answer = answer_of(reply)
            assert {item.name for item, _ in answer.ListFields()} == {
                "request_id",
                "outcome",
                "verdicts",
                "as_of",
                "contest",
            }
            sizes.add(len(reply.body or b""))
            entry = log_entry.decode(made.world.log.rows[-1].entry)
            fields.add((tuple(sorted(entry.fields)), tuple(entry.texts(Field.DETAIL))))
        assert len(sizes) == len(fields) == 1
