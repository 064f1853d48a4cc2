"""Measures the protection of templates: what a probe costs the server from template to score, and an enrolment.

    python -m bench.biometrics [--people N] [--json]

Processor time in milliseconds, the median over generated templates (no person's data) of the least of three rounds: a
probe is prepared once and compared with as many references as its suite keeps, each under a key that is derived for
it. The worst template is one that nobody's finger or eye makes, as dear as a caller could send it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from keys.realm import Realm
from keys.templatekey import DRAW_SIZE, TemplateKeys
from tokenizer.biometrics.face import FaceScheme
from tokenizer.biometrics.finger import MOST_MINUTIAE, FingerScheme
from tokenizer.biometrics.iris import IrisScheme
from tokenizer.biometrics.template import FaceTemplate, FingerTemplate, IrisTemplate
from verifier.synthetic.biometrics.faces import Face
from verifier.synthetic.biometrics.fingers import Finger
from verifier.synthetic.biometrics.irises import Iris

if TYPE_CHECKING:
    from collections.abc import Callable

    from keys.templatekey import TemplateKey
    from tokenizer.biometrics.scheme import Scheme
    from tokenizer.biometrics.template import Template

_ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A suite and what is captured for it.

    Attributes:
        scheme: of the suite.
        captured: makes the template of a person's capture, both numbered.
        worst: the dearest template.
        at_most_ms: what a probe may cost.
    """

    scheme: Scheme
    captured: Callable[[int, int], Template]
    worst: Template
    at_most_ms: float


def _crowd() -> FingerTemplate:
    """Put as many minutiae as a record holds where each is a neighbour of many."""
    random = np.random.default_rng(1)
    rows = random.random((MOST_MINUTIAE, 4)) * [200, 200, 2 * np.pi, 1]
    return FingerTemplate(minutiae=rows.astype(np.float32))


def _long() -> FaceTemplate:
    """Make the longest embedding that is taken."""
    return FaceTemplate(vector=np.random.default_rng(1).standard_normal(512).astype(np.float32))


def _open() -> IrisTemplate:
    """Make an iris without a masked bit."""
    code = np.random.default_rng(1).integers(0, 2, (64, 256), dtype=np.uint8)
    return IrisTemplate(code=code, mask=np.ones_like(code))


def subjects() -> tuple[Subject, ...]:
    """List what is measured, a suite a line."""
    return (
        Subject(
            scheme=FaceScheme(),
            captured=lambda person, capture: Face(person).capture(capture),
            worst=_long(),
            at_most_ms=1.0,
        ),
        Subject(
            scheme=FingerScheme(),
            captured=lambda person, capture: Finger.of(person).impression(capture),
            worst=_crowd(),
            at_most_ms=8.0,
        ),
        Subject(
            scheme=IrisScheme(),
            captured=lambda person, capture: Iris(person).capture(capture),
            worst=_open(),
            at_most_ms=5.0,
        ),
    )


def measure(subject: Subject, people: int) -> dict[str, Any]:
    """Measure one suite."""
    suite = subject.scheme.suite
    each = [
        _costs(subject.scheme, *(subject.captured(person, n) for n in range(2))) for person in range(people)
    ]
    found = {name: statistics.median(costs[name] for costs in each) for name in each[0]}
    worst = _costs(subject.scheme, subject.captured(0, 0), subject.worst)["probe_ms"]
    return {
        "suite": suite.name,
        "bytes": suite.size,
        "references": suite.samples,
        **{name: round(figure, 3) for name, figure in found.items()},
        "worst_probe_ms": round(worst, 3),
        "at_most_ms": subject.at_most_ms,
    }


def _costs(scheme: Scheme, enrolled: Template, probe: Template) -> dict[str, float]:
    keys = TemplateKeys(Realm(registry_id="bench", environment="development"), bytearray(os.urandom(32)))
    suite, draw = scheme.suite, os.urandom(DRAW_SIZE)

    def derive() -> TemplateKey:
        return keys.derive(
            suite=suite.name, modality=suite.modality, extractor="bench/1", draw=draw, renewal=0
        )

    def enrol() -> bytes:
        return scheme.protect(scheme.prepare(enrolled), derive())

    def compare() -> None:
        prepared = scheme.prepare(probe)
        for _ in range(suite.samples):
            scheme.score(prepared, derive(), reference)

    reference = enrol()
    return {
        "prepare_ms": _milliseconds(lambda: scheme.prepare(probe)),
        "probe_ms": _milliseconds(compare),
        "enrol_ms": _milliseconds(enrol),
    }


def _milliseconds(work: Callable[[], object]) -> float:
    found = []
    for _ in range(_ROUNDS):
        begin = time.process_time()
        work()
        found.append((time.process_time() - begin) * 1e3)
    return min(found)


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description="What the protection and comparison of templates cost.")
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    figures = [measure(subject, chosen.people) for subject in subjects()]
    if chosen.json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    sys.stdout.write(
        f"{'suite':26}{'bytes':>7}{'references':>12}{'prepare':>9}{'probe':>8}{'enrol':>8}{'worst':>8}  goal\n"
    )
    for each in figures:
        reached = "reached" if each["probe_ms"] <= each["at_most_ms"] else "missed"
        sys.stdout.write(
            f"{each['suite']:26}{each['bytes']:>7,}{each['references']:>12}{each['prepare_ms']:>9.2f}"
            f"{each['probe_ms']:>8.2f}{each['enrol_ms']:>8.2f}{each['worst_probe_ms']:>8.2f}"
            f"  probe {each['at_most_ms']:g} ms {reached}\n"
        )


if __name__ == "__main__":
    main()
