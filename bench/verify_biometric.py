"""Measures what a question with captures costs a real service, beside a question about a name.

    python -m bench.verify_biometric [--calls N] [--json]

Server processor time a call (bench/cpu.py), of a service in one process on SQLite, with TLS, sealed captures, the entry
and the receipt. One resident has a face, three impressions of a finger and an iris, made up; the calls of each kind
take turns, one after the other. Calls a second are those of one processor.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench import cpu
from bench.table import Row, render
from padan.question import Question
from padan.vocabulary import Verdict
from tests import enrolment
from tests.installation import install
from tests.people import AS_OF, BUDI
from tests.service import running
from tests.terms import Present, Terms
from verifier.synthetic.biometrics.trial import POSITIONS, Traits

if TYPE_CHECKING:
    from tests.installation import Installation

KINDS = {
    "a name": (),
    "a face": ("face",),
    "a finger, three impressions enrolled": ("finger",),
    "an iris": ("iris",),
    "face, finger and iris": ("face", "finger", "iris"),
}
ROUNDS = 5


def prepare(folder: Path) -> Installation:
    """Install a registry that holds one resident's captures, and thresholds for them."""
    made = install(
        folder / "padan",
        agencies={"clinic": Terms(subject=1_000_000, present=Present(level=enrolment.LEVEL))},
        extra=f"{enrolment.SETTING}biometric_slot_ms = 1\n",
    )
    enrolment.calibrate(made, *POSITIONS)
    enrolment.enrol(made, [(BUDI["NIK"], enrolment.taken(Traits(1), POSITIONS))])
    return made


def measure(calls: int) -> dict[str, float]:
    """Measure, and give the server's milliseconds a call by kind: the median of the rounds."""
    captures = {modality: enrolment.capture(modality, Traits(1).good(modality)) for modality in POSITIONS}
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder:
        made = prepare(Path(folder))
        with running(made) as service, service.client("clinic", timeout=30.0) as client:
            for turn in range(ROUNDS + 1):
                for kind, modalities in KINDS.items():
                    before = cpu.seconds(cpu.tree(service.pid))
                    for _ in range(calls):
                        asked = Question.build(
                            nik=BUDI["NIK"],
                            claims={"name": BUDI["NAMA_LGKP"]},
                            purpose="present" if modalities else "service",
                            officer="desk-1",
                            legal_basis="public_task",
                            today=AS_OF,
                        )
                        seen = [captures[modality] for modality in modalities]
                        answer = client.verify_biometric(asked, seen) if seen else client.ask(asked)
                        if answer.outcome is not Verdict.MATCH:
                            raise RuntimeError(f"{kind}: not a match, but {answer.outcome.label}")
                    if turn:  # the first round warms up
                        found[kind].append((cpu.seconds(cpu.tree(service.pid)) - before) / calls * 1000)
    return {kind: statistics.median(values) for kind, values in found.items()}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.verify_biometric", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--calls", type=int, default=200, help="calls of each kind in each of five rounds")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    chosen = parser.parse_args()
    found = measure(chosen.calls)
    if chosen.json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
        return
    rows = [
        Row(
            name=f"{kind}: ms of the server, and calls a second",
            figure=value,
            unit=f"  {1000 / value:,.0f}/s",
        )
        for kind, value in found.items()
    ]
    sys.stdout.write(render(rows))


if __name__ == "__main__":
    main()
