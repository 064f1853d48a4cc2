"""After a conversion, what A knows of its rows and B of its own joins nothing: neither places nor times.

A has its list, the order and the part of each row, and when it handed each part in. B has its file, the order and the
page of each token, and when it collected each page. The judge knows which row became which token, and looks whether
any of A's figures goes along with any of B's: rank correlation (Spearman), and how well a row's true partner is told
from another one by the nearness of their figures. The same look at a service that keeps the order finds everybody.

Of N rows Spearman's coefficient has a deviation of 1 / sqrt(N - 1) by chance: of 3,000 a correlation of 0.1 is seen
with a power above 0.99 at five deviations' false alarm, of 100,000 one of 0.02.
"""

from __future__ import annotations

import math
import random
import uuid
from typing import TYPE_CHECKING

import pytest

from keys.tokenkey import hashed
from padan.nik import Nik
from padan.token import Token
from padan.v1 import attribute_pb2, token_pb2
from tests.attack.classifier import auc
from tests.people import BUDI
from tests.simulator.world import START, World
from tests.terms import Terms
from tokenizer.conversion import Job
from tokenizer.tokenrow import TokenRow
from verifier.log.beside import Beside

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.attack

CHANCE = 0.5
JOB = str(uuid.UUID(int=1))


def make() -> World:
    """Make a world in which tax may convert to aid."""
    return World(
        seed=4,
        agencies={
            "tax": Terms(token_domain="tax", conversions=("aid",)),
            "aid": Terms(token_domain="aid", converted_from=("tax",)),
        },
        people=[BUDI],
    )


def issue(world: World, people: int) -> tuple[list[bytes], list[bytes]]:
    """Give both agencies a token of each resident, with the row behind it, whose record is BUDI's for all."""
    keys, inner = world.domains.current(), world.epoch.inner
    budi = ((inner.index_id, inner.record_id(Nik(BUDI["NIK"]))),)
    ours, theirs = [], []
    for number in range(people):
        element = hashed(b"32730101%08d" % (90_000_000 + number))
        name, box = keys.rows.seal(TokenRow(records=budi, element=keys.match.evaluate(element)))
        world.log.tables[Beside.TOKEN][name] = box
        ours.append(keys.domain("tax").issue(element))
        theirs.append(keys.domain("aid").issue(element))
    return ours, theirs


def said(world: World, request_id: str) -> token_pb2.Circumstances:
    """Say who asks."""
    world.clocks.step(1)
    return token_pb2.Circumstances(
        request_id=request_id,
        blind=world.random.randbytes(32),
        purpose="service",
        officer="o",
        legal_basis=attribute_pb2.LEGAL_BASIS_PUBLIC_TASK,
    )


def exchange(
    world: World, ours: Sequence[bytes], size: int
) -> tuple[list[float], dict[bytes, tuple[int, float]]]:
    """Hand in and collect; gives when each of A's rows was handed in, and of B's tokens the place and the time."""
    sent: list[float] = []
    for part, start in enumerate(range(0, len(ours), size), 1):
        tokens = ours[start : start + size]
        message = token_pb2.ConvertTokensRequest(
            circumstances=said(world, JOB),
            domain="aid",
            part=part,
            items=[token_pb2.ConvertItem(token=token) for token in tokens],
            last=start + size >= len(ours),
        )
        sent += [world.clocks.wall - START] * len(tokens)
        world.tokens.convert_tokens(world.call("tax", message.SerializeToString()))
    came: dict[bytes, tuple[int, float]] = {}
    after = b""
    while True:
        asked = token_pb2.CollectConvertedRequest(
            circumstances=said(world, str(uuid.UUID(bytes=world.random.randbytes(16)))),
            job_id=JOB,
            after=after,
        )
        body = world.tokens.collect_converted(world.call("aid", asked.SerializeToString()))
        page = token_pb2.CollectConvertedResponse.FromString(body)
        for item in page.items:
            came[item.token] = len(came), world.clocks.wall - START
        after = page.next
        if not after:
            return sent, came


def ranks(figures: Sequence[float]) -> list[float]:
    """Rank figures; equal ones share the middle of their ranks."""
    order = sorted(range(len(figures)), key=figures.__getitem__)
    found = [0.0] * len(figures)
    at = 0
    while at < len(order):
        end = at
        while end < len(order) and figures[order[end]] == figures[order[at]]:
            end += 1
        for place in order[at:end]:
            found[place] = (at + end - 1) / 2
        at = end
    return found


def spearman(one: Sequence[float], other: Sequence[float]) -> float:
    """Correlate ranks."""
    first, second = ranks(one), ranks(other)
    mean = (len(one) - 1) / 2
    a, b = [each - mean for each in first], [each - mean for each in second]
    product = sum(x * y for x, y in zip(a, b, strict=True))
    return product / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def look(world: World, people: int, size: int) -> tuple[dict[str, float], dict[str, float]]:
    """Give what joins rows to tokens: correlations, and areas under the curve, by the figures that are compared."""
    ours, theirs = issue(world, people)
    sent, came = exchange(world, ours, size)
    assert set(came) == set(theirs)
    mine = {"place": [float(place) for place in range(people)], "time": sent}
    other = {
        "place": [float(came[token][0]) for token in theirs],
        "time": [came[token][1] for token in theirs],
        "bytes": [float(int.from_bytes(Token.parse(token).element[:6], "big")) for token in theirs],
    }
    strangers = random.Random(2).sample(range(people), people)
    correlated, areas = {}, {}
    for name, a in mine.items():
        for kind, b in other.items():
            x, y = ranks(a), ranks(b)
            correlated[f"{name} {kind}"] = spearman(a, b)
            areas[f"{name} {kind}"] = auc(
                [-abs(x[at] - y[at]) for at in range(people)],
                [-abs(x[at] - y[strangers[at]]) for at in range(people)],
            )
    return correlated, areas


@pytest.mark.parametrize(
    ("people", "margin"), [(3_000, 0.03), pytest.param(100_000, 0.01, marks=pytest.mark.long)]
)
def test_order_and_time_carry_nothing(people: int, margin: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever of A's is held against whatever of B's: at chance."""
    size = 500 if people > 10_000 else 100
    monkeypatch.setattr("verifier.token.collecting.PAGE", size)
    correlated, areas = look(make(), people, size)
    print(f"{people} residents: {correlated} {areas}")
    assert all(abs(each) <= 5 / (people - 1) ** 0.5 for each in correlated.values()), correlated
    assert all(abs(each - CHANCE) <= margin for each in areas.values()), areas


def test_the_look_would_see_an_order_that_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """With names by part and place instead of the seed, everybody is found: by place and by time."""
    monkeypatch.setattr(
        Job, "item", lambda self, part, place: self.front + part.to_bytes(5, "big") + place.to_bytes(4, "big")
    )
    monkeypatch.setattr("verifier.token.collecting.PAGE", 100)
    correlated, areas = look(make(), 400, 100)
    assert (
        min(abs(correlated[name]) for name in ("place place", "place time", "time place", "time time")) > 0.9
    )
    assert areas["place place"] > 0.95
