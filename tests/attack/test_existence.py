"""Attack 2 over the wire: nothing that a caller can see or time tells an unknown number from a known one."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2
from tests.attack import classifier
from tests.attack.network.wire import VERIFY
from tests.installation import install
from tests.people import BUDI
from tests.service import request, running
from tests.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import grpc

    from tests.service import RunningService

pytestmark = pytest.mark.attack

CHANCE = 0.03
"""How far from one half the area under the classifier's curve may be."""
_COUNTS = [150, pytest.param(2_000, marks=pytest.mark.long)]
_CLASSIFIED = 2_000
_SHAPES = ("status", "size", "headers", "trailers", "fields")
_CLAIMS = {
    vocabulary.ATTRIBUTE_NAME: "SITI RAHAYU",
    vocabulary.ATTRIBUTE_BIRTH_DATE: "1971-12-31",
    vocabulary.ATTRIBUTE_MARITAL_STATUS: "3",
}
_WARM_UP = 50

Seen = dict[str, str | float]


def numbers(count: int) -> list[str]:
    """Make numbers of one provenance; chance decides which of them the registry holds."""
    source = random.Random(2)
    drawn = {
        f"{source.randrange(11, 95)}{source.randrange(1, 80):02}{source.randrange(1, 40):02}"
        f"{source.randrange(1, 29):02}{source.randrange(1, 13):02}{source.randrange(50, 100)}"
        f"{source.randrange(1, 10_000):04}"
        for _ in range(2 * count)
    }
    shuffled = sorted(drawn)
    source.shuffle(shuffled)
    return shuffled


class Observer:
    """Asks about numbers and notes all that can be seen of an answer."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._verify: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(VERIFY)

    def __call__(self, nik: str) -> Seen:
        """Ask one question with claims that are all wrong."""
        raw = request(nik=nik, claims=_CLAIMS).SerializeToString()
        begun = time.perf_counter()
        body, call = self._verify.with_call(raw, timeout=10)
        latency = time.perf_counter() - begun
        answer = verification_pb2.VerifyResponse.FromString(body)
        answer.request_id = answer.contest = answer.receipt = "x"  # random, or signed over what is random
        answer.ClearField("as_of")
        return {
            "latency": latency,
            "status": call.code().name,
            "size": str(len(body)),
            "headers": repr(call.initial_metadata()),
            "trailers": repr(call.trailing_metadata()),
            "fields": answer.SerializeToString().hex(),
        }


def observe(
    service: RunningService, known: Sequence[str], unknown: Sequence[str]
) -> tuple[list[Seen], list[Seen]]:
    """Ask about all numbers in random order."""
    held = set(known)
    order = [*known, *unknown]
    random.Random(3).shuffle(order)
    seen: dict[bool, list[Seen]] = {True: [], False: []}
    with service.channel() as channel:
        ask = Observer(channel)
        for _ in range(_WARM_UP):
            ask(BUDI["NIK"])
        for nik in order:
            seen[nik in held].append(ask(nik))
    return seen[True], seen[False]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", _COUNTS)
def test_unknown_and_mismatching_numbers_look_the_same(tmp_path: Path, count: int) -> None:
    """Status, size, headers, trailers and fields are one; a classifier with the latency besides is at chance."""
    drawn = numbers(count)
    known, unknown = drawn[:count], drawn[count : 2 * count]
    installation = install(
        tmp_path / "installation",
        agencies={"tax": Terms(subject=10**6, prefix=10**6)},
        people=[dict(BUDI), *({**BUDI, "NIK": nik} for nik in known)],
    )
    with running(installation) as service:
        positive, negative = observe(service, known, unknown)
    shapes = Counter(tuple(seen[name] for name in _SHAPES) for seen in (*positive, *negative))
    assert len(shapes) == 1, shapes
    assert len(positive) + len(negative) >= 2 * count - 1
    if count >= _CLASSIFIED:
        area = classifier.separation(positive, negative, seed=4)
        sys.stdout.write(
            f"\n{len(positive)} known, {len(negative)} unknown: area under the curve {area:.3f} (0.5 +- {CHANCE})"
        )
        assert abs(area - 0.5) <= CHANCE
