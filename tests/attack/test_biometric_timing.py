"""Attack 7's method on captures: what a comparison costs tells neither who is held, nor what matched.

The core is timed as in test_constant_time, without network and disk. The comparison is the service's own for faces; the
rows around it lie in memory, where a reference and a decoy cost the same look-up.
"""

from __future__ import annotations

import gc
import sys
import time
from typing import TYPE_CHECKING

import pytest

from padan.v1 import attribute_pb2 as vocabulary
from tests.attack import timing
from tests.people import BUDI
from tests.simulator.booth import Booth
from tests.simulator.world import World
from tests.terms import Present, Terms
from verifier.biometric.evidence import CapturedEvidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from verifier.biometric.ports import Candidate
    from verifier.biometric.reception import Capture

pytestmark = [pytest.mark.attack, pytest.mark.long]

MATCH, NO_MATCH = vocabulary.VERDICT_MATCH, vocabulary.VERDICT_NO_MATCH
CALLS = 30_000
POOL = 60
FORGIVEN = 0.002
"""Share of the median that two classes may differ by: two pools lie elsewhere in memory; a comparison that is left
out shows as a hundred times that."""


class Ground:
    """People of every kind, drawn from one population."""

    def __init__(self) -> None:
        drawn = [
            f"3273{1 + at % 30:02}{1 + at % 28:02}{1 + at % 12:02}{50 + at % 49}{9001 + at:04}"
            for at in range(3 * POOL)
        ]
        self.enrolled, self.bare, self.unknown = (drawn[at::3] for at in range(3))
        people = [{**BUDI, "NIK": nik} for nik in (*self.enrolled, *self.bare)]
        terms = Terms(subject=10**9, prefix=10**9, present=Present())
        self.world = World(seed=9, agencies={"clinic": terms}, people=people)
        drafts = self.world.ground["drafts"]
        drafts._joint_subject = drafts._joint_prefix = 10**9
        self.booth = Booth(self.world)
        for nik in self.enrolled:
            self.booth.enrol(nik, "face", self.booth.budi)

    def ask(self, nik: str, *, right: bool) -> tuple[int, float]:
        """Ask; give the outcome and the microseconds of this thread."""
        booth, log = self.booth, self.world.log
        vector = booth.seen(booth.budi if right else booth.sari)
        question = booth.question(nik)
        probe = booth.probe(question, "face", vector)
        self.world.clocks.step(0.001)
        if len(log.rows) > 256:
            log.rows.clear()
            log.kept.clear()
            log.groups.clear()
            gc.collect(0)
        begun = time.thread_time_ns()
        reply = booth.reply(question, probe)
        return reply.outcome, (time.thread_time_ns() - begun) / 1_000


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """One world for all pairs, without sweeps of the collector's."""
    made = Ground()
    gc.collect()
    gc.freeze()
    gc.disable()
    yield made
    gc.enable()
    gc.unfreeze()


PAIRS: dict[str, tuple[Callable[[Ground, int], tuple[int, float]], tuple[int, int]]] = {
    "match and mismatch": (
        lambda ground, kind: ground.ask(_of(ground.enrolled, ground), right=not kind),
        (MATCH, NO_MATCH),
    ),
    "mismatch and modality not held": (
        lambda ground, kind: ground.ask(_of((ground.enrolled, ground.bare)[kind], ground), right=False),
        (NO_MATCH, NO_MATCH),
    ),
    "modality and number not held": (
        lambda ground, kind: ground.ask(_of((ground.bare, ground.unknown)[kind], ground), right=True),
        (NO_MATCH, NO_MATCH),
    ),
    "decoys of two kinds": (
        lambda ground, kind: ground.ask(_of(ground.unknown, ground), right=bool(kind)),
        (NO_MATCH, NO_MATCH),
    ),
}


def _of(pool: list[str], ground: Ground) -> str:
    return ground.world.random.choice(pool)


@pytest.mark.parametrize("what", PAIRS)
def test_a_comparison_costs_the_same(ground: Ground, what: str) -> None:
    """Two classes cannot be told apart by what they cost, beyond what memory makes of them."""
    make, outcomes = PAIRS[what]

    def latency(kind: int) -> float:
        outcome, elapsed = make(ground, kind)
        assert outcome == outcomes[kind]
        return elapsed

    samples = timing.collect(latency, calls=CALLS, seed=11, warm_up=200)
    report = timing.analyse(samples)
    most = FORGIVEN * report.median_us
    forgiven = max(-most, min(most, report.median_difference_us))
    moved = timing.Samples(first=[value - forgiven for value in samples.first], second=samples.second)
    max_t = abs(timing.analyse(moved).max_t)
    sys.stdout.write(f"\n{what}: {report}; |t| of what exceeds {most:.1f} us {max_t:.2f}\n")
    assert max_t < timing.T_LIMIT


def test_a_comparison_that_is_left_out_is_found(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same method tells who is held where decoys are not compared, so that it could fail above."""
    accepts = CapturedEvidence._accepts

    def hasty(self: CapturedEvidence, capture: Capture, candidate: Candidate) -> tuple[bool, bool]:
        return accepts(self, capture, candidate) if candidate.counts else (False, False)

    monkeypatch.setattr(CapturedEvidence, "_accepts", hasty)
    make, _ = PAIRS["mismatch and modality not held"]
    report = timing.analyse(
        timing.collect(lambda kind: make(ground, kind)[1], calls=2_000, seed=12, warm_up=50)
    )
    sys.stdout.write(f"\na comparison left out: {report}\n")
    assert abs(report.max_t) > timing.T_LIMIT
