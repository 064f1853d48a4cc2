"""Attack 7 over the wire, on captures: how long an answer takes tells neither what is held nor what matched.

Real references in the vault, on both databases, and captures of one provenance: each class shows the same generated
captures, and chance decides who is enrolled. Some residents are asked about again and again; each of many others once,
so that what is read for the first time is seen too. The service waits for no slot here (`biometric_slot_ms` is 1): what
is measured is the work itself. With the slot that it has by default the answers of all classes wait alike.
"""

from __future__ import annotations

import collections
import contextlib
import math
import random
import sys
import time
from dataclasses import dataclass
from itertools import accumulate, chain, count, cycle, pairwise
from typing import TYPE_CHECKING, Final, Self

import pytest

from padan.presence import VERIFY_BIOMETRIC, Presence
from padan.v1 import verification_pb2
from padan.vocabulary import Verdict
from tests import enrolment
from tests.attack import timing
from tests.installation import install
from tests.people import BUDI
from tests.postgres import PostgresServer
from tests.service import running
from tests.terms import Present, Terms
from verifier.synthetic.biometrics.trial import Traits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import grpc

    from padan.capture import Capture
    from padan.info import ServiceInfo
    from tests.installation import Installation

pytestmark = pytest.mark.attack

MATCH, NO_MATCH = Verdict.MATCH, Verdict.NO_MATCH
CAPTURED: Final = ("face", "finger", "iris")
TIMEOUT: Final = 3_600
WARM_UP: Final = 20
JOINT: Final = "joint_subject_budget = 1000000\njoint_prefix_budget = 1000000\nbiometric_slot_ms = 1\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is asked.

    Attributes:
        backend: the database.
        pool: residents of each kind who are asked about again and again.
        calls: of each pair.
        strict: whether the medians are judged too.
    """

    backend: str
    pool: int
    calls: int
    strict: bool

    @property
    def once(self) -> int:
        """How many residents of a kind are asked about once each: half of the calls, and what chance adds to a half."""
        return self.calls // 2 + 3 * math.isqrt(self.calls) + WARM_UP


QUICK: Final = Scale(backend="sqlite", pool=8, calls=400, strict=False)


def full(backend: str) -> Scale:
    """As many calls as the attack asks for, and as the medians need: on PostgreSQL they stray by twice as much."""
    return Scale(backend=backend, pool=60, calls=60_000 if backend == "postgresql" else 30_000, strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Residents, dealt to the classes by chance.

    Attributes:
        enrolled: with references, whose captures match.
        bare: without references.
        unknown: numbers that the registry does not hold.
        once: by modality, residents with references of it and residents without, nobody twice.
    """

    enrolled: Sequence[str]
    bare: Sequence[str]
    unknown: Sequence[str]
    once: dict[str, tuple[Sequence[str], Sequence[str]]]

    @classmethod
    def of(cls, scale: Scale) -> Self:
        """Draw numbers."""
        sizes = [*[scale.pool] * 3, *[scale.once] * 2 * len(CAPTURED)]
        drawn = [
            f"3273{1 + at % 30:02}{1 + at % 28:02}{1 + at % 12:02}{50 + at % 49}{1 + at % 9_999:04}"
            for at in range(sum(sizes))
        ]
        random.Random(3).shuffle(drawn)
        heaps = [drawn[first:last] for first, last in pairwise([0, *accumulate(sizes)])]
        enrolled, bare, unknown, *once = heaps
        pairs = zip(CAPTURED, once[::2], once[1::2], strict=True)
        return cls(
            enrolled=enrolled,
            bare=bare,
            unknown=unknown,
            once={modality: (held, without) for modality, held, without in pairs},
        )

    @property
    def registered(self) -> list[str]:
        """All whom the registry holds."""
        return sorted({*self.enrolled, *self.bare, *chain(*chain(*self.once.values()))})


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """An agency that looks at the clock.

    Attributes:
        call: bytes in, bytes out.
        service: what the service says of itself, its key for captures included.
        people: whom it asks about.
        captures: of the enrolled, by modality, in their order.
        worn: a finger that is too poor to be compared.
    """

    scale: Scale
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes]
    service: ServiceInfo
    people: Drawn
    captures: dict[str, list[Capture]]
    worn: Capture

    def ask(self, nik: str, seen: Capture) -> tuple[Verdict, float]:
        """Ask; give the outcome and the microseconds it took. Sealing is not timed."""
        asked = enrolment.question(nik)
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
    """Draw residents, let chance deal them to the classes, and start the service."""
    scale: Scale = request.param
    people, traits = Drawn.of(scale), [Traits(number) for number in range(scale.pool)]
    root: Path = tmp_path_factory.mktemp("captures")
    agency = Terms(subject=1_000_000, prefix=1_000_000, present=Present(level=enrolment.LEVEL))
    with databases(scale) as (log_url, vault_url):
        made = install(
            root / "padan",
            agencies={"clinic": agency},
            people=[{**BUDI, "NIK": nik} for nik in people.registered],
            extra=JOINT + enrolment.SETTING,
            log_url=log_url,
            vault_url=vault_url,
        )
        enrol(made, people, traits)
        with (
            running(made) as service,
            service.channel("clinic") as channel,
            service.client("clinic") as client,
        ):
            yield Observer(
                scale=scale,
                call=channel.unary_unary(VERIFY_BIOMETRIC),
                service=client.service_info(),
                people=people,
                captures={
                    modality: [enrolment.capture(modality, each.good(modality)) for each in traits]
                    for modality in CAPTURED
                },
                worn=enrolment.capture("finger", traits[0].worn(1)),
            )


