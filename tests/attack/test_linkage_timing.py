"""Attack 10, cold caches: whether one agency asked about a resident changes how long another one's question takes.

Ten thousand residents, each with a token at both agencies. In every round the service begins anew, and what the system
keeps of its files in memory is given back; then A asks by token about a random half, and B about everybody, in an order
of chance, and times each answer. Where a row, a page or a quotient that A's question has warmed made B's faster, or a
lock made it slower, the times of the two halves would part.

The area under the curve is taken within each round and weighed together, so that a round that is slower as a whole says
nothing. Its interval of 95 in 100 must lie within 0.01 of one half.
"""

from __future__ import annotations

import contextlib
import math
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from keys.purpose import Purpose
from padan import nik as nik_grammar
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2
from tests.attack.classifier import auc
from tests.attack.network.wire import VERIFY
from tests.attack.test_linkage import CHANCE, confidence
from tests.installation import install
from tests.people import AS_OF, BUDI
from tests.service import request, running
from tests.terms import Terms
from tokenizer.inner import Inner
from verifier.log.open import open_log
from verifier.token.domains import TokenDomains
from verifier.token.subjects import Subjects
from verifier.vault.open import open_rotations

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.installation import Installation
    from verifier.log.beside import Kept

pytestmark = [pytest.mark.attack, pytest.mark.long]

A, B = "tax", "health"
RESIDENTS = 10_000
ROUNDS = 10
SHARE = 0.5
MARGIN = 0.01
CALLERS = 4
PIECE = 5_000
WARM_UP = 200
"""Questions of B about others, so that its connection and the interpreter are warm, and no resident's row."""


def numbers(count: int) -> list[str]:
    """Make numbers of one provenance."""
    return [f"327301{1 + at % 28:02}{1 + at // 28_000:02}90{9000 + at // 28 % 1000}" for at in range(count)]


def tokens_of(made: Installation, niks: Sequence[str]) -> dict[str, list[bytes]]:
    """Issue a token of each resident to both agencies, by the service's own parts, and keep their rows."""
    found: dict[str, list[bytes]] = {A: [], B: []}
    with (
        closing(made.agent()) as agent,
        closing(open_log(made.settings.log_database)) as log,
        closing(open_rotations(made.settings.vault_database)) as vault,
    ):
        active = vault.active()
        assert active is not None
        ids = active.key_ids
        inner = Inner.of_agent(agent, index_id=ids[Purpose.INDEX], attribute_id=ids[Purpose.ATTRIBUTE])
        subjects = Subjects(TokenDomains(agent, grace_days=90), log)
        for first in range(0, len(niks), PIECE):
            kept: list[Kept] = []
            for text in niks[first : first + PIECE]:
                nik = nik_grammar.parse(text, AS_OF)
                for agency in (A, B):
                    records = ((inner.index_id, inner.record_id(nik)),)
                    issued = subjects.issue(nik, domain=agency, records=records)
                    found[agency].append(issued.token)
                    kept += issued.kept if agency == A else ()
            with log.transaction() as transaction:
                transaction.keep(kept)
                transaction.write({}, 0, [], [])
    return found


def give_back(folder: Path) -> None:
    """Let the system forget what it keeps of the databases' files in memory."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            with contextlib.closing(os.fdopen(descriptor, "rb")) as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def timed(channel: Any, token: bytes) -> float:
    """Ask one question by token, and give its time in seconds."""
    raw = request(
        subject_token=token, claims={vocabulary.ATTRIBUTE_NAME: BUDI["NAMA_LGKP"]}
    ).SerializeToString()
    verify = channel.unary_unary(VERIFY)
    begun = time.perf_counter()
    body = verify(raw, timeout=30)
    took = time.perf_counter() - begun
    assert verification_pb2.VerifyResponse.FromString(body).outcome == vocabulary.VERDICT_MATCH
    return took


def play(
    made: Installation, given: dict[str, list[bytes]], source: random.Random
) -> tuple[list[float], list[float]]:
    """Play one round; gives B's times about those whom A asked about, and about the others."""
    everybody = range(WARM_UP, len(given[B]))
    asked = set(source.sample(everybody, int(len(everybody) * SHARE)))
    order = source.sample(everybody, len(everybody))
    give_back(made.settings.data_dir)
    with (
        running(made) as service,
        service.channel(A) as ours,
        service.channel(B) as theirs,
        ThreadPoolExecutor(CALLERS) as pool,
    ):
        list(pool.map(lambda at: timed(theirs, given[B][at]), range(WARM_UP)))
        list(pool.map(lambda at: timed(ours, given[A][at]), source.sample(sorted(asked), len(asked))))
        times = list(pool.map(lambda at: timed(theirs, given[B][at]), order))
    warm = [each for at, each in zip(order, times, strict=True) if at in asked]
    cold = [each for at, each in zip(order, times, strict=True) if at not in asked]
    return warm, cold


@pytest.mark.timeout(1800)
def test_a_question_of_another_agency_warms_nothing_that_shows(tmp_path: Path) -> None:
    """B's times about residents whom A asked about are B's times about the others, within the stated confidence."""
    niks = numbers(RESIDENTS + WARM_UP)
    terms = {"subject": 1_000, "prefix": 100_000_000}
    made = install(
        tmp_path / "installation",
        agencies={agency: Terms(token_domain=agency, **terms) for agency in (A, B)},  # type: ignore[arg-type] # numbers
        people=[{**BUDI, "NIK": nik} for nik in niks],
        token_domains=(A, B),
    )
    given = tokens_of(made, niks)
    source = random.Random(10)
    figures: list[float] = []
    weights: list[int] = []
    width = 0.0
    for number in range(ROUNDS):
        warm, cold = play(made, given, source)
        figures.append(auc(cold, warm))
        weights.append(len(warm) * len(cold))
        width = confidence(len(warm), len(cold)) / math.sqrt(ROUNDS)
        print(
            f"round {number + 1}: {len(warm):,} against {len(cold):,} questions, AUC {figures[-1]:.4f}, median "
            f"{1000 * sorted(warm)[len(warm) // 2]:.2f} and {1000 * sorted(cold)[len(cold) // 2]:.2f} ms"
        )
    found = sum(figure * weight for figure, weight in zip(figures, weights, strict=True)) / sum(weights)
    print(f"AUC {found:.4f} +- {width:.4f} over {ROUNDS} rounds")
    assert abs(found - CHANCE) + width <= MARGIN


def test_a_difference_would_be_seen() -> None:
    """The control: of times that spread by a tenth, a shift of a hundredth is far outside of the margin."""
    source = random.Random(11)
    warm = [source.gauss(6.0, 0.3) for _ in range(20_000)]
    cold = [source.gauss(6.03, 0.3) for _ in range(20_000)]
    assert auc(cold, warm) - confidence(len(warm), len(cold)) > CHANCE + MARGIN
