"""A service compares embeddings of the dimension that it was calibrated on, and says so where it does not know it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from padan.biometric import template
from padan.errors import InvalidRequestError
from padan.v1 import biometric_pb2
from padan.vocabulary import Verdict
from tests.enrolment import LEVEL, SETTING, calibrate, capture, enrol, question, taken
from tests.installation import install
from tests.people import BUDI
from tests.service import running
from tests.simulator.terminal import run
from tests.terms import Present, Terms
from verifier.cli.server import main
from verifier.synthetic.biometrics.faces import MODEL
from verifier.synthetic.biometrics.trial import EXTRACTOR, Traits

if TYPE_CHECKING:
    from padan.answer import Verification
    from padan.client import Client
    from tests.installation import Installation

WARNING = "embeddings of any number of elements are compared"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation that holds one face, and of whom one wrong guess may be made."""
    clinic = Terms(subject=1, present=Present(level=LEVEL))
    found = install(tmp_path_factory.mktemp("elements") / "padan", agencies={"clinic": clinic}, extra=SETTING)
    calibrate(found, "face")
    enrol(found, [(BUDI["NIK"], taken(Traits(1), ["face"]))])
    return found


def ask(client: Client, data: bytes) -> Verification:
    """Ask about Budi by his face."""
    asked = question(BUDI["NIK"])
    return client.verify_biometric(asked, [capture("face", data)])


def other() -> bytes:
    """Make of Budi's face what a version with fewer elements would."""
    message = biometric_pb2.Template.FromString(Traits(1).good("face"))
    numbers = np.frombuffer(message.embedding.elements, dtype="<f4")
    return template.face(numbers[: MODEL.size // 2].tolist()).SerializeToString()


def test_another_dimension_is_refused_and_costs_no_guess(made: Installation) -> None:
    """A counter with the wrong software is told what it takes, as often as it asks, and the right face matches then."""
    with running(made) as service, service.client("clinic", timeout=30.0) as client:
        for _ in range(3):
            with pytest.raises(InvalidRequestError) as refused:
                ask(client, other())
            (field,) = refused.value.fields
            assert (refused.value.reason, field.field) == ("INVALID_FIELD", "probes[0].sealed")
            assert f"an embedding of {MODEL.size} elements" in field.rule
        assert ask(client, Traits(1).good("face")).outcome is Verdict.MATCH
        assert WARNING not in service.messages()


def test_a_file_of_the_release_before_serves_with_a_warning(made: Installation) -> None:
    """It does not say the dimension: the start and the inspection name the extractor, and captures are answered."""
    path = made.root / "thresholds.json"
    kept = path.read_text()
    document = json.loads(kept)
    for entry in document["thresholds"]:
        del entry["elements"]
    path.write_text(json.dumps({**document, "format": 1}))
    try:
        with running(made) as service, service.client("clinic", timeout=30.0) as client:
            assert ask(client, Traits(1).good("face")).outcome is Verdict.MATCH
            (line,) = [each for each in service.messages().splitlines() if WARNING in each]
            assert EXTRACTOR in line
        said = run(main, "--config", str(made.config_path), "config", "check").out
        assert f"biometric_thresholds: embeddings of {EXTRACTOR} are compared whatever" in said
    finally:
        path.write_text(kept)
