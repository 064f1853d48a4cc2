"""A protected reference that was stolen: rebuilt with the key, and not without it.

Both halves matter: an attack that fails with the key too would prove nothing by failing without it.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench import evaluate_inversion
from tokenizer.biometrics import pairs, suites, trial, unprotected
from tokenizer.biometrics.accuracy import Curve
from tokenizer.biometrics.templatefile import TemplateSet
from verifier.synthetic.biometrics import faces, fingers, irises

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tokenizer.biometrics.template import Template

pytestmark = pytest.mark.attack
PEOPLE, CAPTURES = 16, 2
POPULATIONS: dict[str, Callable[[], Sequence[Sequence[Template]]]] = {
    "face": lambda: faces.population(40, CAPTURES),
    "finger": lambda: fingers.population(PEOPLE, CAPTURES),
    "iris": lambda: irises.population(PEOPLE, CAPTURES),
}


def given(modality: str) -> TemplateSet:
    """Generate people."""
    people = POPULATIONS[modality]()
    return TemplateSet(
        name="generated",
        modality=modality,
        field="generated",
        templates=tuple(itertools.chain.from_iterable(people)),
        instances=np.repeat(np.arange(len(people)), CAPTURES),
        groups=np.zeros(len(people) * CAPTURES, dtype=np.int64),
    )


@pytest.mark.parametrize("modality", POPULATIONS)
def test_a_reference_is_rebuilt_with_the_key_and_not_without(modality: str) -> None:
    """With the key most are accepted as another capture's like, without it as few as strangers are."""
    scheme = suites.enrolling(modality)
    kept = trial.gate(scheme, given(modality))
    chosen = pairs.choose(kept.instances, kept.groups, impostors=400)
    plain = Curve.of(
        *(unprotected.scores(modality, kept.templates, which) for which in (chosen.genuine, chosen.impostors))
    )
    known, unknown = evaluate_inversion.success(trial.Trial(scheme, kept), kept, plain.at_fmr(0.01).threshold)
    assert np.mean(known) > 0.7
    assert np.mean(unknown) < 0.15