@contextlib.contextmanager
def databases(scale: Scale) -> Iterator[tuple[str, str]]:
    """Name log and vault. PostgreSQL is as an operator has it: it keeps statistics, vacuums and flushes."""
    if scale.backend == "sqlite":
        yield "", ""
        return
    with PostgresServer(durable=True) as server:
        yield server.make_database(), server.make_database()


def enrol(made: Installation, people: Drawn, traits: Sequence[Traits]) -> None:
    """Enrol some by all modalities, and others, who have their traits by turns, by one."""
    enrolment.calibrate(made, *CAPTURED)
    taken = [enrolment.taken(each, CAPTURED) for each in traits]
    others = [
        (nik, {modality: each[modality]})
        for modality, (held, _) in people.once.items()
        for nik, each in zip(held, cycle(taken), strict=False)
    ]
    enrolment.enrol(made, [*zip(people.enrolled, taken, strict=True), *others])


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
    return observer.people.enrolled[place]


def other(observer: Observer, place: int) -> str:
    """Name another one with references."""
    return observer.people.enrolled[(place + 1 + place % 3) % len(observer.people.enrolled)]


PAIRS: Final = {
    "match and mismatch": Pair(asked=(own, other), outcomes=(MATCH, NO_MATCH)),
    "mismatch and modality not held": Pair(
        asked=(other, lambda observer, place: observer.people.bare[place]), outcomes=(NO_MATCH, NO_MATCH)
    ),
    "modality and number not held": Pair(
        asked=(
            lambda observer, place: observer.people.bare[place],
            lambda observer, place: observer.people.unknown[place],
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

    # Both classes show each capture as often, by chance in another order: captures differ by more than classes may.
    shown = [chain.from_iterable(source.sample(usable, len(usable)) for _ in count()) for _ in pair.asked]

    def latency(kind: int) -> float:
        place = next(shown[kind])
        outcome, elapsed = observer.ask(pair.asked[kind](observer, place), captures[place])
        assert outcome is pair.outcomes[kind]
        return elapsed

    judge(observer, latency, f"{modality}, {what}")


@pytest.mark.timeout(TIMEOUT)
@pytest.mark.parametrize("modality", CAPTURED)
def test_a_first_answer_takes_one_time(observer: Observer, modality: str) -> None:
    """Nor can they by what is read for the first time: each resident is asked about once, with another's capture."""
    source, captures = random.Random(5), observer.captures[modality]
    # In another order than they were enrolled in: neighbours in a file are read faster, and nobody knows who they are.
    residents = [
        iter(source.sample(list(enumerate(niks)), len(niks))) for niks in observer.people.once[modality]
    ]
    outcomes: collections.Counter[Verdict] = collections.Counter()

    def latency(kind: int) -> float:
        at, nik = next(residents[kind])
        outcome, elapsed = observer.ask(nik, captures[at % len(captures) - 1])
        outcomes[outcome] += 1
        return elapsed

    judge(observer, latency, f"{modality}, held or not, asked once")
    assert outcomes.keys() <= {MATCH, NO_MATCH}
    assert outcomes[MATCH] <= sum(outcomes.values()) // 1_000  # as often as this level accepts a stranger


@pytest.mark.timeout(TIMEOUT)
def test_a_comparison_that_is_left_out_is_seen(observer: Observer) -> None:
    """The same clock tells a finger that is too poor from one that is compared: what is left out would be seen above.

    That one may be told: it follows from the capture alone, and whoever took the capture knows it.
    """
    shown = (observer.captures["finger"][0], observer.worn)
    wanted = (MATCH, Verdict.QUALITY)

    def latency(kind: int) -> float:
        outcome, elapsed = observer.ask(observer.people.enrolled[0], shown[kind])
        assert outcome is wanted[kind]
        return elapsed

    report = timing.analyse(timing.collect(latency, calls=1_000, seed=7, warm_up=WARM_UP))
    sys.stdout.write(f"\na comparison left out: {report}")
    assert report.distinguishable
    assert abs(report.max_t) > timing.T_LIMIT


def judge(observer: Observer, latency: Callable[[int], float], what: str) -> None:
    """Time two classes, print what that shows, and hold it to the marks."""
    report = timing.analyse(timing.collect(latency, calls=observer.scale.calls, seed=7, warm_up=WARM_UP))
    sys.stdout.write(f"\n{observer.scale.backend}, {what}: {report}")
    assert abs(report.max_t) < timing.T_LIMIT
    if observer.scale.strict:
        assert not report.distinguishable
