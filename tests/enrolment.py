"""An installation that compares captures: thresholds, a key of templates, and references of generated residents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq

from keys.keychange import Action, Change
from keys.purpose import Purpose
from padan.biometric import template
from padan.capture import Capture
from padan.question import Question
from padan.vocabulary import Modality
from tests.operating import operate
from tests.people import AS_OF
from tokenizer.biometrics import suites
from verifier.synthetic.biometrics.faces import MODEL
from verifier.synthetic.biometrics.trial import EXTRACTOR, POSITIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from padan.v1 import biometric_pb2
    from tests.installation import Installation
    from verifier.synthetic.biometrics.trial import Traits

SETTING: Final = 'biometric_thresholds = "thresholds.json"\n'
"""What a service's configuration says of the thresholds that `calibrate` writes."""
LEVEL: Final = "substantial"
APART: Final[Mapping[str, float]] = {"face": 0.72, "finger": 0.44, "iris": 0.66}
"""What 4,000 comparisons of two generated people reach at most (verifier/synthetic/biometrics)."""


def calibrate(
    made: Installation, *modalities: str, extractor: str = EXTRACTOR, elements: int = MODEL.size
) -> None:
    """Write thresholds a little above what generated impostors reach, from scores."""
    for modality in modalities:
        reached = [f"impostor,{APART[modality] * (1 - place / 10_000)}" for place in range(3_000)]
        scores = ["kind,score", *["genuine,0.9"] * 100, *reached]
        path = made.root / f"scores-{modality}.csv"
        path.write_text("\n".join(scores))
        suite = suites.enrolling(modality).suite.name
        words = ["--extractor", extractor, "--level", LEVEL, "--out", made.root / "thresholds.json"]
        words += ["--elements", elements] if modality == "face" else []
        operate(made, "calibrate", "scores", path, "--suite", suite, *words)


def taken(traits: Traits, modalities: Iterable[str]) -> dict[str, list[bytes]]:
    """Give the captures of one person that are enrolled, by modality."""
    return {modality: traits.enrolled(modality) for modality in modalities}


def enrol(made: Installation, held: Iterable[tuple[str, Mapping[str, Iterable[bytes]]]]) -> str:
    """Make a key of templates, and load references; give what the command says.

    Args:
        made: the installation.
        held: NIK and captures by modality (see `taken`) of each resident.
    """
    rows = [
        (nik, modality, POSITIONS[modality], EXTRACTOR, data)
        for nik, captures in held
        for modality, several in captures.items()
        for data in several
    ]
    names = ["nik", "modality", "position", "extractor", "template"]
    path = made.root / "references.parquet"
    pq.write_table(pa.table([list(column) for column in zip(*rows, strict=True)], names=names), path)
    made.custody().alone(Change(action=Action.SUCCEED, purpose=Purpose.BIOMETRIC))
    return operate(made, "reference", "load", path)


def capture(modality: str, data: bytes, *, evidence: biometric_pb2.CaptureEvidence | None = None) -> Capture:
    """Hand a serialised template to the client."""
    extractor = template.extractor(*EXTRACTOR.split("/"))
    return Capture(modality=Modality.of(modality), extractor=extractor, template=data, evidence=evidence)


def question(nik: str, **claims: str) -> Question:
    """Build a question of the purpose "present", to which captures come."""
    return Question.build(
        nik=nik,
        claims=claims,
        purpose="present",
        officer="desk-1",
        legal_basis="public_task",
        today=AS_OF,
        beside_captures=True,
    )
