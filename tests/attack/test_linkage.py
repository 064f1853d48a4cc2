"""Attack 10: two agencies that hold tokens alone, and everything they can see of them, find nobody whom both know.

The first part joins two columns of tokens by every likeness of bytes and of order. The second lets one agency do what
it can about half of the residents (all its questions, failed and matched, by token) and the other one look at every
answer of its own for a trace of it; with tokens charged to the budgets over all agencies the trace would be there.
"""

from __future__ import annotations

import os
import random

import pytest

from keys.mac import MacKey
from keys.tokenkey import TokenKey, hashed
from padan.token import Token
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2
from tests.attack.classifier import auc, separation
from tests.people import BUDI
from tests.service import request
from tests.simulator.world import REALM, World
from tests.terms import Terms
from tokenizer.token import Domain, Quotients, Tags
from verifier import budget

pytestmark = pytest.mark.attack

NAME = vocabulary.ATTRIBUTE_NAME
CHANCE = 0.5


def domain(name: str, tags: Tags) -> Domain:
    """Make a domain with a random key."""
    return Domain(
        name=name,
        versions={1: TokenKey(os.urandom(32), info=b"attack")},
        current=1,
        ends={},
        tags=tags,
        quotients=Quotients(),
    )


def likenesses(one: bytes, other: bytes) -> dict[str, float]:
    """Compare two tokens in every simple way: equal, begins alike, bits in common, how near as numbers."""
    first, second = Token.parse(one), Token.parse(other)
    a, b = first.element + first.tag, second.element + second.tag
    alike = next((at for at, (x, y) in enumerate(zip(a, b, strict=True)) if x != y), len(a))
    return {
        "equal": float(a == b),
        "prefix": float(alike),
        "bits": -float((int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).bit_count()),
        "near": -float(
            abs(int.from_bytes(first.element, "little") - int.from_bytes(second.element, "little"))
        ),
        "tags": -float((int.from_bytes(first.tag, "big") ^ int.from_bytes(second.tag, "big")).bit_count()),
    }


@pytest.mark.parametrize(
    ("people", "margin"), [(3_000, 0.03), pytest.param(100_000, 0.01, marks=pytest.mark.long)]
)
def test_two_columns_of_tokens_share_nothing(people: int, margin: float) -> None:
    """For every likeness, a resident's two tokens are as alike as those of two residents; neither is their order."""
    tags = Tags(REALM, [MacKey(os.urandom(32))])
    tax, health = domain("tax", tags), domain("health", tags)
    elements = [hashed(b"32730101%08d" % (90_000_000 + number)) for number in range(people)]
    ours, theirs = [tax.issue(each) for each in elements], [health.issue(each) for each in elements]
    strangers = theirs[1:] + theirs[:1]
    same = [likenesses(one, other) for one, other in zip(ours, theirs, strict=True)]
    apart = [likenesses(one, other) for one, other in zip(ours, strangers, strict=True)]
    for name in same[0]:
        found = auc([each[name] for each in same], [each[name] for each in apart])
        assert abs(found - CHANCE) <= margin, name
    ranks = [{token: place for place, token in enumerate(sorted(column))} for column in (ours, theirs)]
    near = [
        [-float(abs(ranks[0][one] - ranks[1][other])) for one, other in zip(ours, column, strict=True)]
        for column in (theirs, strangers)
    ]
    assert abs(auc(*near) - CHANCE) <= margin
    assert {len(token) for token in ours} == {len(ours[0])}
    assert not {Token.parse(each).element for each in ours} & {Token.parse(each).element for each in theirs}


def traces(*, joint: bool, people: int = 60) -> float:
    """Say how well one agency sees from its own answers about whom another one asked."""
    source = random.Random(10)
    niks = [f"327301{1 + number % 28:02}{1 + number // 28:02}909001" for number in range(people)]
    world = World(
        seed=10,
        agencies={
            name: Terms(token_domain=name, subject=1_000, prefix=100_000) for name in ("tax", "health")
        },
        people=[{**BUDI, "NIK": nik} for nik in niks],
    )
    if joint:
        counters, limits = world.epoch.counter_keys.of, world.core._drafts._limits
        world.epoch.counter_keys.of = lambda **given: counters(**{**given, "joint": True})  # type: ignore[method-assign] # the guard taken out
        world.core._drafts._limits = lambda budgets, calls, **_: limits(budgets, calls, joint=True)  # type: ignore[assignment] # as above

    def ask(agency: str, token: bytes, name: str) -> verification_pb2.VerifyResponse:
        (reply,) = world.ask(agency, request(subject_token=token, claims={NAME: name}))
        assert reply.body is not None
        return verification_pb2.VerifyResponse.FromString(reply.body)

    def issue(agency: str, nik: str) -> bytes:
        (reply,) = world.ask(agency, request(nik=nik, issue_token=True))
        assert reply.body is not None
        return verification_pb2.VerifyResponse.FromString(reply.body).subject_token

    tokens = {agency: [issue(agency, nik) for nik in niks] for agency in ("tax", "health")}
    asked = set(source.sample(range(people), people // 2))
    for place in asked:
        for _ in range(45):
            ask("tax", tokens["tax"][place], "SITI RAHAYU")
        ask("tax", tokens["tax"][place], BUDI["NAMA_LGKP"])
    seen = []
    for place in range(people):
        answers = [
            ask("health", tokens["health"][place], name)
            for name in ("SITI RAHAYU",) * (budget.FLOOR + 1) + (BUDI["NAMA_LGKP"],)
        ]
        seen.append({f"{at}": f"{answer.outcome} {answer.ByteSize()}" for at, answer in enumerate(answers)})
    about = [each for place, each in enumerate(seen) if place in asked]
    others = [each for place, each in enumerate(seen) if place not in asked]
    return separation(about, others, seed=10)


def test_what_one_agency_asks_by_token_leaves_no_trace_for_another() -> None:
    """Outcomes and sizes are the same, whatever the other agency did."""
    assert abs(traces(joint=False) - CHANCE) <= 0.01


def test_the_trace_would_be_seen() -> None:
    """With the guard taken out the same look finds everybody."""
    assert traces(joint=True) > 0.95
