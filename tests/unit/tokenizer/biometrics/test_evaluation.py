"""An evaluation measures the service's own flow: what protection costs, and that references cannot be linked."""

from __future__ import annotations

import itertools
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tokenizer.biometrics import evaluation, linkage, pairs, trial
from tokenizer.biometrics.face import FaceScheme
from tokenizer.biometrics.finger import FingerScheme
from tokenizer.biometrics.scheme import QualityError
from tokenizer.biometrics.template import FACE, FINGER, FaceTemplate, IrisTemplate
from tokenizer.biometrics.templatefile import TemplateFileError, TemplateSet
from verifier.synthetic.biometrics.fingers import population

if TYPE_CHECKING:
    from keys.templatekey import TemplateKey
    from tokenizer.biometrics.evaluation import Evaluation

PEOPLE, CAPTURES = 30, 4
SCORES = 3000
"""Of linkage; fewer than in service, so that the floor is higher and the tests are short."""


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linkage, "SCORES", SCORES)


def people(*, spread: float = 0.6, seed: int = 5) -> TemplateSet:
    """Make up faces: a direction a person, and captures around it."""
    random = np.random.default_rng(seed)
    centres = np.repeat(random.standard_normal((PEOPLE, 64)), CAPTURES, axis=0)
    vectors = centres + spread * random.standard_normal(centres.shape)
    return TemplateSet(
        name="made-up",
        modality=FACE,
        field="generated",
        templates=tuple(FaceTemplate(vector=vector.astype(np.float32)) for vector in vectors),
        instances=np.repeat(np.arange(PEOPLE), CAPTURES),
        groups=np.zeros(PEOPLE * CAPTURES, dtype=np.int64),
    )


@cache
def measured() -> Evaluation:
    """Measure them once."""
    return evaluation.evaluate(FaceScheme(), people(), impostors=2000)


def test_the_figures_have_the_promised_shape() -> None:
    """One document, rates in percent, as other programs read it."""
    document = measured().as_dict()
    assert {name: value for name, value in document.items() if not isinstance(value, dict)} == {
        "modality": "face",
        "set": "made-up",
        "suite": "face-hd3-1024/1",
        "bytes": 128,
        "refused_quality": 0.0,
    }
    assert document["unprotected"].keys() == {"eer", "fnmr_at_fmr_1e-3"}
    assert document["protected"].keys() == {
        *document["unprotected"],
        "d_sys",
        "d_sys_floor",
        "d_sys_reused_key",
    }


def test_protection_costs_little_and_every_pair_is_measured() -> None:
    """All genuine pairs and the impostor pairs asked for; the rates of both columns are close."""
    found = measured()
    assert found.plain.genuine.size == found.protected.genuine.size == PEOPLE * 6
    assert found.plain.impostors.size == found.protected.impostors.size == 2000
    assert abs(found.protected.eer - found.plain.eer) < 0.02


def test_fresh_keys_are_not_linkable_and_a_reused_key_is() -> None:
    """D_sys lies at its floor with a key for each enrolment, and above 0.9 where a key is used twice."""
    found = measured().linkage
    assert found.scores >= SCORES
    assert found.fresh - found.floor < 0.02
    assert found.floor < 0.08
    assert found.reused > 0.9


class Keyless(FaceScheme):
    """A scheme that forgets the key."""

    def protect(self, prepared: Any, key: TemplateKey, **named: Any) -> bytes:
        """Protect under a key that is always the same."""
        del key
        return super().protect(prepared, _FIXED, **named)

    def score(self, prepared: Any, key: TemplateKey, reference: bytes) -> float:
        """Compare under that key."""
        del key
        return super().score(prepared, _FIXED, reference)


_FIXED = trial.Trial(FaceScheme(), people()).key(0)


def test_a_scheme_that_forgets_the_key_is_found_out() -> None:
    """Its references are linkable although every enrolment was given a key of its own."""
    given = people()
    chosen = pairs.choose(given.instances, given.groups, impostors=2000)
    found = linkage.measure(trial.Trial(Keyless(), given), chosen, modality=FACE, instances=given.instances)
    assert found.fresh > 0.9


def test_a_renewed_key_makes_a_stranger_of_the_old_reference() -> None:
    """The person's own captures, even the enrolled one, score like impostors against the reference of before."""
    given = people()
    enrolled = trial.Trial(FaceScheme(), given)
    same = np.stack((np.arange(len(given.templates)),) * 2, axis=1)
    threshold = measured().protected.at_fmr(1e-3).threshold
    assert (enrolled.scores(same) > threshold).all()
    assert (enrolled.renewed(same) > threshold).mean() < 0.02


def test_an_impostor_has_the_key_of_whom_he_claims_to_be() -> None:
    """Each probe is compared under the enrolled one's key: under its own the figure would flatter."""
    given = people(spread=0.05)
    enrolled = trial.Trial(FaceScheme(), given)
    pair = np.array([[0, CAPTURES]])
    key = enrolled.key(0)
    expected = FaceScheme().score(enrolled.prepared(CAPTURES), key, enrolled.reference(0, key))
    assert enrolled.scores(pair)[0] == expected


def test_a_second_run_gives_the_same_figures() -> None:
    """Keys and choices come from a seed."""
    assert evaluation.evaluate(FaceScheme(), people(), impostors=2000).as_dict() == measured().as_dict()


class Choosy(FaceScheme):
    """A scheme with a gate."""

    def prepare(self, template: Any) -> Any:
        """Refuse half of all captures."""
        if template.vector[0] < 0:
            raise QualityError("too dark")
        return super().prepare(template)


def test_both_columns_are_under_the_same_gate() -> None:
    """What is refused is counted in percent, and left out of both curves."""
    found = evaluation.evaluate(Choosy(), people(), impostors=1000)
    kept = sum(bool(template.vector[0] >= 0) for template in people().templates)  # type: ignore[union-attr] # faces
    assert found.as_dict()["refused_quality"] == pytest.approx(
        100 * (1 - kept / (PEOPLE * CAPTURES)), abs=1e-3
    )
    assert found.plain.genuine.size == found.protected.genuine.size < PEOPLE * 6


def test_a_sample_of_another_modality_is_named() -> None:
    """A template that the scheme cannot take is told by the sample's number."""
    iris = IrisTemplate(code=np.zeros((64, 256), dtype=np.uint8), mask=np.ones((64, 256), dtype=np.uint8))
    given = people()
    mixed = TemplateSet(
        name="mixed",
        modality=FACE,
        field="generated",
        templates=(*given.templates[:5], iris),
        instances=given.instances[:6],
        groups=given.groups[:6],
    )
    with pytest.raises(TemplateFileError, match="sample 5 of array 'generated'"):
        evaluation.evaluate(FaceScheme(), mixed)


def test_fingers_are_measured_likewise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Minutiae pass the gate or not, are compared in slots, and their references link under one key alone."""
    monkeypatch.setattr(linkage, "SCORES", 300)
    impressions = population(10, 3)
    given = TemplateSet(
        name="made-up",
        modality=FINGER,
        field="generated",
        templates=tuple(itertools.chain.from_iterable(impressions)),
        instances=np.repeat(np.arange(10), 3),
        groups=np.zeros(30, dtype=np.int64),
    )
    found = evaluation.evaluate(FingerScheme(), given, impostors=100)
    assert found.suite.size == 2048
    assert found.protected.eer < 0.2
    assert found.linkage.fresh < 0.4
    assert found.linkage.reused > 0.9
