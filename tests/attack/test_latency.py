"""Attacks 2 and 7 over the wire: neither shape nor time of an answer tells what the registry holds.

Inputs of one provenance: people drawn alike, every second one loaded; calls of the two classes in random order over
one connection.
"""

from __future__ import annotations

import itertools
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from padan.v1 import attribute_pb2, verification_pb2
from tests import service
from tests.attack import classifier, timing
from tests.installation import install
from tests.people import AS_OF
from tests.terms import Terms
from verifier.projector.columns import COLUMNS
from verifier.synthetic.population import Population, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import grpc

    from tests.service import RunningService

pytestmark = pytest.mark.attack

_VERIFY: Final = "/padan.v1.VerificationService/Verify"
_GENEROUS: Final = Terms(subject=1_000_000, prefix=1_000_000)
_JOINT: Final = "joint_subject_budget = 1000000\njoint_prefix_budget = 1000000\n"
_TIMEOUT: Final = 1_800


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is asked."""

    people: int
    calls: int
    answers: int
    tolerance: float
    strict: bool


_QUICK: Final = Scale(people=400, calls=400, answers=250, tolerance=0.15, strict=False)
_FULL: Final = Scale(people=31_000, calls=30_000, answers=2_000, tolerance=0.03, strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Whoever asks and looks at the clock."""

    running: RunningService
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes]
    held: Sequence[Mapping[str, str]]
    unknown: Sequence[Mapping[str, str]]
    scale: Scale

    def ask(
        self, message: verification_pb2.VerifyRequest
    ) -> tuple[verification_pb2.VerifyResponse, bytes, float]:
        """Ask; give the answer, its bytes and the microseconds it took."""
        raw = message.SerializeToString()
        begin = time.perf_counter_ns()
        answer = self.call(raw, timeout=5)
        elapsed = (time.perf_counter_ns() - begin) / 1_000
        return verification_pb2.VerifyResponse.FromString(answer), answer, elapsed


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("sqlite", _QUICK), id="quick"),
        pytest.param(("sqlite", _FULL), id="sqlite", marks=pytest.mark.long),
        pytest.param(("postgresql", _FULL), id="postgresql", marks=pytest.mark.long),
    ],
)
def observer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observer]:
    """Load every second of the people drawn, and start the service."""
    backend, scale = request.param
    rows = Population(people=scale.people, seed=7, as_of=AS_OF, faults=False).rows(Tally())
    people = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    whole = [person for person in people if person["NAMA_LGKP"] and person["STATUS_HIDUP"] == "1"]
    held, unknown = whole[::2], whole[1::2]
    root: Path = tmp_path_factory.mktemp("latency")
    urls = {}
    if backend == "postgresql":
        server = request.getfixturevalue("postgres_server")
        urls = {"log_url": server.make_database(), "vault_url": server.make_database()}
    installation = install(root / "padan", agencies={"tax": _GENEROUS}, people=held, extra=_JOINT, **urls)
    with service.running(installation) as running, running.channel("tax") as channel:
        yield Observer(
            running=running, call=channel.unary_unary(_VERIFY), held=held, unknown=unknown, scale=scale
        )


_RIGHT: Final = {
    attribute_pb2.ATTRIBUTE_NAME: "NAMA_LGKP",
    attribute_pb2.ATTRIBUTE_BIRTH_DATE: "TGL_LHR",
    attribute_pb2.ATTRIBUTE_SEX: "JENIS_KLMIN",
    attribute_pb2.ATTRIBUTE_LIFE_STATUS: "STATUS_HIDUP",
}
_WRONG: Final = {
    attribute_pb2.ATTRIBUTE_NAME: "KARTOSUWIRYO WIDYANINGRAT",
    attribute_pb2.ATTRIBUTE_BIRTH_DATE: "1901-01-01",
    attribute_pb2.ATTRIBUTE_LIFE_STATUS: "2",
}


def _question(
    person: Mapping[str, str], *wrong: attribute_pb2.Attribute.ValueType
) -> verification_pb2.VerifyRequest:
    claims = {attribute: person[field] for attribute, field in _RIGHT.items()}
    claims |= {attribute: _WRONG[attribute] for attribute in wrong}
    return service.request(
        nik=person["NIK"], claims={int(attribute): value for attribute, value in claims.items()}
    )


def _judge(observer: Observer, latency: Callable[[int], float], what: str) -> None:
    report = timing.analyse(timing.collect(latency, calls=observer.scale.calls, seed=7, warm_up=20))
    print(f"\n{what}: {report}")
    assert abs(report.max_t) < timing.T_LIMIT
    if observer.scale.strict:
        assert not report.distinguishable


@pytest.mark.timeout(_TIMEOUT)
def test_held_and_unknown_take_one_time(observer: Observer) -> None:
    """A number that is held and does not match takes as long as one that is not held; each is asked about once."""
    people = (itertools.cycle(observer.held), itertools.cycle(observer.unknown))

    def latency(kind: int) -> float:
        message = _question(next(people[kind]), attribute_pb2.ATTRIBUTE_NAME)
        answer, _, elapsed = observer.ask(message)
        assert answer.outcome == attribute_pb2.VERDICT_NO_MATCH
        return elapsed

    _judge(observer, latency, "held and cold, or unknown")


@pytest.mark.timeout(_TIMEOUT)
def test_a_warm_record_takes_no_other_time(observer: Observer) -> None:
    """One held number asked about over and over takes as long as one unknown number."""
    people = (observer.held[3], observer.unknown[3])

    def latency(kind: int) -> float:
        _, _, elapsed = observer.ask(_question(people[kind], attribute_pb2.ATTRIBUTE_NAME))
        return elapsed

    _judge(observer, latency, "held and warm, or unknown")


@pytest.mark.timeout(_TIMEOUT)
def test_first_and_last_wrong_claim_take_one_time(observer: Observer) -> None:
    """Which claim is wrong does not show in the time."""
    order = random.Random(5)
    wrong = (attribute_pb2.ATTRIBUTE_BIRTH_DATE, attribute_pb2.ATTRIBUTE_LIFE_STATUS)

    def latency(kind: int) -> float:
        _, _, elapsed = observer.ask(_question(order.choice(observer.held), wrong[kind]))
        return elapsed

    _judge(observer, latency, "first or last claim wrong")


@pytest.mark.timeout(_TIMEOUT)
def test_unknown_and_mismatch_cannot_be_told_apart(observer: Observer) -> None:
    """A classifier over size, status, fields and latency of answers does no better than chance."""
    order = random.Random(2)
    count = min(observer.scale.answers, len(observer.held), len(observer.unknown))
    pool = [("held", person) for person in observer.held[:count]]
    pool += [("unknown", person) for person in observer.unknown[:count]]
    order.shuffle(pool)
    seen: dict[str, list[Mapping[str, str | float]]] = {"held": [], "unknown": []}
    for kind, person in pool:
        answer, raw, elapsed = observer.ask(_question(person, attribute_pb2.ATTRIBUTE_NAME))
        verdicts = ",".join(str(item.verdict) for item in answer.verdicts)
        seen[kind].append(
            {
                "size": str(len(raw)),
                "outcome": str(answer.outcome),
                "verdicts": verdicts,
                "receipt": str(len(answer.receipt)),
                "contest": str(len(answer.contest)),
                "latency": elapsed,
            }
        )
    figure = classifier.separation(seen["held"], seen["unknown"], seed=2)
    print(f"\nAUC of held against unknown over {count} answers each: {figure:.3f}")
    assert abs(figure - 0.5) <= observer.scale.tolerance
    assert len({view["size"] for views in seen.values() for view in views}) == 1
