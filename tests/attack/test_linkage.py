"""Attack 10: two agencies that hold tokens alone, and everything they can see of them, find nobody whom both know.

The first part joins two columns of tokens by every likeness of bytes, of order and of time. A figure passes with its
confidence: the bounds within which the true area lies, 95 times in 100, may be as far from one half as the margin says
and no farther. The second lets one agency do what
it can about half of the residents (all its questions, failed and matched, by token) and the other one look at every
answer of its own for a trace of it; with tokens charged to the budgets over all agencies the trace would be there.
"""

from __future__ import annotations

import math
import os
import random
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    """Compare two tokens in every simple way: equal, begin or end alike, as long, bits in common, near as numbers."""
    first, second = Token.parse(one), Token.parse(other)
    a, b = first.element + first.tag, second.element + second.tag
    return {
        "equal": float(a == b),
        "prefix": float(alike(a, b)),
        "suffix": float(alike(a[::-1], b[::-1])),
        "element's suffix": float(alike(first.element[::-1], second.element[::-1])),
        "length": -float(abs(len(one) - len(other))),
        "weight": -float(abs(weight(first.element) - weight(second.element))),
        "parity": float(weight(first.element) % 2 == weight(second.element) % 2),
        "bits": -float((int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).bit_count()),
        "near": -float(
            abs(int.from_bytes(first.element, "little") - int.from_bytes(second.element, "little"))
        ),
        "tags": -float((int.from_bytes(first.tag, "big") ^ int.from_bytes(second.tag, "big")).bit_count()),
    }


def alike(a: bytes, b: bytes) -> int:
    """Count the bits in which two texts begin alike."""
    for at, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return 8 * at + 8 - (x ^ y).bit_length()
    return 8 * min(len(a), len(b))


def weight(data: bytes) -> int:
    """Count the bits that are set."""
    return int.from_bytes(data, "big").bit_count()


def confidence(positives: int, negatives: int) -> float:
    """Give half the width of the interval that holds the true area 95 times in 100, where that is one half.

    Of Mann and Whitney's statistic without ties, which make it narrower: 1.96 sqrt((m + n + 1) / (12 m n)).
    """
    return 1.96 * math.sqrt((positives + negatives + 1) / (12 * positives * negatives))


def nearness(ours: Sequence[int], theirs: Sequence[int]) -> list[float]:
    """Say of each pair of places how near they are."""
    return [-float(abs(one - other)) for one, other in zip(ours, theirs, strict=True)]


@pytest.mark.parametrize(
    ("people", "margin"), [(3_000, 0.04), pytest.param(100_000, 0.01, marks=pytest.mark.long)]
)
def test_two_columns_of_tokens_share_nothing(people: int, margin: float) -> None:
    """For every likeness, a resident's two tokens are as alike as those of two residents; so are order and time."""
    tags = Tags(REALM, [MacKey(os.urandom(32))])
    tax, health = domain("tax", tags), domain("health", tags)
    source = random.Random(10)
    elements = [hashed(b"32730101%08d" % (90_000_000 + number)) for number in range(people)]
    # Each agency meets its residents in an order of its own; the place in it is the time of issue.
    times = [source.sample(range(people), people) for _ in range(2)]
    columns = [[b""] * people, [b""] * people]
    for issuer, column, order in zip((tax, health), columns, times, strict=True):
        for resident in sorted(range(people), key=order.__getitem__):
            column[resident] = issuer.issue(elements[resident])
    ours, theirs = columns
    figures = {}
    same = [likenesses(one, other) for one, other in zip(ours, theirs, strict=True)]
    apart = [likenesses(one, other) for one, other in zip(ours, shifted(theirs), strict=True)]
    for name in same[0]:
        figures[name] = auc([each[name] for each in same], [each[name] for each in apart])
    ranks = [places(column) for column in columns]
    pairs = {
        "order and order": (ranks[0], ranks[1]),
        "order and time": (ranks[0], times[1]),
        "time and order": (times[0], ranks[1]),
        "own order and time": (ranks[0], times[0]),
    }
    for name, (one, other) in pairs.items():
        figures[name] = auc(nearness(one, other), nearness(one, shifted(other)))
    width = confidence(people, people)
    for name, found in figures.items():
        print(f"{name}: AUC {found:.4f} +- {width:.4f}")
        assert abs(found - CHANCE) + width <= margin, name
    assert {len(token) for token in ours} == {len(ours[0])}
    assert not {Token.parse(each).element for each in ours} & {Token.parse(each).element for each in theirs}


def shifted(column: Sequence[Any]) -> list[Any]:
    """Put each resident's value beside the next one."""
    return [*column[1:], column[0]]


def places(column: Sequence[bytes]) -> list[int]:
    """Give the place of each token among all of them, by its bytes."""
    ranks = {token: place for place, token in enumerate(sorted(column))}
    return [ranks[token] for token in column]


def test_a_likeness_would_be_seen() -> None:
    """The control: with one key for two domains, and with elements that share two bits, the same figures jump."""
    tags = Tags(REALM, [MacKey(os.urandom(32))])
    tax = domain("tax", tags)
    ours = [tax.issue(hashed(b"32730101%08d" % (90_000_000 + number))) for number in range(300)]
    same = [likenesses(one, one) for one in ours]
    apart = [likenesses(one, other) for one, other in zip(ours, shifted(ours), strict=True)]
    for name in set(same[0]) - {"length"}:
        assert auc([each[name] for each in same], [each[name] for each in apart]) > 0.7, name
    assert auc(nearness(range(300), range(300)), nearness(range(300), shifted(range(300)))) > 0.99


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
