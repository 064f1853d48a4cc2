"""The table of suites finds each by name and number, and enrols with one a modality."""

from __future__ import annotations

import pytest

from tokenizer.biometrics.suites import SCHEMES, SuiteError, enrolling, scheme_numbered, scheme_of
from tokenizer.biometrics.template import MODALITIES


def test_each_is_found_by_name_and_by_number() -> None:
    """No two suites share a name or a number, and each is of a modality that there is."""
    for scheme in SCHEMES:
        assert scheme_of(scheme.suite.name) is scheme
        assert scheme_numbered(scheme.suite.number) is scheme
        assert scheme.suite.modality in MODALITIES


@pytest.mark.parametrize(("modality", "number"), [("face", 1), ("finger", 2), ("iris", 3)])
def test_a_modality_enrols_with_one(modality: str, number: int) -> None:
    """New references are of this suite."""
    assert enrolling(modality).suite.number == number


def test_an_unknown_suite_is_refused() -> None:
    """By name, by number, and by modality."""
    with pytest.raises(SuiteError):
        scheme_of("face")
    with pytest.raises(SuiteError):
        scheme_numbered(0)
    with pytest.raises(SuiteError):
        enrolling("gait")
