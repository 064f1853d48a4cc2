"""Attack 7 over the wire, on captures: how long an answer takes tells neither what is held nor what matched.

Real references in the vault, on both databases, and captures of one provenance: each class shows the same generated
captures, and chance decides who is enrolled. The service waits for no slot here (`biometric_slot_ms` is 1), so that
what is measured is the work itself; with the slot that it has by default the answers of all classes wait alike.
"""

from __future__ import annotations

import random
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from padan.presence import VERIFY_BIOMETRIC, Presence
from padan.question import Question
from padan.v1 import verification_pb2
from padan.vocabulary import Verdict
from tests import enrolment
from tests.attack import timing
from tests.installation import install
from tests.people import AS_OF, BUDI
from tests.service import running
from tests.terms import Present, Terms
from verifier.synthetic.biometrics.trial import Traits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import grpc

    from padan.capture import Capture
    from padan.info import ServiceInfo

pytestmark = pytest.mark.attack

MATCH, NO_MATCH = Verdict.MATCH, Verdict.NO_MATCH
TIMEOUT: Final = 1_800
JOINT: Final = "joint_subject_budget = 1000000\njoint_prefix_budget = 1000000\nbiometric_slot_ms = 1\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is asked.

    Attributes:
        backend: the database.
        pool: residents of each kind.
        calls: of each pair.
        strict: whether the medians are judged too.
    """

    backend: str
    pool: int
    calls: int
    strict: bool


QUICK: Final = Scale(backend="sqlite", pool=8, calls=400, strict=False)


def full(backend: str) -> Scale:
    """As many calls as the attack asks for."""
    return Scale(backend=backend, pool=60, calls=30_000, strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """An agency that looks at the clock.

    Attributes:
        call: bytes in, bytes out.
        service: what the service says of itself, its key for captures included.
        enrolled: residents with references, whose captures match.
        bare: residents without references.
        unknown: numbers that the registry does not hold.
        captures: of the enrolled, by modality, in their order.
    """

    scale: Scale
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes]
    service: ServiceInfo
    enrolled: Sequence[str]
    bare: Sequence[str]
    unknown: Sequence[str]
    captures: dict[str, list[Capture]]

    def ask(self, nik: str, seen: Capture) -> tuple[Verdict, float]:
        """Ask; give the outcome and the microseconds it took. Sealing is not timed."""
        asked = Question.build(
            nik=nik,
            claims={},
            purpose="present",
            officer="desk-1",
            legal_basis="public_task",
            today=AS_OF,
            beside_captures=True,
        )
        raw = Presence(asked, [seen], self.service).body
        begun = time.perf_counter_ns()
        answer = self.call(raw, timeout=10)
        elapsed = (time.perf_counter_ns() - begun) / 1_000
        outcome = verification_pb2.VerifyBiometricResponse.FromString(answer).answer.outcome
        return Verdict(outcome), elapsed


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(QUICK, id="quick"),
        pytest.param(full("sqlite"), id="sqlite", marks=pytest.mark.long),
        pytest.param(full("postgresql"), id="postgresql", marks=pytest.mark.long),
    ],
)
def observer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observer]:
    """Enrol every third of the residents drawn, leave every third without references, and start the service."""
    scale: Scale = request.param
    drawn = [
        f"3273{1 + at % 30:02}{1 + at % 28:02}{1 + at % 12:02}{50 + at % 49}{9001 + at:04}"
        for at in range(3 * scale.pool)
    ]
    enrolled, bare, unknown = (drawn[at::3] for at in range(3))
    urls = {}
    if scale.backend == "postgresql":
        server = request.getfixturevalue("postgres_server")
        urls = {"log_url": server.make_database(), "vault_url": server.make_database()}
    root: Path = tmp_path_factory.mktemp("captures")
    made = install(
        root / "padan",
        agencies={
            "clinic": Terms(subject=1_000_000, prefix=1_000_000, present=Present(level=enrolment.LEVEL))
        },
        people=[{**BUDI, "NIK": nik} for nik in (*enrolled, *bare)],
        extra=JOINT + enrolment.SETTING,
        **urls,
    )
    enrolment.calibrate(made, *CAPTURED)
    traits = [Traits(number) for number in range(scale.pool)]
    enrolment.enrol(made, [(nik, each, CAPTURED) for nik, each in zip(enrolled, traits, strict=True)])
    with running(made) as service, service.channel("clinic") as channel, service.client("clinic") as client:
        yield Observer(
            scale=scale,
            call=channel.unary_unary(VERIFY_BIOMETRIC),
            service=client.service_info(),
            enrolled=enrolled,
            bare=bare,
            unknown=unknown,
            captures={
                modality: [enrolment.capture(modality, each.good(modality)) for each in traits]
                for modality in CAPTURED
            },
        )


CAPTURED: Final = ("face", "finger", "iris")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two classes of questions.

    Attributes:
        asked: whom a capture is shown under, by class: of the observer's residents, and the place of the captured one.
        outcomes: what is answered.
    """

    asked: tuple[Callable[[Observer, int], str], Callable[[Observer, int], str]]
    outcomes: tuple[Verdict, Verdict]


def own(observer: Observer, place: int) -> str:
    """Name who was captured."""
    return observer.enrolled[place]


def other(observer: Observer, place: int) -> str:
    """Name another one with references."""
    return observer.enrolled[(place + 1 + place % 3) % len(observer.enrolled)]


PAIRS: Final = {
    "match and mismatch": Pair(asked=(own, other), outcomes=(MATCH, NO_MATCH)),
    "mismatch and modality not held": Pair(
        asked=(other, lambda observer, place: observer.bare[place]), outcomes=(NO_MATCH, NO_MATCH)
    ),
    "modality and number not held": Pair(
        asked=(
            lambda observer, place: observer.bare[place],
            lambda observer, place: observer.unknown[place],
        ),
        outcomes=(NO_MATCH, NO_MATCH),
    ),
}


@pytest.mark.timeout(TIMEOUT)
@pytest.mark.parametrize("modality", CAPTURED)
@pytest.mark.parametrize("what", PAIRS)
def test_an_answer_takes_one_time(observer: Observer, what: str, modality: str) -> None:
    """Two classes cannot be told apart by the clock of who asks."""
    pair, captures, scale = PAIRS[what], observer.captures[modality], observer.scale
    source = random.Random(5)
    usable = [
        place
        for place, seen in enumerate(captures)
        if all(
            observer.ask(pair.asked[kind](observer, place), seen)[0] is pair.outcomes[kind] for kind in (0, 1)
        )
    ]
    assert len(usable) > scale.pool // 2

    def latency(kind: int) -> float:
        place = source.choice(usable)
        outcome, elapsed = observer.ask(pair.asked[kind](observer, place), captures[place])
        assert outcome is pair.outcomes[kind]
        return elapsed

    report = timing.analyse(timing.collect(latency, calls=scale.calls, seed=7, warm_up=20))
    sys.stdout.write(f"\n{modality}, {what}: {report}")
    assert abs(report.max_t) < timing.T_LIMIT
    if scale.strict:
        assert not report.medians_apart
